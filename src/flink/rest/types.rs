//! The parts of Flink's answers that we read; fields that some release lacks are optional.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct Overview {
    pub taskmanagers: u32,
    pub slots_total: u32,
    pub slots_available: u32,
    pub jobs_running: u32,
    pub jobs_finished: u32,
    pub jobs_cancelled: u32,
    pub jobs_failed: u32,
    pub flink_version: String,
}

#[derive(Deserialize)]
pub(super) struct TaskManagers {
    pub(super) taskmanagers: Vec<TaskManager>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TaskManager {
    /// `taskmanager.resource-id`
    pub id: String,
    /// Address of its RPC endpoint.
    pub path: String,
    /// Milliseconds since 1970.
    pub time_since_last_heartbeat: u64,
    pub slots_number: u32,
    pub free_slots: u32,
    pub memory_configuration: MemoryConfiguration,
}

/// What the TaskManager was started with, in bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MemoryConfiguration {
    pub total_flink_memory: Option<u64>,
    pub total_process_memory: Option<u64>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TaskManagerDetails {
    #[serde(flatten)]
    pub taskmanager: TaskManager,
    pub allocated_slots: Vec<AllocatedSlot>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AllocatedSlot {
    pub job_id: String,
}

#[derive(Deserialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Job {
    pub jid: String,
    pub name: String,
    pub state: JobState,
    pub tasks: Tasks,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    Initializing,
    Created,
    Running,
    Failing,
    Failed,
    Cancelling,
    Canceled,
    Finished,
    Restarting,
    Suspended,
    Reconciling,
    /// One that a later Flink may have.
    #[serde(other)]
    Other,
}

/// How many tasks are in which state.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Tasks {
    pub total: u32,
    pub created: u32,
    pub scheduled: u32,
    pub running: u32,
    #[serde(flatten)]
    pub others: BTreeMap<String, u32>,
}

/// What to run of an uploaded jar.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct JarRun {
    /// The main class; None when the jar's manifest names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    #[serde(rename = "programArgsList")]
    pub arguments: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Uploaded {
    pub(super) filename: String,
}

#[derive(Deserialize)]
pub(super) struct Started {
    pub(super) jobid: String,
}

#[derive(Deserialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<String>,
}
