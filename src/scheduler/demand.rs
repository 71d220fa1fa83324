//! Asking for offers exactly while TaskManagers are wanted.

use base::time::{Backoff, Moment};
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
    /// offers exactly while TaskManagers are wanted.
    pub(super) fn plan(&mut self, now: Moment) {
        if self.phase != Phase::Working {
            return;
        }
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
        self.ask_for_gang(now);
        let demand = if self.wanted(now) > 0 { Demand::Revived } else { Demand::Suppressed };
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

    /// How many TaskManagers to launch if fitting offers came now.
    pub(super) fn wanted(&mut self, now: Moment) -> usize {
        self.let_go(now);
        let open = self.phase == Phase::Working
            && self.is_subscribed()
            && self.jobmanager == JobManager::Listening
            && self.spec.template.delivery.is_some();
        if open { self.admitted(self.lacking(), now) } else { 0 }
    }
}
