//! Asking for offers exactly while tasks of any group are wanted.

use base::time::{Backoff, Moment};
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
    pub backoff: Backoff,
    pub again_at: Option<Moment>,
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
        let is_asking = self.wants_any(now) || self.look.is_open(now);
        let demand = if is_asking { Demand::Revived } else { Demand::Suppressed };
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
                self.offered.supersede();
                self.send(Call::Revive { roles });
            }
            Demand::Suppressed => {
                self.reviving.backoff.succeeded();
                self.reviving.again_at = None;
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
    }

    /// Whether there are tasks to launch if fitting offers came now.
    fn wants_any(&mut self, now: Moment) -> bool {
        self.let_go(now);
        self.groups.keys().any(|name| self.wanted(name, now) > 0)
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
