//! What outlives a worker: small, versioned by its codec (`ha/record.rs`), stored before anything depends on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The whole of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Given by the master with the first SUBSCRIBED.
    pub framework_id: Option<String>,
    /// Framework ids that a master has removed, oldest first.
    #[serde(default)]
    pub archived: Vec<String>,
    /// Part of every task's id, so that no other cluster ever has a task of the same. Empty in states from before
    /// there was one.
    #[serde(default)]
    pub nonce: String,
    /// The number of the last task ever named.
    pub task_counter: u64,
    /// How many TaskManagers somebody asked for with `scale`; without it the configuration counts.
    #[serde(default)]
    pub scale: Option<u32>,
    /// How many jobs asked for last, where the number follows them.
    #[serde(default)]
    pub demanded: Option<u32>,
    /// TaskManagers that failed since the cluster began.
    #[serde(default)]
    pub failures: u32,
    /// While TaskManagers fail at their start, so that another worker does not launch all of them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<Probing>,
    /// Digest of what TaskManagers were started with last, where another AppMaster may go on with them.
    #[serde(default)]
    pub origin: Option<String>,
    /// Where agents reach the artifact server, which the next AppMaster shall have too.
    #[serde(default)]
    pub artifact_port: Option<u16>,
    /// From it follows each task's token for fetching its configuration.
    pub token_secret: [u8; 32],
    /// By task id, which is the TaskManager's resource id in Flink too.
    pub tasks: BTreeMap<String, TaskRecord>,
}

impl State {
    /// The id of the task with this number.
    pub fn task_id(&self, number: u64) -> String {
        let Self { nonce, .. } = self;
        if nonce.is_empty() {
            return format!("taskmanager-{number:05}");
        }
        format!("taskmanager-{nonce}-{number:05}")
    }

    /// The number in the id of a task. From 100,000 on ids have another order than their numbers.
    pub fn task_number(id: &str) -> Option<u64> {
        id.rsplit('-').next()?.parse().ok()
    }
}

/// TaskManagers fail at their start: few at a time are tried until one registers with the JobManager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probing {
    /// Seconds since 1970.
    pub since: u64,
    /// How many have failed.
    pub failures: u32,
    /// What the last one failed of, in the words of Mesos.
    pub cause: String,
    /// The keys that this points to.
    pub keys: Vec<String>,
    /// How often those that were tried failed.
    pub rounds: u32,
    /// How many may be tried at a time.
    pub most: u32,
    /// It has begun again soon after one had started.
    pub is_relapse: bool,
    /// Those that are tried.
    pub tasks: BTreeSet<String>,
}

/// One TaskManager that was launched and has not ended, as far as we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    pub agent_id: String,
    pub hostname: String,
    pub goal: Goal,
    /// It gives way because the JobManager does not hear it: heard again, it stays.
    #[serde(default)]
    pub unheard: bool,
    /// Whether it has fetched its configuration; its token works only once.
    pub fetched: bool,
    /// Whether it gives way because its agent leaves for maintenance; it stays when that is called off.
    #[serde(default)]
    pub leaves: bool,
    /// The agent's values of the attributes that constraints count by.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl TaskRecord {
    /// Of a task that is to be launched.
    pub fn new(agent_id: String, hostname: String) -> Self {
        Self {
            agent_id,
            hostname,
            goal: Goal::Run,
            unheard: false,
            leaves: false,
            fetched: false,
            attributes: BTreeMap::new(),
        }
    }
}

/// What we want of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    Run,
    /// It goes on until another runs in its place.
    Replace,
    /// Killed until a terminal update tells that it is gone.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_order_whatever_ids_have() {
        let state = State { nonce: "x7k2pb".to_owned(), ..State::default() };
        let ids = [7, 99_999, 100_000, 1_000_000].map(|number| state.task_id(number));
        assert!(ids[2] < ids[1], "{ids:?}");
        let numbers: Vec<_> = ids.iter().filter_map(|id| State::task_number(id)).collect();
        assert_eq!(numbers, [7, 99_999, 100_000, 1_000_000]);
        assert_eq!(State::task_number("somebody's"), None);
    }
}
