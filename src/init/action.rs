//! What the stage machine and its driver tell each other.

use std::fmt;
use std::time::Duration;

use nix::unistd::Pid;

use super::note::{Cause, Note, Seconds};
use super::signals::Signal;
use super::status::Ended;

/// An order to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the child with this index of the plan.
    Start(usize),
    /// Start this one once more, for what it does when the container stops.
    StartForFarewell(usize),
    /// All children run: let go of what only the start needed.
    Settle,
    Signal {
        target: Target,
        signal: Signal,
    },
    /// Stop init itself, until SIGCONT.
    Suspend,
    /// Tell the machine which signals this process has handlers for.
    LookAtHandlers(Pid),
    /// Signal everything below init that is not one of the plan's children.
    SignalRest(Signal),
    Say(Note),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Process(Pid),
    Group(Pid),
}

/// Whether any process is left that init must wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    None,
    Some,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub code: u8,
    pub cause: Cause,
    /// `None` when the main child was never started or could not be waited for.
    pub main: Option<Ended>,
    /// Whether init sent the main child SIGKILL.
    pub main_killed: bool,
    /// The time from the first start.
    pub after: Duration,
    /// How many processes of this container the kernel has killed for want of memory meanwhile; 0 when the main child
    /// says that all is well.
    pub oom_kills: u64,
}

/// Why the container ended, in one line.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, cause, main, main_killed, after, oom_kills } = self;
        write!(f, "ended code={code} by={cause} after={}", Seconds(*after))?;
        match main {
            Some(ended @ Ended::Killed { signal: Signal::KILL, .. }) => {
                let by = match (main_killed, oom_kills) {
                    (true, _) => "from init",
                    (false, 0) => "from somebody else",
                    (false, _) => "from the kernel, out of memory",
                };
                write!(f, " main=\"{ended} {by}\"")?;
            }
            Some(ended) => write!(f, " main=\"{ended}\"")?,
            None => {}
        }
        if *oom_kills > 0 {
            write!(f, " oom_kills={oom_kills}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_tells_kills_apart() {
        let killed = |signal| Some(Ended::Killed { signal, core_dumped: false });
        let cases = [
            (killed(Signal::KILL), true, 0, "killed by SIGKILL from init\""),
            (killed(Signal::KILL), false, 0, "killed by SIGKILL from somebody else\""),
            (
                killed(Signal::KILL),
                false,
                2,
                "killed by SIGKILL from the kernel, out of memory\" oom_kills=2",
            ),
            // A process of the container was killed, but not this one.
            (Some(Ended::Exited(1)), false, 1, "exited 1\" oom_kills=1"),
            (killed("SEGV".parse().unwrap()), false, 0, "killed by SIGSEGV\""),
        ];
        for (main, main_killed, oom_kills, expected) in cases {
            let cause = Cause::MainEnded { name: "java".into() };
            let after = Duration::from_millis(1_234);
            let outcome = Outcome { code: 137, cause, main, main_killed, after, oom_kills };
            assert_eq!(outcome.to_string(), format!("ended code=137 by=java after=1.2s main=\"{expected}"));
        }
    }
}
