//! Answers to a framework that asks what became of its tasks.

use crate::mesos::wire::call::ReconcileTask;
use crate::mesos::wire::id::FrameworkId;
use crate::mesos::wire::status::{Reason, StatusSource, TaskState, TaskStatus};
use crate::time::Moment;

use super::Master;
use super::framework::Framework;
use super::task::Task;
use super::updates::{spoken, update};

impl Master {
    /// One update for each task that was asked for; without any, for each that the framework has.
    pub(super) fn reconcile(&mut self, id: &FrameworkId, tasks: &[ReconcileTask], now: Moment) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let timestamp = self.timestamp(now);
        let answers: Vec<_> = if tasks.is_empty() {
            framework.tasks.values().map(known).collect()
        } else {
            tasks.iter().map(|task| self.answer(framework, task)).collect()
        };
        for mut status in answers {
            status.timestamp = Some(timestamp);
            status.source = Some(StatusSource::Master as i32);
            status.reason = Some(Reason::Reconciliation as i32);
            self.send(id, update(status));
        }
    }

    fn answer(&self, framework: &Framework, asked: &ReconcileTask) -> TaskStatus {
        let task = asked.task_id.clone().unwrap_or_default();
        if let Some(task) = framework.tasks.get(&task) {
            return known(task);
        }
        let is_registered = asked.agent_id.as_ref().is_some_and(|agent| self.agents.contains_key(agent));
        let (state, message) = if is_registered {
            (TaskState::Gone, "Reconciliation: Task is unknown to the agent")
        } else {
            (TaskState::Unknown, "Reconciliation: Task is unknown")
        };
        TaskStatus {
            task_id: Some(task),
            agent_id: asked.agent_id.clone(),
            state: Some(spoken(framework, state) as i32),
            message: Some(message.to_owned()),
            ..TaskStatus::default()
        }
    }
}

fn known(task: &Task) -> TaskStatus {
    let last = task.statuses.last();
    TaskStatus {
        task_id: Some(task.id()),
        agent_id: Some(task.agent.clone()),
        state: Some(task.told() as i32),
        message: Some("Reconciliation: Latest task state".to_owned()),
        healthy: last.and_then(|status| status.healthy),
        check_status: last.and_then(|status| status.check_status.clone()),
        container_status: last.and_then(|status| status.container_status.clone()),
        ..TaskStatus::default()
    }
}
