//! What init has to say: one line per event.

use std::fmt;
use std::time::Duration;

use nix::unistd::Pid;
use tracing::Level;

use super::child::Told;
use super::signals::Signal;
use super::status::Ended;

/// Who began the end of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A signal to init; `sender` is 0 when it came from outside the PID namespace or from the kernel.
    Signal {
        signal: Signal,
        sender: i32,
    },
    MainEnded {
        name: String,
    },
    /// A helper ended with a code that means the end of the container.
    HelperEnded {
        name: String,
        code: u8,
    },
    HelperKeptCrashing {
        name: String,
    },
    StartFailed {
        name: String,
        code: u8,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { signal, .. } => write!(f, "{signal}"),
            Self::MainEnded { name }
            | Self::HelperEnded { name, .. }
            | Self::HelperKeptCrashing { name }
            | Self::StartFailed { name, .. } => f.write_str(name),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Started {
        name: String,
        pid: Pid,
    },
    Ended {
        name: String,
        pid: Pid,
        ended: Ended,
        ran: Duration,
        /// What init had told it before.
        told: Told,
    },
    /// A process that init has adopted.
    OrphanEnded {
        pid: Pid,
        ended: Ended,
    },
    Restarting {
        name: String,
        wait: Duration,
    },
    KeptCrashing {
        name: String,
        crashes: u32,
    },
    Stopping {
        cause: Cause,
        grace: Duration,
    },
    /// A child's share of the grace is over, the next ones are told to stop.
    ShareOver {
        name: String,
    },
    /// Processes other than the plan's children are still there.
    Sweeping,
    GraceOver {
        after: Duration,
        alive: Vec<String>,
    },
    /// SIGKILL did not end everything in time.
    Unkillable {
        alive: Vec<String>,
    },
    Remapped {
        from: u8,
        to: u8,
    },
    /// The main child would have died of it.
    QuitDropped {
        name: String,
    },
}

impl Note {
    pub fn level(&self) -> Level {
        match self {
            Self::OrphanEnded { .. } | Self::Sweeping => Level::DEBUG,
            Self::Started { .. } | Self::Stopping { .. } | Self::Remapped { .. } => Level::INFO,
            Self::Ended { ended: Ended::Exited(0), .. } | Self::Ended { told: Told::Stop, .. } => Level::INFO,
            Self::Ended { told: Told::Nothing | Told::Kill, .. }
            | Self::Restarting { .. }
            | Self::ShareOver { .. }
            | Self::GraceOver { .. }
            | Self::QuitDropped { .. }
            | Self::Unkillable { .. } => Level::WARN,
            Self::KeptCrashing { .. } => Level::ERROR,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { name, pid } => write!(f, "started {name} pid={pid}"),
            Self::Ended { name, pid, ended, ran, told: _ } => {
                write!(f, "{name} {ended} pid={pid} after={}", Seconds(*ran))
            }
            Self::OrphanEnded { pid, ended } => write!(f, "adopted process {ended} pid={pid}"),
            Self::Restarting { name, wait } => write!(f, "starting {name} again in {}", Seconds(*wait)),
            Self::KeptCrashing { name, crashes } => {
                write!(f, "{name} crashed {crashes} times in a row, giving up")
            }
            Self::Stopping { cause, grace } => {
                write!(f, "stopping by={cause} grace={}", Seconds(*grace))?;
                match cause {
                    Cause::Signal { sender, .. } if *sender > 0 => write!(f, " sender={sender}"),
                    Cause::HelperEnded { code, .. } | Cause::StartFailed { code, .. } => {
                        write!(f, " code={code}")
                    }
                    Cause::Signal { .. } | Cause::MainEnded { .. } | Cause::HelperKeptCrashing { .. } => {
                        Ok(())
                    }
                }
            }
            Self::ShareOver { name } => write!(f, "{name} has not stopped within its share of the grace"),
            Self::Sweeping => f.write_str("stopping the processes that are left"),
            Self::GraceOver { after, alive } => {
                write!(f, "killing what is left after={}{}", Seconds(*after), Alive(alive))
            }
            Self::Unkillable { alive } => {
                write!(f, "leaving processes that SIGKILL did not end{}", Alive(alive))
            }
            Self::QuitDropped { name } => write!(f, "dropped SIGQUIT, for which {name} has no handler"),
            Self::Remapped { from, to } => write!(f, "exit code {from} is reported as {to}"),
        }
    }
}

/// Seconds with one decimal.
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a floating point number, whose formatting alone is as long as the rest of a line's.
        let tenths = (self.0.as_millis() + 50) / 100;
        write!(f, "{}.{}s", tenths / 10, tenths % 10)
    }
}

struct Alive<'a>(&'a [String]);

impl fmt::Display for Alive<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0.join(", ")) }
    }
}
