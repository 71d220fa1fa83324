//! Asking the master what became of our tasks: after each subscription, and every now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::mesos::call::Call;
use crate::mesos::wire::id::{AgentId, TaskId};
use crate::mesos::wire::status::TaskState;
use crate::time::{Backoff, Moment};

use super::spec::Patience;
use super::{Scheduler, Sight};

/// One series of questions at a time; a new one replaces the old.
pub struct Reconciliation {
    /// Tasks that the master has not told a definite state of.
    open: BTreeSet<String>,
    next: Option<Moment>,
    /// Whether this series still has to ask for all that the master knows of us.
    at_its_start: bool,
    backoff: Backoff,
    every: Duration,
}

impl Reconciliation {
    pub fn new(patience: &Patience) -> Self {
        Self {
            open: BTreeSet::new(),
            next: None,
            at_its_start: true,
            backoff: Backoff::new(patience.reconcile),
            every: patience.reconcile_every,
        }
    }

    /// A new series at `now`.
    pub fn start(&mut self, now: Moment) {
        self.open.clear();
        self.backoff.succeeded();
        self.at_its_start = true;
        self.next = Some(now);
    }

    /// Asks about `id` too, at once or with the next question of the running series.
    pub fn ask(&mut self, id: String, now: Moment) {
        if self.open.is_empty() {
            self.backoff.succeeded();
            self.next = Some(now);
        }
        self.open.insert(id);
    }

    pub fn due(&self) -> Option<Moment> {
        self.next
    }

    /// A master that was restarted answers UNKNOWN until the agent is back, so that is no answer.
    pub fn answered(&mut self, id: &str, state: TaskState) {
        if !matches!(state, TaskState::Unknown | TaskState::Unreachable) {
            self.open.remove(id);
        }
    }

    pub fn asks_about(&self, id: &str) -> bool {
        self.open.contains(id)
    }

    pub fn forget(&mut self, id: &str) {
        self.open.remove(id);
    }
}

impl Scheduler {
    pub(super) fn reconcile_if_due(&mut self, now: Moment) {
        if self.reconciliation.next.is_none_or(|due| due > now) {
            return;
        }
        let first = std::mem::take(&mut self.reconciliation.at_its_start);
        if first {
            // What was heard of a task since the series was planned is no answer to it.
            self.reconciliation.open = self.state.tasks.keys().cloned().collect();
        }
        if self.reconciliation.open.is_empty() && !first {
            // The series is over: everything was answered. The next one asks about all of them again.
            self.reconciliation.start(now + self.reconciliation.every);
            return;
        }
        let tasks: Vec<_> = self
            .reconciliation
            .open
            .iter()
            .filter_map(|id| {
                let agent_id = AgentId::new(&self.state.tasks.get(id)?.agent_id);
                Some((TaskId::new(id), Some(agent_id)))
            })
            .collect();
        if !tasks.is_empty() {
            self.send(Call::Reconcile { tasks });
        }
        if first {
            // All that the master knows of us, to find tasks that we have no record of.
            self.send(Call::Reconcile { tasks: Vec::new() });
        }
        let wait = self.reconciliation.backoff.failed(self.random.f64());
        self.reconciliation.next = Some(now + wait);
    }

    /// Asks about these alone, at once.
    pub(super) fn question(&mut self, ids: &[String]) {
        let agent_of = |id: &String| self.state.tasks.get(id).map(|record| AgentId::new(&record.agent_id));
        let tasks: Vec<_> = ids.iter().map(|id| (TaskId::new(id), agent_of(id))).collect();
        if !tasks.is_empty() {
            self.send(Call::Reconcile { tasks });
        }
    }

    /// Tasks without any update long after their launch are asked about.
    pub(super) fn question_silent_launches(&mut self, now: Moment) {
        let launch = self.spec.patience.launch;
        let silent: Vec<_> = self
            .seen
            .iter()
            .filter(|(_, seen)| seen.what == Sight::Nothing && now.since(seen.launched) >= launch)
            .map(|(id, _)| id.clone())
            .filter(|id| !self.reconciliation.asks_about(id))
            .collect();
        for id in silent {
            self.reconciliation.ask(id, now);
        }
    }
}
