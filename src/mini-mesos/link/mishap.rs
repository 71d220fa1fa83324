//! What a fault wants done by an agent on another host.

use serde::{Deserialize, Serialize};

use crate::agent::Fate;
use crate::message::Run;
use mesos::wire::id::{FrameworkId, TaskId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mishap {
    /// The task is not to start, but to end so.
    Doom { run: Box<Run>, fate: Fate },
    /// A running task is killed, and its end told so.
    End { framework: Option<FrameworkId>, task: TaskId, fate: Fate },
    /// The agent leaves for good.
    Unregister,
}
