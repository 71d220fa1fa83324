use super::wire::{id::OfferId, task::TaskInfo};
use std::time::Duration;
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Accept { offer_ids: Vec<OfferId>, tasks: Vec<TaskInfo>, refuse: Duration },
    Decline { offer_ids: Vec<OfferId>, refuse: Duration },
    Revive { roles: Vec<String> },
    Suppress { roles: Vec<String> },
    Kill { task_id: String, agent_id: Option<String>, grace: Option<Duration> },
    Acknowledge { agent_id: String, task_id: String, uuid: [u8; 16] },
    Reconcile { tasks: Vec<(String, Option<String>)> },
    Teardown,
}
