//! Answers to a framework that asks what became of its tasks.

use base::time::Moment;
use mesos::wire::call::ReconcileTask;
use mesos::wire::id::{AgentId, FrameworkId};
use mesos::wire::status::{Reason, StatusSource, TaskState, TaskStatus};

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
            tasks.iter().filter_map(|task| self.answer(framework, task)).collect()
        };
        for mut status in answers {
            status.timestamp = Some(timestamp);
            status.source = Some(StatusSource::Master as i32);
            status.reason = Some(Reason::Reconciliation as i32);
            self.send(id, update(status));
        }
    }

    fn answer(&self, framework: &Framework, asked: &ReconcileTask) -> Option<TaskStatus> {
        let task = asked.task_id.clone().unwrap_or_default();
        if let Some(task) = framework.tasks.get(&task) {
            return Some(known(task));
        }
        let (state, message, since) = match self.standing(asked.agent_id.as_ref()) {
            AgentPresence::Undecided => return None,
            AgentPresence::Registered => {
                (TaskState::Gone, "Reconciliation: Task is unknown to the agent", None)
            }
            AgentPresence::Unreachable(since) => {
                (TaskState::Unreachable, "Reconciliation: Task is unreachable", Some(since))
            }
            AgentPresence::Gone => (TaskState::GoneByOperator, "Reconciliation: Task is gone", None),
            AgentPresence::Unknown => (TaskState::Unknown, "Reconciliation: Task is unknown", None),
        };
        Some(TaskStatus {
            task_id: Some(task),
            agent_id: asked.agent_id.clone(),
            state: Some(spoken(framework, state) as i32),
            message: Some(message.to_owned()),
            unreachable_time: since.map(|since| self.time_info(since)),
            ..TaskStatus::default()
        })
    }

    fn standing(&self, agent: Option<&AgentId>) -> AgentPresence {
        let Some(agent) = agent else {
            return if self.recovered.is_empty() { AgentPresence::Unknown } else { AgentPresence::Undecided };
        };
        match self.unreachable.get(agent) {
            _ if self.recovered.contains_key(agent) => AgentPresence::Undecided,
            _ if self.agents.contains_key(agent) => AgentPresence::Registered,
            Some(away) => AgentPresence::Unreachable(away.since),
            None if self.gone.contains(agent) => AgentPresence::Gone,
            None => AgentPresence::Unknown,
        }
    }
}

/// How the agent stands whose task is not known.
enum AgentPresence {
    /// It may still come back to this new master, and is said to have the task or not then.
    Undecided,
    Registered,
    Unreachable(Moment),
    Gone,
    Unknown,
}

fn known(task: &Task) -> TaskStatus {
    let last = task.statuses.last();
    TaskStatus {
        task_id: Some(task.id()),
        agent_id: Some(task.agent.clone()),
        state: Some(task.reported_state() as i32),
        message: Some("Reconciliation: Latest task state".to_owned()),
        healthy: last.and_then(|status| status.healthy),
        check_status: last.and_then(|status| status.check_status.clone()),
        container_status: last.and_then(|status| status.container_status.clone()),
        ..TaskStatus::default()
    }
}
