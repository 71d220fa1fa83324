//! What init is told to do. Whoever makes the plan has read the configuration; init reads none.
//!
//! Paths are `OsString`s: they go over a descriptor as they are, and serde refuses paths that are not UTF-8.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use base::log;

use super::signals::{Signal, SignalSet, SignalTable};
use super::status::Remap;

/// `docker stop` waits 10 s before it kills.
pub const GRACE_DEFAULT_MS: u64 = 9_000;

/// With the default waits these are about two minutes in which nothing works; a container manager does better then by
/// moving the container.
pub const MAX_CRASHES: u32 = 10;

/// More children than any role has, and few enough that init may look at all of them at every event.
pub const MAX_CHILDREN: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Started in this order; exactly one is [`Kind::Main`].
    pub children: Vec<Child>,
    /// From the begin of a stop to SIGKILL, for everything together. 0 kills at once.
    pub grace_ms: u64,
    pub options: Options,
    /// What the children get as signal mask and ignored signals.
    pub inherited: Inherited,
    /// The main child's raw wait status is written here when it has ended, before others are told to stop; in decimal.
    pub status_fd: Option<RawFd>,
    /// Files and whole directories removed at the very end; absolute paths.
    pub cleanup: Vec<OsString>,
}

impl Plan {
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub fn check(&self) -> Result<(), PlanError> {
        let mains = self.children.iter().filter(|child| matches!(child.kind, Kind::Main)).count();
        if mains != 1 {
            return Err(PlanError::Mains(mains));
        }
        if self.children.len() > MAX_CHILDREN {
            return Err(PlanError::TooMany(self.children.len()));
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the plan has {0} main children, expected one")]
    Mains(usize),
    #[error("the plan has {0} children, the most is {MAX_CHILDREN}")]
    TooMany(usize),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// For the log.
    pub name: String,
    pub kind: Kind,
    /// Without a slash it is searched in `PATH` of `env`.
    pub program: OsString,
    /// The first element is what the program sees as its own name.
    pub argv: Vec<OsString>,
    /// The complete environment.
    pub env: Vec<(OsString, OsString)>,
    /// `None`: where init was started; for a helper that is started again, `/`. A relative one begins there.
    pub cwd: Option<OsString>,
    /// Open descriptors of init that the child gets under the same number, besides 0 to 2.
    pub keep_fds: Vec<RawFd>,
    /// Files the outputs are appended to, absolute paths; `None` shares init's own.
    pub stdout: Option<OsString>,
    pub stderr: Option<OsString>,
    /// On stop, children get SIGTERM in ascending order.
    pub stop_order: u8,
    /// How long later orders wait for this child.
    pub stop_share_ms: u64,
}

impl Child {
    /// See [`Kind::Helper`].
    pub fn farewell(&self) -> Option<&OsStr> {
        match &self.kind {
            Kind::Main => None,
            Kind::Helper { farewell, .. } => farewell.as_deref(),
        }
    }

    /// The main child of a plan that has no other: it shares init's directory and outputs.
    pub fn alone(
        name: impl Into<String>,
        program: impl Into<OsString>,
        argv: Vec<OsString>,
        env: Vec<(OsString, OsString)>,
    ) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Main,
            program: program.into(),
            argv,
            env,
            cwd: None,
            keep_fds: Vec::new(),
            stdout: None,
            stderr: None,
            stop_order: 0,
            stop_share_ms: 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// Its end ends the container and decides the exit code.
    Main,
    /// Started again after every end but those with one of `ending_codes`; such a code ends the container
    /// and becomes its exit code; after one of `urgent_codes` everything else is killed without grace.
    Helper {
        restart: Restart,
        ending_codes: Vec<u8>,
        urgent_codes: Vec<u8>,
        /// An argument with which it is started once more when the container stops while it waits to be started again, or
        /// has crashed too often: what it does at a stop is done then. It gets no SIGTERM.
        farewell: Option<OsString>,
    },
}

/// [`base::time::BackoffPolicy`] in the plan's units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    pub first_ms: u64,
    pub most_ms: u64,
    /// 0.0 ..= 1.0
    pub jitter: f64,
    /// So many in a row, none after a steady run, end the container; with `u32::MAX` nothing does that befalls it.
    pub crashes_most: u32,
}

impl Default for Restart {
    fn default() -> Self {
        Self { first_ms: 500, most_ms: 15_000, jitter: 0.3, crashes_most: MAX_CRASHES }
    }
}

/// What a user may choose about init.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub forward_to: ForwardTo,
    pub signals: SignalTable,
    pub remaps: Vec<Remap>,
    pub subreaper: Subreaper,
    pub terminal: Terminal,
    /// Sent to init by the kernel when the process that started init dies.
    pub parent_death_signal: Option<Signal>,
    pub quit: Quit,
    pub continuation: Continuation,
    /// Codes with which the main child ends when an order to stop meets it in the middle of something: they count as its
    /// death by that signal.
    pub interrupted_codes: Vec<u8>,
    pub verbosity: Verbosity,
    /// Of init's lines.
    pub log_format: log::Format,
    /// Where the last line goes besides stderr.
    pub reason_file: Option<OsString>,
    /// Whom init becomes before it starts anything.
    pub user: Option<User>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// Further groups that it is in.
    pub groups: Vec<u32>,
}

/// When the main child gets a forwarded SIGQUIT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quit {
    #[default]
    AtOnce,
    /// As soon as it has a handler: a JVM that is asked for a thread dump before it can give one dies.
    OnceCaught,
}

/// Whether SIGCONT follows an order to stop, without which a stopped process cannot act on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Continuation {
    #[default]
    On,
    Off,
}

/// Who gets a forwarded signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardTo {
    #[default]
    Child,
    /// The main child's process group; SIGQUIT still goes to the child alone, for it asks a JVM for a thread
    /// dump and kills everything else.
    Group,
    GroupEvenQuit,
}

/// Whether init adopts orphans when it is not PID 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subreaper {
    #[default]
    On,
    Off,
}

/// Who is in front of the terminal on stdin, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// Init: Ctrl-C comes to it and stops all children in order.
    #[default]
    Keep,
    /// The main child, which can then read from it and gets Ctrl-C itself.
    HandToMain,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verbosity {
    /// Only what is abnormal.
    Quiet,
    #[default]
    Normal,
    Debug,
}

/// What this process was given by its parent and hands on to its children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// Blocked signals.
    pub mask: SignalSet,
    pub ignored: SignalSet,
    /// The parent's pid at the start, 0 when it is in another namespace.
    pub parent: i32,
}
