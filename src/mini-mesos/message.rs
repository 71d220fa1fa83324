//! What master and agents tell each other, in one process or over a link. Whoever drives the two may lose, delay
//! or repeat it: both get over that by registering again.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use mesos::wire::framework::{CapabilityType, FrameworkInfo};
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::{TaskState, TaskStatus};
use mesos::wire::task::TaskInfo;
use mesos::wire::time::DurationInfo;

use super::master::AgentDescription;
use super::resources::Resources;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Is it there? One that the master takes for disconnected registers again.
    Ping {
        is_connected: bool,
    },
    /// The answer to a registration, with the tasks that the agent did not name but should have.
    Registered {
        missing: Vec<Run>,
    },
    /// What it has from now on, reservations included.
    Resources(Resources),
    Drain(Drain),
    Reactivate,
    /// It is no longer wanted: end everything and stay away.
    Dismiss,
}

/// How an agent is to be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// No task gets more grace than this.
    pub grace_most: Option<Duration>,
    pub then: AfterDrain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AfterDrain {
    Keep,
    /// It is marked gone once it is empty.
    Gone,
}

/// One task to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub framework: FrameworkId,
    pub info: Box<FrameworkInfo>,
    pub task: TaskInfo,
    /// The role whose offer pays for it.
    pub role: String,
}

impl Run {
    pub fn has(&self, capability: CapabilityType) -> bool {
        self.info.capabilities.iter().any(|c| c.r#type == Some(capability as i32))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    Updated {
        framework: FrameworkId,
        status: Box<TaskStatus>,
        /// What the task is by now, which the update at the head of the queue may not say yet.
        latest: TaskState,
    },
    Pong,
    Registering(Box<Registration>),
    /// It leaves for good, its tasks with it.
    Unregistering,
}

/// An agent with an id comes back, to this master or to a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    pub id: AgentId,
    pub description: AgentDescription,
    pub tasks: Vec<Reported>,
}

/// A task on an agent that registers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    pub run: Run,
    pub latest: TaskState,
    /// The last one that was acknowledged or is under way.
    pub status: Option<TaskStatus>,
}

/// A span from the wire; what is negative counts as none at all.
pub fn span(wire: &DurationInfo) -> Duration {
    Duration::from_nanos(u64::try_from(wire.nanoseconds.unwrap_or_default()).unwrap_or_default())
}
