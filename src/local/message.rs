//! What master and agents tell each other.

use std::time::Duration;

use bytes::Bytes;

use crate::mesos::wire::id::{FrameworkId, TaskId};
use crate::mesos::wire::status::{TaskState, TaskStatus};
use crate::mesos::wire::task::TaskInfo;
use crate::mesos::wire::time::DurationInfo;

#[derive(Clone, Debug, PartialEq)]
pub enum ToAgent {
    Run(Box<Run>),
    Kill {
        framework: FrameworkId,
        task: TaskId,
        grace: Option<Duration>,
    },
    Acknowledge {
        framework: FrameworkId,
        task: TaskId,
        uuid: Bytes,
    },
    /// End everything of this framework; nobody waits for updates any more.
    ShutDown {
        framework: FrameworkId,
    },
}

/// One task to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub framework: FrameworkId,
    pub user: String,
    pub task: TaskInfo,
    /// The role whose offer pays for it.
    pub role: String,
    pub checkpoint: bool,
    /// The framework wants TASK_KILLING.
    pub announces_killing: bool,
    /// The framework knows TASK_DROPPED and its like; others get TASK_LOST.
    pub partition_aware: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FromAgent {
    Updated {
        framework: FrameworkId,
        status: Box<TaskStatus>,
        /// What the task is by now, which the update at the head of the queue may not say yet.
        latest: TaskState,
    },
}

/// A span from the wire; what is negative counts as none at all.
pub fn span(wire: &DurationInfo) -> Duration {
    Duration::from_nanos(u64::try_from(wire.nanoseconds.unwrap_or_default()).unwrap_or_default())
}
