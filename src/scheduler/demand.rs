//! Asking for offers exactly while tasks of any group are wanted.

use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Moment};
use domain::group::GroupName;
use mesos::call::Call;

use super::{JobManager, Phase, Scheduler};

/// What the master was told last, none if it may not have heard it. The first subscription begins suppressed and
/// later ones go on as the last one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Suppressed,
    Revived,
}

/// A REVIVE may get lost although it was answered, and then nobody ever offers anything.
pub(super) struct Reviving {
    backoff: Backoff,
    pub again_at: Option<Moment>,
    /// When it was said last.
    said: Option<Moment>,
    /// Offers have come since: what was declined of them comes again only after its time, or after another REVIVE.
    has_offers: bool,
    /// How many tasks are wanted, as it was last.
    wanted: usize,
}

/// Between a REVIVE and one for tasks that are wanted besides.
const REVIVE_FOR_MORE: Duration = Duration::from_secs(1);

impl Reviving {
    pub fn new(policy: BackoffPolicy) -> Self {
        Self { backoff: Backoff::new(policy), again_at: None, said: None, has_offers: false, wanted: 0 }
    }

    /// So many tasks are wanted, while it is in effect.
    fn want(&mut self, wanted: usize, now: Moment) {
        if wanted > self.wanted && self.has_offers {
            let soon = self.said.map_or(now, |said| now.max(said + REVIVE_FOR_MORE));
            self.again_at = Some(self.again_at.map_or(soon, |again_at| again_at.min(soon)));
        }
        self.wanted = wanted;
    }
}

impl Scheduler {
    /// Brings orders in line with what is known: retires what is too much, kills what shall end, and asks for
    /// offers exactly while tasks are wanted.
    pub(super) fn plan(&mut self, now: Moment) {
        self.look.end_if_due(now);
        if self.phase != Phase::Working {
            return;
        }
        self.let_go(now);
        self.keep_progress(now);
        self.retire_surplus();
        self.leave_agents(now);
        self.settle(now);
        self.end_probing();
        self.end_replaced(now);
        self.ask_jobmanager(now);
        if !self.is_subscribed() || self.waits_after_failed_call(now) {
            return;
        }
        self.send_kills(now);
        self.ask_for_gangs(now);
        let wanted = self.wanted_in_all(now);
        let is_asking = wanted > 0 || self.look.is_open(now);
        let demand = if is_asking { Demand::Revived } else { Demand::Suppressed };
        self.reviving.want(wanted, now);
        let is_lost =
            demand == Demand::Revived && self.reviving.again_at.is_some_and(|again_at| again_at <= now);
        if self.demand != Some(demand) || is_lost {
            self.tell_demand(demand, now);
        }
    }

    fn tell_demand(&mut self, demand: Demand, now: Moment) {
        self.demand = Some(demand);
        let roles = self.spec.roles.clone();
        match demand {
            Demand::Revived => {
                let wait = self.reviving.backoff.failed(self.random.f64());
                self.reviving.again_at = Some(now + wait);
                (self.reviving.said, self.reviving.has_offers) = (Some(now), false);
                self.offered.supersede();
                self.send(Call::Revive { roles });
            }
            Demand::Suppressed => {
                self.reviving.backoff.succeeded();
                self.reviving.again_at = None;
                self.reviving.has_offers = false;
                self.send(Call::Suppress { roles });
            }
        }
    }

    /// REVIVE has arrived, as it seems: the offers may be older than a SUPPRESS before it, so it is said again when no
    /// others follow for long.
    pub(super) fn hear_offers(&mut self, now: Moment) {
        self.reviving.backoff.succeeded();
        let is_wanted = self.demand == Some(Demand::Revived);
        self.reviving.again_at = is_wanted.then(|| now + self.spec.patience.revive.most);
        self.reviving.has_offers = is_wanted;
    }

    /// How many tasks to launch if fitting offers came now.
    fn wanted_in_all(&mut self, now: Moment) -> usize {
        self.let_go(now);
        self.census().lacking.keys().map(|name| self.wanted(name, now)).sum()
    }

    /// How many tasks of the group to launch if fitting offers came now, after [`Self::let_go`].
    pub(super) fn wanted(&self, name: &GroupName, now: Moment) -> usize {
        let is_open = self.phase == Phase::Working
            && self.is_subscribed()
            && self.jobmanager == JobManager::Listening
            && self.groups.get(name).is_some_and(|group| group.spec.template.delivery.is_some());
        if is_open { self.admitted(name, self.lacking(name), now) } else { 0 }
    }
}
