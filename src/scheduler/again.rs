//! Calls that failed: all wait before anything is asked of the master again, for what refuses one call refuses the next.

use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Moment};
use mesos::call::Call;

use super::Scheduler;

#[derive(Debug)]
pub(super) struct FailedCalls {
    backoff: Backoff,
    /// After so long without another one the next waits the first time again.
    forgotten_after: Duration,
    last: Moment,
    again_at: Option<Moment>,
    /// Those that nothing else leads to again.
    calls: Vec<Call>,
}

impl FailedCalls {
    pub fn new(policy: BackoffPolicy) -> Self {
        Self {
            backoff: Backoff::new(policy),
            forgotten_after: policy.most * 2,
            last: Moment::START,
            again_at: None,
            calls: Vec::new(),
        }
    }

    /// One has failed, and is sent again when it is given.
    pub fn wait(&mut self, call: Option<Call>, random: f64, now: Moment) {
        self.calls.extend(call);
        if self.again_at.is_some() {
            return;
        }
        if now.since(self.last) >= self.forgotten_after {
            self.backoff.succeeded();
        }
        self.last = now;
        self.again_at = Some(now + self.backoff.failed(random));
    }

    /// What was said to another master is of no use.
    pub fn forget(&mut self) {
        self.calls.clear();
        self.again_at = None;
    }

    pub fn due(&self) -> Option<Moment> {
        self.again_at
    }
}

impl Scheduler {
    /// Whether nothing is asked of the master for the moment; what has waited long enough goes out.
    pub(super) fn waits_after_failed_call(&mut self, now: Moment) -> bool {
        if self.failed_calls.again_at.is_some_and(|at| at <= now) {
            self.failed_calls.again_at = None;
            for call in std::mem::take(&mut self.failed_calls.calls) {
                self.send(call);
            }
        }
        self.failed_calls.again_at.is_some()
    }
}
