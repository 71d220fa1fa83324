//! Asking the master what became of our tasks: after each subscription, and every now and then.

use std::collections::BTreeSet;
use std::time::Duration;

use base::time::{Backoff, Moment};
use mesos::call::Call;
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::status::TaskState;

use super::spec::Patience;
use super::{Scheduler, Sight};

/// Two kinds of questions: about each task, again and again until it is answered, and about all that the master
/// knows of us, which has no answer of its own.
pub struct Reconciliation {
    /// Tasks that the master has not told a definite state of.
    open: BTreeSet<String>,
    /// When to ask about the open ones.
    next: Option<Moment>,
    /// When to ask about everything. What stays open does not put it off.
    everything: Option<Moment>,
    backoff: Backoff,
    every: Duration,
}

impl Reconciliation {
    pub fn new(patience: &Patience) -> Self {
        Self {
            open: BTreeSet::new(),
            next: None,
            everything: None,
            backoff: Backoff::new(patience.reconcile),
            every: patience.reconcile_every,
        }
    }

    /// Asks about everything at `now`.
    pub fn start(&mut self, now: Moment) {
        self.everything = Some(now);
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
        [self.next.filter(|_| !self.open.is_empty()), self.everything].into_iter().flatten().min()
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
        let is_due = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        let is_everything_due = is_due(self.reconciliation.everything);
        if is_everything_due {
            // What was heard of a task before is no answer to the new question.
            self.reconciliation.open = self.state.tasks.keys().cloned().collect();
            self.reconciliation.backoff.succeeded();
            self.reconciliation.next = Some(now);
            self.reconciliation.everything = Some(now + self.reconciliation.every);
        }
        if is_due(self.reconciliation.next) && !self.reconciliation.open.is_empty() {
            let open: Vec<_> = self.reconciliation.open.iter().cloned().collect();
            self.question(&open);
            let wait = self.reconciliation.backoff.failed(self.random.f64());
            self.reconciliation.next = Some(now + wait);
        }
        if is_everything_due {
            // To find tasks that we have no record of.
            self.send(Call::Reconcile { tasks: Vec::new() });
        }
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
