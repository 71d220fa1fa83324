//! What outlives a worker: small, versioned by its codec (`record.rs`), stored before anything depends on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::group::GroupName;

/// The whole of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "StoredState")]
pub struct State {
    /// Given by the master with the first SUBSCRIBED.
    pub framework_id: Option<String>,
    /// Framework ids that a master has removed, oldest first.
    pub archived: Vec<String>,
    /// Part of every task's id, so that no other cluster ever has a task of the same. Empty in states from before
    /// there was one.
    pub nonce: String,
    /// The number of the last task ever named, of whatever group.
    pub task_counter: u64,
    /// None of a group of which nothing but its tasks is known.
    pub groups: BTreeMap<GroupName, GroupState>,
    /// Digest of what TaskManagers were started with last, where another AppMaster may go on with them.
    pub origin: Option<String>,
    /// Where agents reach the artifact server, which the next AppMaster shall have too.
    pub artifact_port: Option<u16>,
    /// From it follows each task's token for fetching its configuration.
    pub token_secret: [u8; 32],
    /// By task id, which is the TaskManager's resource id in Flink too.
    pub tasks: BTreeMap<String, TaskRecord>,
}

/// What is stored of a group besides its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// How many tasks somebody asked for with `scale`; without it the configuration counts.
    #[serde(default)]
    pub scale: Option<u32>,
    /// How many jobs asked for last, where the number follows them.
    #[serde(default)]
    pub demanded: Option<u32>,
    /// Tasks that failed since the group began.
    #[serde(default)]
    pub failures: u32,
    /// While tasks fail at their start, so that another worker does not launch all of them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<Probing>,
    /// Tasks that were ever launched; not counted of TaskManagers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub launched: u32,
    /// A task of it has done what the group is for: it gets no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// How a group has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// Of the task whose end it was.
    pub task: String,
    /// The one that the task was launched with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    /// With which that ended.
    pub code: u8,
    /// Seconds since 1970.
    pub at: u64,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

static NEW_GROUP: GroupState =
    GroupState { scale: None, demanded: None, failures: 0, probing: None, launched: 0, ended: None };

impl State {
    /// The id of the task with this number.
    pub fn task_id(&self, group: &GroupName, number: u64) -> String {
        let Self { nonce, .. } = self;
        if nonce.is_empty() {
            return format!("{group}-{number:05}");
        }
        format!("{group}-{nonce}-{number:05}")
    }

    /// The number in the id of a task. From 100,000 on ids have another order than their numbers.
    pub fn task_number(id: &str) -> Option<u64> {
        id.rsplit('-').next()?.parse().ok()
    }

    pub fn group(&self, name: &GroupName) -> &GroupState {
        self.groups.get(name).unwrap_or(&NEW_GROUP)
    }

    pub fn group_mut(&mut self, name: &GroupName) -> &mut GroupState {
        self.groups.entry(name.clone()).or_default()
    }

    /// Whether a program that knows no groups would take something for TaskManagers that is none.
    pub fn has_other_groups(&self) -> bool {
        self.groups.keys().any(|name| !name.is_taskmanagers())
            || self.tasks.values().any(|record| !record.group.is_taskmanagers())
    }
}

/// As it is written: what is known of the TaskManagers has stood beside the rest since before there were groups, so that
/// a cluster without others is read and written by any version.
#[derive(Serialize)]
struct StateToStore<'a> {
    framework_id: &'a Option<String>,
    archived: &'a [String],
    nonce: &'a str,
    task_counter: u64,
    #[serde(flatten)]
    taskmanagers: &'a GroupState,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<&'a GroupName, &'a GroupState>,
    origin: &'a Option<String>,
    artifact_port: Option<u16>,
    token_secret: &'a [u8; 32],
    tasks: &'a BTreeMap<String, TaskRecord>,
}

/// As it is read.
#[derive(Deserialize)]
struct StoredState {
    framework_id: Option<String>,
    #[serde(default)]
    archived: Vec<String>,
    #[serde(default)]
    nonce: String,
    task_counter: u64,
    #[serde(default)]
    scale: Option<u32>,
    #[serde(default)]
    demanded: Option<u32>,
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    probing: Option<Probing>,
    #[serde(default)]
    groups: BTreeMap<GroupName, GroupState>,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    artifact_port: Option<u16>,
    token_secret: [u8; 32],
    tasks: BTreeMap<String, TaskRecord>,
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let others = self.groups.iter().filter(|(name, _)| !name.is_taskmanagers());
        let written = StateToStore {
            framework_id: &self.framework_id,
            archived: &self.archived,
            nonce: &self.nonce,
            task_counter: self.task_counter,
            taskmanagers: self.group(&GroupName::TASKMANAGERS),
            groups: others.collect(),
            origin: &self.origin,
            artifact_port: self.artifact_port,
            token_secret: &self.token_secret,
            tasks: &self.tasks,
        };
        written.serialize(serializer)
    }
}

impl From<StoredState> for State {
    fn from(stored: StoredState) -> Self {
        let StoredState { scale, demanded, failures, probing, mut groups, .. } = stored;
        let taskmanagers = GroupState { scale, demanded, failures, probing, launched: 0, ended: None };
        if taskmanagers != NEW_GROUP {
            groups.insert(GroupName::TASKMANAGERS, taskmanagers);
        }
        Self {
            framework_id: stored.framework_id,
            archived: stored.archived,
            nonce: stored.nonce,
            task_counter: stored.task_counter,
            groups,
            origin: stored.origin,
            artifact_port: stored.artifact_port,
            token_secret: stored.token_secret,
            tasks: stored.tasks,
        }
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

/// One task that was launched and has not ended, as far as we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    pub agent_id: String,
    pub hostname: String,
    #[serde(default, skip_serializing_if = "GroupName::is_taskmanagers")]
    pub group: GroupName,
    /// Which of the group's launches it is, from 1; not counted of TaskManagers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Of the group's specification that it was launched with; not counted of TaskManagers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
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
    /// Of a TaskManager that is to be launched.
    pub fn new(agent_id: String, hostname: String) -> Self {
        Self {
            agent_id,
            hostname,
            group: GroupName::TASKMANAGERS,
            attempt: 0,
            generation: 0,
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
        let ids =
            [7, 99_999, 100_000, 1_000_000].map(|number| state.task_id(&GroupName::TASKMANAGERS, number));
        assert!(ids[2] < ids[1], "{ids:?}");
        let numbers: Vec<_> = ids.iter().filter_map(|id| State::task_number(id)).collect();
        assert_eq!(numbers, [7, 99_999, 100_000, 1_000_000]);
        assert_eq!(State::task_number("somebody's"), None);
    }
}
