//! What the stage machine and its driver tell each other.

use std::time::Duration;

use nix::unistd::Pid;

use super::note::{Cause, Note};
use super::signals::Signal;
use super::status::Ended;

/// An order to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the child with this index of the plan.
    Start(usize),
    /// All children run: let go of the working directory.
    Settle,
    Signal {
        target: Target,
        signal: Signal,
    },
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
}
