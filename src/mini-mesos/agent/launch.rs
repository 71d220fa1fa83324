//! From the order to run a task to its process.

use base::time::{Deadline, Moment};
use mesos::wire::status::{Reason, TaskState};

use super::executor::{self, Executor, Life};
use super::{Action, Agent, ContainerId, KillSignal, Told, drop_fate};
use crate::message::{Run, span};

impl Agent {
    /// The sandbox is there, or why it is not: then nothing of the task begins, whatever it is.
    pub fn handle_sandbox(&mut self, container: &ContainerId, made: Result<(), String>, now: Moment) {
        let Some(executor) = self.executors.get(container) else { return };
        if let Err(message) = made {
            let fate = drop_fate(&executor.run, Reason::ExecutorTerminated, &message);
            return self.tell_fate(container, fate, now);
        }
        let prepared = executor::prepare(&executor.run, container, &self.settings);
        match (prepared, self.executors.get_mut(container)) {
            (Ok((start, watches)), Some(executor)) => {
                executor.watches = watches;
                self.actions.push_back(Action::Start(Box::new(start)));
            }
            (Err(message), _) => self.fail_start(container, &message, now),
            (Ok(_), None) => {}
        }
    }

    pub(super) fn run(&mut self, run: Run, now: Moment) {
        let task = run.task.task_id.clone().unwrap_or_default();
        if self.is_dismissed() {
            tracing::warn!(task = task.text(), "the agent has left, not started");
            return;
        }
        if self.find(&run.framework, &task).is_some() {
            tracing::warn!(task = task.text(), "is here already, not started again");
            return;
        }
        if self.drain.is_some() {
            let message = "Task was received while agent was already draining";
            self.handle_doomed_run(run.clone(), drop_fate(&run, Reason::AgentDraining, message), now);
            return;
        }
        let container = ContainerId(self.ids.uuid());
        let path = executor::sandbox(&run, &container, &self.settings);
        let user = executor::user(&run, &self.settings);
        self.executors.insert(container.clone(), Executor::new(run));
        self.actions.push_back(Action::MakeSandbox { container, path, user });
    }

    pub(super) fn started(&mut self, container: &ContainerId, pid: u32, now: Moment) {
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
        let longest = executor.run.task.max_completion_time.as_ref().map(span);
        executor.complete_by = longest.map(|longest| Deadline::after(now, longest));
        executor.watches.iter_mut().for_each(|watch| watch.begin(now));
        self.update(container, TaskState::Starting, Told::default(), now);
        self.update(container, TaskState::Running, Told::default(), now);
    }

    pub(super) fn fail_start(&mut self, container: &ContainerId, message: &str, now: Moment) {
        let Some(executor) = self.executors.get_mut(container) else { return };
        executor.life = Life::Ended;
        let message = format!("Failed to launch container: {message}");
        let told = Told::by_agent(Reason::ContainerLaunchFailed, message);
        self.update(container, TaskState::Failed, told, now);
        self.forget_if_silent(container);
    }
}
