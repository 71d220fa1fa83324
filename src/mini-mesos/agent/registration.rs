//! Between agent and master: registered, silent, registering again, drained.

use std::time::Duration;

use crate::message::{self, AfterDrain, Drain, FromAgent, Reported, Run};
use crate::timing::Timing;
use base::time::{Backoff, Moment};
use mesos::wire::framework::CapabilityType;
use mesos::wire::status::{Reason, TaskState};

use super::executor::{Executor, Life};
use super::{Action, Agent, ContainerId, drop_fate};

#[derive(Debug)]
pub enum Registration {
    /// When the master was heard of last.
    Done {
        heard: Moment,
    },
    Under {
        again_at: Moment,
        backoff: Backoff,
    },
    /// The master wants nothing of it any more.
    Dismissed,
}

impl Registration {
    pub fn poll_timeout(&self, timing: &Timing) -> Option<Moment> {
        match self {
            Self::Done { heard } => Some(*heard + timing.agent_silence()),
            Self::Under { again_at, .. } => Some(*again_at),
            Self::Dismissed => None,
        }
    }
}

impl Agent {
    /// There is a connection to a master again, be it the old one or a new one.
    pub fn handle_connected(&mut self, now: Moment) {
        match &self.registration {
            Registration::Dismissed => {}
            Registration::Done { .. } | Registration::Under { .. } => {
                let backoff = Backoff::new(self.settings.timing.registration_retry);
                self.register(backoff, now);
            }
        }
    }

    /// Leaves for good: tells the master and ends every task.
    pub fn handle_unregister(&mut self, now: Moment) {
        self.registration = Registration::Dismissed;
        self.actions.push_back(Action::Report(FromAgent::Unregistering));
        self.shut_down(|_| true, now);
    }

    pub(super) fn retry_registration(&mut self, now: Moment) {
        let is_due = self.registration.poll_timeout(&self.settings.timing).is_some_and(|at| at <= now);
        match &self.registration {
            Registration::Under { backoff, .. } if is_due => self.register(*backoff, now),
            Registration::Done { .. } if is_due => self.handle_connected(now),
            Registration::Under { .. } | Registration::Done { .. } | Registration::Dismissed => {}
        }
    }

    pub(super) fn answer_ping(&mut self, is_connected: bool, now: Moment) {
        if let Registration::Done { heard } = &mut self.registration {
            *heard = now;
            self.actions.push_back(Action::Report(FromAgent::Pong));
            if !is_connected {
                self.handle_connected(now);
            }
        }
    }

    pub(super) fn registered(&mut self, missing: Vec<Run>, now: Moment) {
        if self.is_dismissed() {
            return;
        }
        self.registration = Registration::Done { heard: now };
        // If it still is to be drained, that comes next.
        self.drain = None;
        for run in missing {
            let task = run.task.task_id.clone().unwrap_or_default();
            if self.find(&run.framework, &task).is_none() {
                let fate =
                    drop_fate(&run, Reason::Reconciliation, "Reconciliation: task unknown to the agent");
                self.handle_doomed_run(run, fate, now);
            }
        }
        let containers: Vec<_> = self.executors.keys().cloned().collect();
        for container in containers {
            if let Some(executor) = self.executors.get_mut(&container) {
                executor.updates.send_again();
            }
            self.send_head(&container, now);
        }
    }

    pub(super) fn start_drain(&mut self, drain: Drain, now: Moment) {
        self.drain = Some(drain);
        let containers: Vec<_> = self.executors.keys().cloned().collect();
        for container in containers {
            let Some(executor) = self.executors.get_mut(&container) else { continue };
            executor.is_drained = executor.life != Life::Ended;
            let grace = drain_grace(executor, drain);
            self.kill(&container, grace, now);
        }
    }

    /// The state of a task that ends because it was killed.
    pub(super) fn killed(&self, container: &ContainerId) -> TaskState {
        let is_gone =
            self.executors.get(container).is_some_and(|executor| {
                executor.is_drained && executor.run.has(CapabilityType::PartitionAware)
            }) && self.drain.is_some_and(|drain| drain.then == AfterDrain::Gone);
        if is_gone { TaskState::GoneByOperator } else { TaskState::Killed }
    }

    fn register(&mut self, mut backoff: Backoff, now: Moment) {
        let again_at = now + backoff.failed(0.0);
        self.registration = Registration::Under { again_at, backoff };
        let wanted = self.executors.values().filter(|executor| !executor.updates.are_unwanted());
        let report = |executor: &Executor| Reported {
            run: executor.run.clone(),
            latest: executor.updates.latest(),
            status: executor.updates.last().cloned(),
        };
        let registration = message::Registration {
            id: self.settings.id.clone(),
            description: self.settings.description.clone(),
            tasks: wanted.map(report).collect(),
        };
        self.actions.push_back(Action::Report(FromAgent::Registering(Box::new(registration))));
    }
}

/// A task's own grace, but not more than the drain's; without its own all that the drain gives.
fn drain_grace(executor: &Executor, drain: Drain) -> Option<Duration> {
    let policy = executor.run.task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    match (policy.map(message::span), drain.grace_most) {
        (Some(own), Some(most)) => Some(own.min(most)),
        (own, most) => own.or(most),
    }
}
