pub use super::wire::status::{Reason, TaskState};
impl Default for StatusUpdate {
    fn default() -> Self {
        Self {
            task_id: String::new(),
            state: TaskState::Staging,
            agent_id: None,
            reason: None,
            message: None,
            uuid: None,
        }
    }
}
#[derive(Clone, Debug, PartialEq)]
pub struct StatusUpdate {
    pub task_id: String,
    pub state: TaskState,
    pub agent_id: Option<String>,
    pub reason: Option<Reason>,
    pub message: Option<String>,
    pub uuid: Option<[u8; 16]>,
}
impl TaskState {
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Finished
            | Self::Failed
            | Self::Killed
            | Self::Error
            | Self::Lost
            | Self::Dropped
            | Self::Gone
            | Self::GoneByOperator => true,
            Self::Staging
            | Self::Starting
            | Self::Running
            | Self::Killing
            | Self::Unreachable
            | Self::Unknown => false,
        }
    }
}
