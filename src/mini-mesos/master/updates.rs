//! Task states: what agents report, and what the master says by itself.

use crate::message::Reported;
use base::time::Moment;
use mesos::wire::event::{Event, EventType, Update};
use mesos::wire::framework::CapabilityType;
use mesos::wire::id::{AgentId, FrameworkId};
use mesos::wire::status::{Reason, StatusSource, TaskState, TaskStatus};
use mesos::wire::task::TaskInfo;

use super::Master;
use super::framework::Framework;
use super::task::{Forwarded, Task, is_terminal};

/// Updates kept per task for `/state`; a health check that flaps must not grow without end.
const KEPT_STATUSES: usize = 32;

/// What the master says by itself of all tasks of one agent.
pub(super) struct MasterUpdate<'a> {
    pub state: TaskState,
    pub reason: Reason,
    pub message: &'a str,
    /// Since when the agent has been out of reach.
    pub unreachable: Option<Moment>,
}

impl Master {
    pub(super) fn forward_update(
        &mut self,
        agent: &AgentId,
        id: &FrameworkId,
        status: TaskStatus,
        latest: TaskState,
    ) {
        if !self.agents.contains_key(agent) {
            tracing::warn!(agent = agent.text(), "an update of an agent that is not registered: dropped");
            return;
        }
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        let state = status.state.and_then(|n| TaskState::try_from(n).ok());
        let task = status.task_id.as_ref().and_then(|task| framework.tasks.get_mut(task));
        if let (Some(task), Some(state)) = (task, state) {
            task.latest = latest;
            let uuid = status.uuid.clone().unwrap_or_default();
            let is_new = task.forwarded.as_ref().is_none_or(|last| last.uuid != uuid);
            task.forwarded = Some(Forwarded { state, uuid });
            if is_new && task.statuses.len() < KEPT_STATUSES {
                task.statuses.push(status.clone());
            }
            if is_terminal(latest)
                && let Some(held) = task.held.take()
            {
                self.release(agent, held);
            }
        }
        self.send(id, update(status));
    }

    /// The tasks of some frameworks on one agent are over, or out of reach, as the master sees it.
    pub(super) fn end_tasks(
        &mut self,
        agent: &AgentId,
        concerned: impl Fn(&Framework) -> bool,
        update: &MasterUpdate<'_>,
        now: Moment,
    ) {
        let timestamp = self.timestamp(now);
        let unreachable_time = update.unreachable.map(|since| self.time_info(since));
        let frameworks: Vec<_> =
            self.frameworks.values().filter(|f| concerned(f)).map(|f| f.id.clone()).collect();
        for id in frameworks {
            let Some(framework) = self.frameworks.get_mut(&id) else { continue };
            let here = framework.tasks.values().filter(|task| task.agent == *agent);
            let tasks: Vec<_> = here.map(Task::id).collect();
            for task in tasks {
                let Some(framework) = self.frameworks.get_mut(&id) else { continue };
                let state = spoken(framework, update.state);
                let is_aware = framework.has(CapabilityType::PartitionAware);
                let reason = match update.reason {
                    Reason::AgentRemovedByOperator if !is_aware => Reason::AgentRemoved,
                    reason => reason,
                };
                let Some(ended) = framework.end(&task, state, update.unreachable.is_some()) else { continue };
                if let Some(held) = ended.held {
                    self.release(agent, held);
                }
                if ended.was_terminal {
                    continue;
                }
                let status = TaskStatus {
                    task_id: Some(task),
                    state: Some(state as i32),
                    message: Some(update.message.to_owned()),
                    agent_id: Some(agent.clone()),
                    timestamp: Some(timestamp),
                    source: Some(StatusSource::Master as i32),
                    reason: Some(reason as i32),
                    unreachable_time: unreachable_time.clone(),
                    ..TaskStatus::default()
                };
                self.send(&id, self::update(status));
            }
        }
    }

    /// Tells of a task that came back with its agent.
    pub(super) fn tell_again(&mut self, id: &FrameworkId, reported: &Reported, message: &str, now: Moment) {
        let last = reported.status.as_ref();
        let status = TaskStatus {
            task_id: reported.run.task.task_id.clone(),
            state: Some(reported.latest as i32),
            message: Some(message.to_owned()),
            agent_id: reported.run.task.agent_id.clone(),
            timestamp: Some(self.timestamp(now)),
            source: Some(StatusSource::Master as i32),
            reason: Some(Reason::AgentReregistered as i32),
            healthy: last.and_then(|status| status.healthy),
            check_status: last.and_then(|status| status.check_status.clone()),
            container_status: last.and_then(|status| status.container_status.clone()),
            ..TaskStatus::default()
        };
        self.send(id, update(status));
    }

    /// Tells what became of a task that never reached an agent.
    pub(super) fn refuse_task(
        &mut self,
        id: &FrameworkId,
        task: &TaskInfo,
        state: TaskState,
        reason: Reason,
        message: &str,
        now: Moment,
    ) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let status = TaskStatus {
            task_id: task.task_id.clone(),
            state: Some(spoken(framework, state) as i32),
            message: Some(message.to_owned()),
            agent_id: task.agent_id.clone(),
            timestamp: Some(self.timestamp(now)),
            source: Some(StatusSource::Master as i32),
            reason: Some(reason as i32),
            ..TaskStatus::default()
        };
        self.send(id, update(status));
    }
}

/// The state in words that the framework knows: without PARTITION_AWARE every kind of loss is TASK_LOST.
pub(super) fn spoken(framework: &Framework, state: TaskState) -> TaskState {
    use TaskState::{Dropped, Gone, GoneByOperator, Lost, Unknown, Unreachable};
    let is_loss = matches!(state, Dropped | Gone | GoneByOperator | Unknown | Unreachable);
    if is_loss && !framework.has(CapabilityType::PartitionAware) { Lost } else { state }
}

pub(super) fn update(status: TaskStatus) -> Event {
    Event {
        r#type: Some(EventType::Update as i32),
        update: Some(Update { status: Some(status) }),
        ..Event::default()
    }
}
