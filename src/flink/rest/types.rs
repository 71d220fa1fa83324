//! The parts of Flink's answers that we read; fields that some release lacks are optional.

use std::collections::BTreeMap;

use serde::Deserialize;

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

/// [`TaskManagers`] without all that is of no use to who asks every few seconds.
#[derive(Deserialize)]
pub(super) struct Heartbeats {
    pub(super) taskmanagers: Vec<Heartbeat>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// `taskmanager.resource-id`
    pub id: String,
    /// Address of its RPC endpoint, as in `pekko.tcp://flink@host:port/user/rpc/taskmanager_0`.
    path: String,
    /// Milliseconds since 1970; 0 before the first.
    pub time_since_last_heartbeat: i64,
}

impl Heartbeat {
    pub fn hostname(&self) -> &str {
        let address = self.path.split_once('@').map_or("", |(_, address)| address);
        let at = address.split_once('/').map_or(address, |(at, _)| at);
        at.rsplit_once(':').map_or(at, |(host, _)| host)
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TaskManager {
    /// `taskmanager.resource-id`
    pub id: String,
    /// Address of its RPC endpoint.
    pub path: String,
    /// Milliseconds since 1970; 0 before the first.
    pub time_since_last_heartbeat: i64,
    pub slots_number: u32,
    pub free_slots: u32,
    pub memory_configuration: MemoryConfiguration,
}

impl TaskManager {
    /// No job has a slot of it.
    pub fn is_idle(&self) -> bool {
        self.slots_number > 0 && self.free_slots == self.slots_number
    }
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

/// How far a job is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct JobProgress {
    pub name: String,
    pub state: JobState,
    /// How many vertices are in which state, in Flink's words.
    #[serde(default)]
    pub status_counts: BTreeMap<String, u32>,
}

/// How many tasks are in which state.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Tasks {
    pub total: u32,
    pub created: u32,
    pub scheduled: u32,
    pub running: u32,
    pub finished: u32,
    #[serde(flatten)]
    pub others: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub struct JobDetails {
    /// Flink 1.18 and later.
    pub job_type: Option<String>,
    pub vertices: Vec<Vertex>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Vertex {
    pub id: String,
    /// -1 as long as nobody knows, in adaptive batch jobs.
    pub parallelism: i64,
    /// Flink 1.20 and later.
    pub slot_sharing_group_id: Option<String>,
    /// The states of its subtasks in one word.
    pub status: String,
}

/// What a job under the adaptive scheduler shall have at least and at most, by vertex.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Requirements(BTreeMap<String, Requirement>);

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Requirement {
    parallelism: Range,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Range {
    upper_bound: i64,
}

impl JobState {
    /// For good: a suspended one goes on under another JobManager.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Failed | Self::Canceled | Self::Finished => true,
            Self::Initializing
            | Self::Created
            | Self::Running
            | Self::Failing
            | Self::Cancelling
            | Self::Restarting
            | Self::Suspended
            | Self::Reconciling
            | Self::Other => false,
        }
    }
}

impl JobDetails {
    pub fn is_streaming(&self) -> bool {
        self.job_type.as_deref() == Some("STREAMING")
    }
}

impl Vertex {
    pub fn has_finished(&self) -> bool {
        self.status == "FINISHED"
    }
}

impl Requirements {
    pub fn upper_bound(&self, vertex: &str) -> Option<i64> {
        self.0.get(vertex).map(|requirement| requirement.parallelism.upper_bound)
    }
}

#[derive(Deserialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<String>,
}
