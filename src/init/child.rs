//! What the stage machine knows of one child.

use std::time::Duration;

use nix::unistd::Pid;

use super::machine::{CRASHES_MOST, STEADY_RUN};
use super::plan::{self, Kind};
use crate::time::{Backoff, BackoffPolicy, Moment};

#[derive(Debug)]
pub struct Child {
    pub name: String,
    pub stop_order: u8,
    pub stop_share: Duration,
    pub state: State,
    pub told: Told,
    kind: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its start was ordered or will be.
    Waiting,
    Alive {
        pid: Pid,
        since: Moment,
    },
    /// Crashed; started again at `until`.
    Backoff {
        until: Moment,
    },
    Ended,
}

/// The strongest order this child was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Nothing,
    Stop,
    Kill,
}

#[derive(Debug)]
enum Role {
    Main,
    Helper { backoff: Backoff, ending_codes: Vec<u8>, urgent_codes: Vec<u8> },
}

impl Child {
    pub fn new(child: &plan::Child) -> Self {
        let kind = match &child.kind {
            Kind::Main => Role::Main,
            Kind::Helper { restart, ending_codes, urgent_codes } => Role::Helper {
                backoff: Backoff::new(BackoffPolicy {
                    first: Duration::from_millis(restart.first_ms),
                    most: Duration::from_millis(restart.most_ms),
                    jitter: restart.jitter.clamp(0.0, 1.0),
                }),
                ending_codes: ending_codes.clone(),
                urgent_codes: urgent_codes.clone(),
            },
        };
        Self {
            name: child.name.clone(),
            stop_order: child.stop_order,
            stop_share: Duration::from_millis(child.stop_share_ms),
            state: State::Waiting,
            told: Told::Nothing,
            kind,
        }
    }

    pub fn is_alive(&self) -> bool {
        self.pid().is_some()
    }

    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Alive { pid, .. } => Some(pid),
            State::Waiting | State::Backoff { .. } | State::Ended => None,
        }
    }

    pub fn restart_at(&self) -> Option<Moment> {
        match self.state {
            State::Backoff { until } => Some(until),
            State::Waiting | State::Alive { .. } | State::Ended => None,
        }
    }

    /// Whether the end of this helper with `code` is the end of the container.
    pub fn ends_with(&self, code: u8) -> bool {
        match &self.kind {
            Role::Main => true,
            Role::Helper { ending_codes, .. } => ending_codes.contains(&code),
        }
    }

    /// Whether nothing else has time to end in order after that.
    pub fn is_urgent(&self, code: u8) -> bool {
        match &self.kind {
            Role::Main => false,
            Role::Helper { urgent_codes, .. } => urgent_codes.contains(&code),
        }
    }

    /// The wait before the next start, or the number of crashes when it is not started again.
    pub fn crashed(&mut self, ran: Duration, random: f64, now: Moment) -> Result<Duration, u32> {
        let Role::Helper { backoff, .. } = &mut self.kind else { return Err(1) };
        if ran >= STEADY_RUN {
            backoff.succeeded();
        }
        let wait = backoff.failed(random);
        if backoff.attempts() >= CRASHES_MOST {
            return Err(backoff.attempts());
        }
        self.state = State::Backoff { until: now + wait };
        Ok(wait)
    }
}
