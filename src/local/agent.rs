//! An agent: the command executors of its tasks and their status updates, without clock or process.
//!
//! The master's messages and the fates of processes go in, reports and orders to the driver come out.

mod environment;
mod executor;
mod kill;
mod updates;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use crate::mesos::wire::id::{AgentId, FrameworkId, TaskId};
use crate::mesos::wire::status::{Reason, StatusSource, TaskState};
use crate::time::{Deadline, Moment};

use super::ids::Ids;
use super::message::{FromAgent, Run, ToAgent};
use super::timing::Timing;

pub use executor::{Command, End, Start};
use executor::{Executor, Life};

/// Names one run of one task: a UUID, as Mesos has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerId(pub String);

#[derive(Debug)]
pub struct Agent {
    settings: Settings,
    ids: Ids,
    executors: BTreeMap<ContainerId, Executor>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub id: AgentId,
    pub ip: String,
    pub port: u16,
    pub work_dir: PathBuf,
    pub timing: Timing,
    /// Seconds since 1970 at [`Moment::START`], for time stamps.
    pub epoch: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Report(FromAgent),
    Start(Box<Start>),
    /// To every process of the task.
    Signal {
        container: ContainerId,
        signal: KillSignal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillSignal {
    Terminate,
    Kill,
}

/// What became of a process that was to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    Started { pid: u32 },
    FailedToStart { message: String },
    Ended(End),
}

impl Agent {
    pub fn new(settings: Settings, ids: Ids) -> Self {
        Self { settings, ids, executors: BTreeMap::new(), actions: VecDeque::new() }
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.executors.values().filter_map(Executor::poll_timeout).min()
    }

    /// Whether no process of a task is left.
    pub fn is_idle(&self) -> bool {
        self.executors.values().all(|executor| executor.life == Life::Ended)
    }

    pub fn handle_message(&mut self, message: ToAgent, now: Moment) {
        match message {
            ToAgent::Run(run) => self.run(*run, now),
            ToAgent::Kill { framework, task, grace } => {
                if let Some(container) = self.find(&framework, &task) {
                    self.kill(&container, grace, now);
                }
            }
            ToAgent::Acknowledge { framework, task, uuid } => {
                let Some(container) = self.find(&framework, &task) else { return };
                let Some(executor) = self.executors.get_mut(&container) else { return };
                let acknowledged = executor.updates.acknowledge(&uuid);
                self.send_head(&container, now);
                if acknowledged == updates::Acknowledged::Last {
                    self.executors.remove(&container);
                }
            }
            ToAgent::ShutDown { framework } => self.shut_down(|run| run.framework == framework, now),
        }
    }

    /// Ends every task; nobody is told.
    pub fn handle_stop(&mut self, now: Moment) {
        self.shut_down(|_| true, now);
    }

    pub fn handle_process(&mut self, container: &ContainerId, event: ProcessEvent, now: Moment) {
        match event {
            ProcessEvent::Started { pid } => self.started(container, pid, now),
            ProcessEvent::FailedToStart { message } => self.fail_start(container, &message, now),
            ProcessEvent::Ended(end) => self.ended(container, end, now),
        }
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        let containers: Vec<_> = self.executors.keys().cloned().collect();
        for container in containers {
            let Some(executor) = self.executors.get_mut(&container) else { continue };
            if executor.is_grace_over(now) {
                let signal = KillSignal::Kill;
                self.actions.push_back(Action::Signal { container: container.clone(), signal });
            }
            self.send_head(&container, now);
        }
    }

    fn run(&mut self, run: Run, now: Moment) {
        let container = ContainerId(self.ids.uuid());
        let prepared = executor::prepare(&run, &container, &self.settings);
        self.executors.insert(container.clone(), Executor::new(run));
        match prepared {
            Ok(start) => self.actions.push_back(Action::Start(Box::new(start))),
            Err(message) => self.fail_start(&container, &message, now),
        }
    }

    fn started(&mut self, container: &ContainerId, pid: u32, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        let killed_before = executor.life == (Life::Starting { is_killed: true });
        executor.pid = Some(pid);
        executor.life = Life::Running;
        if killed_before {
            let signal = KillSignal::Kill;
            executor.life = Life::Killing { since: now, until: None };
            self.actions.push_back(Action::Signal { container: container.clone(), signal });
            return;
        }
        self.update(container, TaskState::Starting, None, None, now);
        self.update(container, TaskState::Running, None, None, now);
    }

    fn fail_start(&mut self, container: &ContainerId, message: &str, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        executor.life = Life::Ended;
        let message = format!("Failed to launch container: {message}");
        let reason = Reason::ContainerLaunchFailed;
        self.update(container, TaskState::Failed, Some(reason), Some(message), now);
        self.forget_if_silent(container);
    }

    fn ended(&mut self, container: &ContainerId, end: End, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        let life = std::mem::replace(&mut executor.life, Life::Ended);
        match life {
            Life::Ended => return,
            Life::Running => {
                let state = if end == End::Exited(0) { TaskState::Finished } else { TaskState::Failed };
                self.update(container, state, None, Some(end.to_string()), now);
            }
            Life::Killing { until: Some(_), .. } => {
                self.update(container, TaskState::Killed, None, Some(end.to_string()), now);
            }
            Life::Starting { .. } | Life::Killing { until: None, .. } => {
                let message = "Killed before delivery to the executor".to_owned();
                let reason = Reason::TaskKilledDuringLaunch;
                self.update(container, TaskState::Killed, Some(reason), Some(message), now);
            }
        }
        self.forget_if_silent(container);
    }

    /// Queues an update, unless the framework is gone.
    fn update(
        &mut self,
        container: &ContainerId,
        state: TaskState,
        reason: Option<Reason>,
        message: Option<String>,
        now: Moment,
    ) {
        let timestamp = self.settings.epoch + now.since(Moment::START).as_secs_f64();
        let Some(executor) = self.executors.get_mut(container) else { return };
        let mut status = executor.status(container, &self.settings, state);
        status.uuid = Some(self.ids.uuid_bytes());
        status.timestamp = Some(timestamp);
        status.message = message;
        if let Some(reason) = reason {
            status.reason = Some(reason as i32);
            status.source = Some(StatusSource::Agent as i32);
            status.container_status = None;
        }
        executor.updates.push(status, state);
        self.send_head(container, now);
    }

    /// Sends the oldest unacknowledged update if it is due.
    fn send_head(&mut self, container: &ContainerId, now: Moment) {
        let policy = self.settings.timing.update_retry;
        let Some(executor) = self.executors.get_mut(container) else { return };
        let framework = executor.run.framework.clone();
        if let Some((status, latest)) = executor.updates.due(policy, now) {
            let status = Box::new(status);
            self.actions.push_back(Action::Report(FromAgent::Updated { framework, status, latest }));
        }
    }

    fn forget_if_silent(&mut self, container: &ContainerId) {
        if self.executors.get(container).is_some_and(|executor| executor.updates.are_unwanted()) {
            self.executors.remove(container);
        }
    }

    fn shut_down(&mut self, concerned: impl Fn(&Run) -> bool, now: Moment) {
        let grace = self.settings.timing.shutdown_grace;
        let concerned = |executor: &Executor| concerned(&executor.run);
        let containers: Vec<_> =
            self.executors.iter().filter(|(_, e)| concerned(e)).map(|(id, _)| id.clone()).collect();
        for container in containers {
            let Some(executor) = self.executors.get_mut(&container) else { continue };
            executor.updates.discard();
            if executor.life == Life::Ended {
                self.executors.remove(&container);
            } else {
                self.kill(&container, Some(grace), now);
            }
        }
    }

    fn find(&self, framework: &FrameworkId, task: &TaskId) -> Option<ContainerId> {
        let is_meant = |executor: &Executor| {
            executor.run.framework == *framework && executor.run.task.task_id.as_ref() == Some(task)
        };
        self.executors.iter().find(|(_, executor)| is_meant(executor)).map(|(id, _)| id.clone())
    }
}

/// From SIGTERM to SIGKILL: what the call says, else the task, else the default.
fn grace(call: Option<Duration>, run: &Run, default: Duration) -> Duration {
    let policy = run.task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    call.or_else(|| policy.map(super::message::span)).unwrap_or(default)
}

impl Executor {
    fn poll_timeout(&self) -> Option<Moment> {
        let kill = match &self.life {
            Life::Killing { until, .. } => until.map(Deadline::at),
            Life::Starting { .. } | Life::Running | Life::Ended => None,
        };
        kill.into_iter().chain(self.updates.poll_timeout()).min()
    }
}

#[cfg(test)]
mod tests;
