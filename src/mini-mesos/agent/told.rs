//! What an update says besides the state.

use mesos::wire::check::CheckStatusInfo;
use mesos::wire::status::{Reason, StatusSource};

pub struct Told {
    pub reason: Option<Reason>,
    pub source: StatusSource,
    pub message: Option<String>,
    pub healthy: Option<bool>,
    /// Without one a task with a check has an empty one.
    pub check_status: Option<CheckStatusInfo>,
}

impl Default for Told {
    fn default() -> Self {
        let source = StatusSource::Executor;
        Self { reason: None, source, message: None, healthy: None, check_status: None }
    }
}

impl Told {
    pub fn message(text: String) -> Self {
        Self { message: Some(text), ..Self::default() }
    }

    pub fn by_agent(reason: Reason, message: String) -> Self {
        let source = StatusSource::Agent;
        Self { reason: Some(reason), source, message: Some(message), ..Self::default() }
    }
}
