//! What the stage machine knows of one child.

use std::time::Duration;

use nix::unistd::Pid;

use super::machine::STEADY_RUN;
use super::plan::{self, Kind};
use base::time::{Backoff, BackoffPolicy, Moment};

#[derive(Debug)]
pub struct Child {
    pub name: String,
    pub stop_order: u8,
    pub stop_share: Duration,
    pub state: State,
    pub told: Told,
    has_crashed: bool,
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
    /// The container stops, and it is to be started once more for what it does then.
    Farewell,
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
    Helper {
        backoff: Backoff,
        crashes_most: u32,
        ending_codes: Vec<u8>,
        urgent_codes: Vec<u8>,
        has_farewell: bool,
    },
}

impl Child {
    pub fn new(child: &plan::Child) -> Self {
        let kind = match &child.kind {
            Kind::Main => Role::Main,
            Kind::Helper { restart, ending_codes, urgent_codes, farewell } => Role::Helper {
                backoff: Backoff::new(BackoffPolicy {
                    first: Duration::from_millis(restart.first_ms),
                    most: Duration::from_millis(restart.most_ms),
                    jitter: restart.jitter.clamp(0.0, 1.0),
                }),
                ending_codes: ending_codes.clone(),
                urgent_codes: urgent_codes.clone(),
                crashes_most: restart.crashes_most,
                has_farewell: farewell.is_some(),
            },
        };
        Self {
            name: child.name.clone(),
            stop_order: child.stop_order,
            stop_share: Duration::from_millis(child.stop_share_ms),
            state: State::Waiting,
            told: Told::Nothing,
            has_crashed: false,
            kind,
        }
    }

    pub fn is_alive(&self) -> bool {
        self.pid().is_some()
    }

    pub fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Alive { pid, .. } => Some(pid),
            State::Waiting | State::Backoff { .. } | State::Farewell | State::Ended => None,
        }
    }

    pub fn restart_at(&self) -> Option<Moment> {
        match self.state {
            State::Backoff { until } => Some(until),
            State::Waiting | State::Alive { .. } | State::Farewell | State::Ended => None,
        }
    }

    /// The container stops: what does not run is over, unless it crashed over something that it still owes.
    pub fn settle(&mut self) {
        let owes = matches!(&self.kind, Role::Helper { has_farewell: true, .. }) && self.has_crashed;
        match self.state {
            State::Alive { .. } => {}
            State::Backoff { .. } | State::Ended if owes => self.state = State::Farewell,
            State::Waiting | State::Backoff { .. } | State::Farewell | State::Ended => {
                self.state = State::Ended;
            }
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

    /// Whether the container can end over it.
    pub fn is_vital(&self) -> bool {
        match &self.kind {
            Role::Main => true,
            Role::Helper { crashes_most, .. } => *crashes_most < u32::MAX,
        }
    }

    /// The wait before the next start, or the number of crashes when it is not started again.
    pub fn crashed(&mut self, ran: Duration, random: f64, now: Moment) -> Result<Duration, u32> {
        let Role::Helper { backoff, crashes_most, .. } = &mut self.kind else { return Err(1) };
        self.has_crashed = true;
        if ran >= STEADY_RUN {
            backoff.succeeded();
        }
        let wait = backoff.failed(random);
        if backoff.attempts() >= *crashes_most {
            return Err(backoff.attempts());
        }
        self.state = State::Backoff { until: now + wait };
        Ok(wait)
    }
}
