//! TaskManagers that failed: how long the next launch waits, and when it is enough.

use std::collections::VecDeque;
use std::time::Duration;

use crate::mesos::event::StatusUpdate;
use crate::mesos::wire::status::Reason;
use crate::time::{Deadline, Moment};

use super::{Failure, Hold, Scheduler};

/// Each kind has a backoff of its own: one that waits long keeps nobody waiting who failed for another reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The master or an agent would not have it, or somebody ended it.
    Refused,
    /// It failed before it ran.
    Start,
    Run,
    /// It took more memory than it was given.
    Memory,
}

impl Cause {
    pub fn of_failure(update: &StatusUpdate, has_run: bool) -> Self {
        match update.reason {
            Some(Reason::ContainerLimitationMemory) => Self::Memory,
            Some(_) | None if has_run => Self::Run,
            Some(_) | None => Self::Start,
        }
    }
}

/// When TaskManagers failed, as far as that counts; forgotten with the worker, unlike their number.
pub(super) type Recent = VecDeque<Moment>;

impl Scheduler {
    /// The next launch waits. Failures of one kind while it does count as one.
    pub(super) fn hold_back(&mut self, kind: Cause, cause: String, now: Moment) {
        self.let_go(now);
        if self.hold.as_ref().is_some_and(|hold| hold.kind == kind) {
            return;
        }
        let backoff = self
            .replacing
            .entry(kind)
            .or_insert_with(|| crate::time::Backoff::new(self.spec.patience.replace));
        let wait: Duration = backoff.failed(self.random.f64());
        let until = Deadline::after(now, wait);
        if self.hold.as_ref().is_none_or(|hold| hold.until < until) {
            self.hold = Some(Hold { until, kind, cause });
        }
    }

    pub(super) fn let_go(&mut self, now: Moment) {
        self.hold.take_if(|hold| hold.until.has_passed(now));
    }

    pub(super) fn count_failure(&mut self, now: Moment) {
        self.state.failures = self.state.failures.saturating_add(1);
        let (Some(most), Some(within)) = (self.spec.failures_most, self.spec.patience.failures_within) else {
            return;
        };
        self.recent_failures.push_back(now);
        let is_old = |at: &Moment| now.since(*at) > within;
        while self.recent_failures.len() > most as usize + 1
            || self.recent_failures.front().is_some_and(is_old)
        {
            self.recent_failures.pop_front();
        }
    }

    pub(super) fn fail_after_failures(&mut self) {
        let within = self.spec.patience.failures_within;
        let failures = match within {
            None => self.state.failures,
            Some(_) => u32::try_from(self.recent_failures.len()).unwrap_or(u32::MAX),
        };
        if self.spec.failures_most.is_some_and(|most| failures > most) {
            self.fail(Failure::TooManyFailures { failures, within });
        }
    }
}
