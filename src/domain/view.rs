//! How the scheduler stands with a group of tasks, as those see it for whom it keeps one.

use super::time::Timestamp;

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How many tasks there shall be.
    pub target: u32,
    pub tasks: Vec<TaskView>,
    /// Why some are lacking, if they are.
    pub waiting: Option<String>,
    /// Too many have failed, and none is launched for a while.
    pub rests: bool,
    pub ended: Option<End>,
}

/// One that has not ended, as far as the scheduler knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    pub id: String,
    /// Which of the group's launches it is, from 1.
    pub attempt: u32,
    /// Of the definition that it was launched by.
    pub generation: u64,
    pub agent_id: String,
    pub hostname: String,
    /// In Mesos' words, or `LAUNCHED`.
    pub state: String,
    pub since: Timestamp,
    pub runs: bool,
    pub ending: bool,
    /// It goes on until another one runs.
    pub giving_way: bool,
}

/// A task has done what the group is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub task_id: String,
    pub generation: u64,
    pub code: u8,
    pub at: Timestamp,
}
