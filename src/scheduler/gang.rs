//! Starting the whole set of a group's tasks together, without holding offers back for it.
//!
//! Offers that were declined at different times come back at different times, and no single round of them may ever
//! hold the whole set although the cluster does. So all are declined as ever, what they held is remembered, and once
//! that adds up to the whole set one REVIVE makes the master forget what was declined: everything that is free then
//! comes in one round. If others took some of it meanwhile, the next REVIVE waits longer.

use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Moment};
use domain::group::GroupName;

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
    /// Whether the group would rather start later than in part.
    pub(super) fn starts_as_a_whole(&self, name: &GroupName, now: Moment) -> bool {
        let Some(group) = self.groups.get(name) else { return false };
        let Some(patience) = group.spec.gang else { return false };
        let since = group.gang.as_ref().map_or(now, |gang| gang.since);
        now.since(since) < patience && !self.has_begun(name)
    }

    /// Of `wanted` tasks of the group offers hold `fits`.
    pub(super) fn keep_gang(&mut self, name: &GroupName, fits: usize, wanted: usize, now: Moment) {
        let has_begun = self.has_begun(name);
        let Some(group) = self.groups.get_mut(name).filter(|group| group.spec.gang.is_some()) else { return };
        if fits >= wanted || has_begun {
            group.gang = None;
            return;
        }
        let together = self.fits_together(name, wanted, now);
        let Some(group) = self.groups.get_mut(name) else { return };
        let gang = group.gang.get_or_insert_with(|| Gang {
            since: now,
            fits: 0,
            is_over: false,
            asking: Backoff::new(ASKING),
            ask_at: None,
            not_before: now,
        });
        gang.fits = together;
        gang.ask_at = (together >= wanted).then(|| gang.not_before.max(now));
    }

    /// Asks for everything at once when that promises a whole set, or when the time is over and some would fit.
    pub(super) fn ask_for_gangs(&mut self, now: Moment) {
        for name in self.group_names() {
            if self.groups[&name].gang.is_some() {
                self.ask_for_gang(&name, now);
            }
        }
    }

    fn ask_for_gang(&mut self, name: &GroupName, now: Moment) {
        let is_over = self.lacking(name) == 0 || self.has_begun(name);
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(patience) = group.spec.gang else {
            group.gang = None;
            return;
        };
        if is_over {
            group.gang = None;
        }
        let Some(gang) = &mut group.gang else { return };
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
    fn has_begun(&self, name: &GroupName) -> bool {
        let pioneer = self.groups.get(name).and_then(|group| group.pioneer.as_ref());
        self.kept_of(name).any(|id| pioneer != Some(id))
    }

    pub(super) fn gang_due(&self) -> Option<Moment> {
        let due = self.groups.values().filter_map(|group| {
            let gang = group.gang.as_ref().filter(|gang| !gang.is_over)?;
            let end = gang.since + group.spec.gang?;
            Some(gang.ask_at.map_or(end, |at| at.min(end)))
        });
        due.min()
    }
}
