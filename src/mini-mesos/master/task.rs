//! What the master knows of one task.

use bytes::Bytes;

use crate::message::Run;
use crate::resources::Resources;
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::status::{TaskState, TaskStatus};
use mesos::wire::task::TaskInfo;

use super::framework::Framework;

#[derive(Clone, Debug)]
pub struct Task {
    pub info: TaskInfo,
    pub agent: AgentId,
    pub role: String,
    /// What it holds on its agent; `None` from its terminal state on.
    pub held: Option<Resources>,
    /// May be ahead of what the framework has been told.
    pub latest: TaskState,
    pub forwarded: Option<Forwarded>,
    pub statuses: Vec<TaskStatus>,
}

/// The last update that went to the framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    pub state: TaskState,
    pub uuid: Bytes,
}

impl Task {
    pub fn id(&self) -> TaskId {
        self.info.task_id.clone().unwrap_or_default()
    }

    /// What its agent was told to start.
    pub fn run(&self, framework: &Framework) -> Run {
        Run {
            framework: framework.id.clone(),
            info: Box::new(framework.info.clone()),
            task: self.info.clone(),
            role: self.role.clone(),
        }
    }

    /// What reconciliation answers.
    pub fn reported_state(&self) -> TaskState {
        self.forwarded.as_ref().map_or(self.latest, |forwarded| forwarded.state)
    }
}

/// No state comes after it.
pub fn is_terminal(state: TaskState) -> bool {
    match state {
        TaskState::Finished
        | TaskState::Failed
        | TaskState::Killed
        | TaskState::Lost
        | TaskState::Error
        | TaskState::Dropped
        | TaskState::Gone
        | TaskState::GoneByOperator => true,
        TaskState::Starting
        | TaskState::Running
        | TaskState::Staging
        | TaskState::Killing
        | TaskState::Unreachable
        | TaskState::Unknown => false,
    }
}
