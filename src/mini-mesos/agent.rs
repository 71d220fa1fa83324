//! An agent: the command executors of its tasks and their status updates, without clock or process.
//!
//! The master's messages and the fates of processes go in, reports and orders to the driver come out.

mod docker;
mod environment;
mod executor;
mod fetch;
mod kill;
mod launch;
mod registration;
mod told;
mod updates;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use base::time::{Deadline, Moment};
use mesos::wire::framework::CapabilityType;
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::{Reason, StatusSource, TaskState};

use super::ids::Ids;
use super::master::AgentDescription;
use super::message::{Drain, FromAgent, Run, ToAgent};
use super::timing::Timing;

pub use docker::Engaged;
pub use executor::{Command, End, Fate, Start};
use executor::{Executor, Life};
pub use fetch::{Archive, Fetch, Then, UriLocation};
use registration::Registration;
use told::Told;
pub use watch::{ProbeId, Sighting, Target, WatchKind};

/// Names one run of one task: a UUID, as Mesos has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerId(pub String);

#[derive(Debug)]
pub struct Agent {
    settings: Settings,
    ids: Ids,
    executors: BTreeMap<ContainerId, Executor>,
    registration: Registration,
    drain: Option<Drain>,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub id: AgentId,
    pub description: AgentDescription,
    pub work_dir: PathBuf,
    pub timing: Timing,
    /// Seconds since 1970 at [`Moment::START`], for time stamps.
    pub epoch: f64,
    pub containment: Containment,
}

/// How tasks are kept apart from their agent, as the real agent's options of these names say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Containment {
    /// Whether a task runs as the user that it names; otherwise as the agent's own.
    pub switch_user: bool,
    /// The socket of Docker's engine, if `--containerizers` names docker.
    pub docker_socket: Option<String>,
}

impl Default for Containment {
    fn default() -> Self {
        Self { switch_user: true, docker_socket: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Report(FromAgent),
    /// Answered with [`Agent::handle_sandbox`].
    MakeSandbox {
        container: ContainerId,
        path: PathBuf,
        /// Whose it is to be.
        user: Option<String>,
    },
    Start(Box<Start>),
    /// To every process of the task.
    Signal {
        container: ContainerId,
        signal: KillSignal,
    },
    /// Answered with [`Agent::handle_sighting`].
    Look {
        id: ProbeId,
        target: Box<Target>,
    },
    /// Nobody waits for it any more.
    LookAway(ProbeId),
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
    /// One that its master knows already.
    pub fn new(settings: Settings, ids: Ids, now: Moment) -> Self {
        let registration = Registration::Done { heard: now };
        let (executors, actions) = (BTreeMap::new(), VecDeque::new());
        Self { settings, ids, executors, registration, drain: None, actions }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it has left or been sent away for good.
    pub fn is_dismissed(&self) -> bool {
        matches!(self.registration, Registration::Dismissed)
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let executors = self.executors.values().filter_map(Executor::poll_timeout);
        executors.chain(self.registration.poll_timeout(&self.settings.timing)).min()
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
            ToAgent::Ping { is_connected } => self.answer_ping(is_connected, now),
            ToAgent::Registered { missing } => self.registered(missing, now),
            ToAgent::Resources(resources) => self.settings.description.resources = resources,
            ToAgent::Drain(drain) => self.start_drain(drain, now),
            ToAgent::Reactivate => self.drain = None,
            ToAgent::Dismiss => {
                self.registration = Registration::Dismissed;
                self.shut_down(|_| true, now);
            }
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

    /// Ends a running task in a way of the caller's choice. Answers whether there is such a task.
    pub fn handle_fate(
        &mut self,
        framework: Option<&FrameworkId>,
        task: &TaskId,
        fate: &Fate,
        now: Moment,
    ) -> bool {
        let is_meant = |executor: &Executor| {
            framework.is_none_or(|framework| executor.run.framework == *framework)
                && executor.run.task.task_id.as_ref() == Some(task)
                && matches!(executor.life, Life::Running | Life::Killing { .. })
        };
        let Some((container, executor)) = self.executors.iter_mut().find(|(_, e)| is_meant(e)) else {
            return false;
        };
        executor.fate = Some(fate.clone());
        // Without grace: SIGKILL, and again until it works.
        executor.life = Life::Killing { since: now, until: Some(Deadline::after(now, Duration::ZERO)) };
        let (container, signal) = (container.clone(), KillSignal::Kill);
        self.rest_watches(&container);
        self.actions.push_back(Action::Signal { container, signal });
        true
    }

    /// A task that is not to start, but to end in a way of the caller's choice.
    pub fn handle_doomed_run(&mut self, run: Run, fate: Fate, now: Moment) {
        let container = self.insert(run);
        self.tell_fate(&container, fate, now);
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        self.retry_registration(now);
        let containers: Vec<_> = self.executors.keys().cloned().collect();
        for container in containers {
            let Some(executor) = self.executors.get_mut(&container) else { continue };
            if executor.is_grace_over(now) {
                let signal = KillSignal::Kill;
                self.actions.push_back(Action::Signal { container: container.clone(), signal });
            }
            self.kill_if_overdue(&container, now);
            self.watch(&container, now);
            self.send_head(&container, now);
        }
    }

    fn ended(&mut self, container: &ContainerId, end: End, now: Moment) {
        self.rest_watches(container);
        let Some(executor) = self.executors.get_mut(container) else { return };
        let life = std::mem::replace(&mut executor.life, Life::Ended);
        if let Some(fate) = executor.fate.take().filter(|_| life != Life::Ended) {
            self.tell_fate(container, fate, now);
            return;
        }
        let is_overdue = executor.is_overdue;
        let healthy = executor.is_unhealthy.then_some(false);
        let killed = self.killed(container);
        match life {
            Life::Ended => return,
            Life::Running => {
                let state = if end == End::Exited(0) { TaskState::Finished } else { TaskState::Failed };
                self.update(container, state, Told::message(end.to_string()), now);
            }
            Life::Killing { until: Some(_), .. } if is_overdue => {
                let reason = Some(Reason::MaxCompletionTimeReached);
                let told = Told { reason, ..Told::message(end.to_string()) };
                self.update(container, TaskState::Failed, told, now);
            }
            Life::Killing { until: Some(_), .. } => {
                let told = Told { healthy, ..Told::message(end.to_string()) };
                self.update(container, killed, told, now);
            }
            Life::Starting { .. } | Life::Killing { until: None, .. } => {
                let message = "Killed before delivery to the executor".to_owned();
                let told = Told::by_agent(Reason::TaskKilledDuringLaunch, message);
                self.update(container, killed, told, now);
            }
        }
        self.forget_if_silent(container);
    }

    /// Queues an update, unless the framework is gone.
    fn update(&mut self, container: &ContainerId, state: TaskState, told: Told, now: Moment) {
        let timestamp = self.settings.epoch + now.since(Moment::START).as_secs_f64();
        let Some(executor) = self.executors.get_mut(container) else { return };
        let mut status = executor.status(container, &self.settings, state);
        status.uuid = Some(self.ids.uuid_bytes());
        status.timestamp = Some(timestamp);
        status.message = told.message;
        status.reason = told.reason.map(|reason| reason as i32);
        status.healthy = told.healthy;
        if told.check_status.is_some() {
            status.check_status = told.check_status;
        }
        if told.source != StatusSource::Executor {
            status.source = Some(told.source as i32);
            (status.container_status, status.check_status) = (None, None);
        } else if executor.is_drained {
            status.reason = Some(Reason::AgentDraining as i32);
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

    fn insert(&mut self, run: Run) -> ContainerId {
        let container = ContainerId(self.ids.uuid());
        self.executors.insert(container.clone(), Executor::new(run));
        container
    }

    fn tell_fate(&mut self, container: &ContainerId, fate: Fate, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        executor.life = Life::Ended;
        let Fate { state, reason, source, message } = fate;
        self.update(container, state, Told { reason, source, message, ..Told::default() }, now);
        self.forget_if_silent(container);
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

/// The end of a task that never ran.
fn drop_fate(run: &Run, reason: Reason, message: &str) -> Fate {
    let is_aware = run.has(CapabilityType::PartitionAware);
    Fate {
        state: if is_aware { TaskState::Dropped } else { TaskState::Lost },
        reason: Some(reason),
        source: StatusSource::Agent,
        message: Some(message.to_owned()),
    }
}

/// From SIGTERM to SIGKILL: what the call says, else the task, else the default.
fn grace(call: Option<Duration>, run: &Run, default: Duration) -> Duration {
    let policy = run.task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    call.or_else(|| policy.map(super::message::span)).unwrap_or(default)
}

#[cfg(test)]
mod tests;
