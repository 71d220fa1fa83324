//! SIGTERM, a grace, SIGKILL.

use std::time::Duration;

use base::time::{Deadline, Moment};
use mesos::wire::framework::CapabilityType;
use mesos::wire::status::TaskState;

use super::executor::{Executor, Life};
use super::{Action, Agent, ContainerId, KillSignal, Told, grace};

impl Agent {
    /// A repeated kill never gives more time than the one before.
    pub(super) fn kill(&mut self, container: &ContainerId, requested: Option<Duration>, now: Moment) {
        let default = self.settings.timing.kill_grace;
        let Some(executor) = self.executors.get_mut(container) else { return };
        let grace = grace(requested, &executor.run, default);
        match &mut executor.life {
            Life::Ended => {}
            Life::Starting { is_killed } => {
                // What it waits for need not come any more.
                if !std::mem::replace(is_killed, true) {
                    let signal = KillSignal::Kill;
                    self.actions.push_back(Action::Signal { container: container.clone(), signal });
                }
            }
            Life::Running => {
                executor.life = Life::Killing { since: now, until: Some(Deadline::after(now, grace)) };
                let is_told = executor.run.has(CapabilityType::TaskKillingState);
                self.rest_watches(container);
                if is_told {
                    self.update(container, TaskState::Killing, Told::default(), now);
                }
                let signal = KillSignal::Terminate;
                self.actions.push_back(Action::Signal { container: container.clone(), signal });
            }
            Life::Killing { since, until } => {
                if let Some(until) = until {
                    *until = Deadline::after(*since, grace).min(*until);
                }
            }
        }
    }

    /// Ends a task that runs longer than it may.
    pub(super) fn kill_if_overdue(&mut self, container: &ContainerId, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        let is_due = executor.complete_by.is_some_and(|deadline| deadline.has_passed(now));
        if is_due && executor.life == Life::Running {
            executor.is_overdue = true;
            self.kill(container, None, now);
        }
    }
}

impl Executor {
    /// Whether SIGKILL is due. It is repeated as often as the grace lasts, for a process that was just being
    /// forked may have escaped.
    pub(super) fn is_grace_over(&mut self, now: Moment) -> bool {
        match &mut self.life {
            Life::Killing { until: Some(until), .. } if until.has_passed(now) => {
                *until = Deadline::after(now, REPEAT_KILL);
                true
            }
            Life::Killing { .. } | Life::Starting { .. } | Life::Running | Life::Ended => false,
        }
    }
}

const REPEAT_KILL: Duration = Duration::from_millis(500);
