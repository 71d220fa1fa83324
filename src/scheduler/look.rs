//! Asking for offers although nothing is wanted, so that somebody learns what is free.

use std::time::Duration;

use base::time::{Deadline, Moment};

use super::Scheduler;
use super::demand::Demand;

/// Offers come at once, where there is anything to offer.
const MOST: Duration = Duration::from_secs(2);

/// Between two looks: REVIVE makes the master forget what was declined.
const EVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Look {
    /// While offers are waited for.
    until: Option<Deadline>,
    /// Not before.
    next: Option<Deadline>,
}

impl Look {
    pub fn is_open(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| !until.has_passed(now))
    }

    pub fn due(&self) -> Option<Moment> {
        self.until.map(Deadline::at)
    }

    /// Offers have come, or the time is up.
    pub fn end(&mut self) {
        self.until = None;
    }

    pub fn end_if_due(&mut self, now: Moment) {
        self.until.take_if(|until| until.has_passed(now));
    }
}

impl Scheduler {
    /// Somebody wants to know what is free. While tasks are wanted offers come by themselves.
    pub fn handle_look(&mut self, now: Moment) {
        let is_due = self.look.next.is_none_or(|next| next.has_passed(now));
        if is_due && self.is_working() && self.demand != Some(Demand::Revived) {
            self.look.until = Some(Deadline::after(now, MOST));
            self.look.next = Some(Deadline::after(now, EVERY));
            self.plan(now);
        }
    }
}
