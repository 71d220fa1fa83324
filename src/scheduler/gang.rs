//! Starting the whole set of TaskManagers together, without holding offers back for it.
//!
//! Offers that were declined at different times come back at different times, and no single round of them may ever
//! hold the whole set although the cluster does. So all are declined as ever, what they held is remembered, and once
//! that adds up to the whole set one REVIVE makes the master forget what was declined: everything that is free then
//! comes in one round. If others took some of it meanwhile, the next REVIVE waits longer.

use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Moment};

use super::Scheduler;

/// A REVIVE costs the master a round of allocation for everybody.
const ASKING: BackoffPolicy =
    BackoffPolicy { first: Duration::from_secs(5), most: Duration::from_secs(60), jitter: 0.2 };

/// While the whole set waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gang {
    pub since: Moment,
    /// How many of them what was offered last would hold.
    pub fits: usize,
    /// The time is over, and what fits is to start.
    is_over: bool,
    asking: Backoff,
    /// The next REVIVE for all offers at once, where that promises something.
    ask_at: Option<Moment>,
    not_before: Moment,
}

impl Scheduler {
    /// Whether `fits` TaskManagers are not launched because `wanted` are and more may come.
    pub(super) fn waits_for_all(&mut self, fits: usize, wanted: usize, now: Moment) -> bool {
        let Some(patience) = self.spec.gang else { return false };
        if fits >= wanted || self.has_begun() {
            self.gang = None;
            return false;
        }
        let together = self.fits_together(wanted, now);
        let gang = self.gang.get_or_insert_with(|| Gang {
            since: now,
            fits: 0,
            is_over: false,
            asking: Backoff::new(ASKING),
            ask_at: None,
            not_before: now,
        });
        gang.fits = together;
        gang.ask_at = (together >= wanted).then(|| gang.not_before.max(now));
        now.since(gang.since) < patience
    }

    /// Asks for everything at once when that promises the whole set, or when the time is over and some would fit.
    pub(super) fn ask_for_gang(&mut self, now: Moment) {
        let Some(patience) = self.spec.gang else { return };
        if self.lacking() == 0 || self.has_begun() {
            self.gang = None;
        }
        let Some(gang) = &mut self.gang else { return };
        let is_late = !gang.is_over && now.since(gang.since) >= patience;
        gang.is_over |= is_late;
        let is_due = !gang.is_over && gang.ask_at.is_some_and(|at| at <= now);
        if is_due {
            gang.ask_at = None;
            gang.not_before = now + gang.asking.failed(self.random.f64());
        }
        if is_due || (is_late && gang.fits > 0) {
            self.demand = None;
        }
    }

    /// Whether some of the set are launched, apart from one that was to show that they start.
    fn has_begun(&self) -> bool {
        self.kept().any(|id| self.pioneer.as_ref() != Some(id))
    }

    pub(super) fn gang_due(&self) -> Option<Moment> {
        let gang = self.gang.as_ref().filter(|gang| !gang.is_over)?;
        let end = gang.since + self.spec.gang?;
        Some(gang.ask_at.map_or(end, |at| at.min(end)))
    }
}
