//! One cluster: its revisions, what is wanted of it, and where it stands.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use domain::remains::Remains;
use manifest::{Manifest, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::condition::{Condition, State};
use super::instructions::{Instruction, PendingOrder};
use super::jobs::Submission;
use super::journal::Event;
use domain::time::Timestamp;
use domain::view::View;

pub struct Cluster {
    pub name: String,
    /// By number. The last one and the one that runs are among them. Most clusters have one or two, and a map has room for eleven.
    pub revisions: BTreeMap<u64, Box<Revision>>,
    pub status: Status,
    /// The last ones.
    pub events: VecDeque<Event>,
    /// Of the last order to the scheduler about it: what was seen before that does not count.
    pub order: u64,
    /// The last one that counted.
    pub view: Option<View>,
    pub condition: Condition,
}

/// A specification that was applied; stored in a record of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    pub number: u64,
    pub at: Timestamp,
    pub user: String,
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(serialize_with = "write_shared", deserialize_with = "read_shared")]
    pub manifest: Arc<Manifest>,
}

fn write_shared<S: Serializer>(manifest: &Arc<Manifest>, serializer: S) -> Result<S::Ok, S::Error> {
    manifest.serialize(serializer)
}

fn read_shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Manifest>, D::Error> {
    Manifest::deserialize(deserializer).map(Arc::new)
}

/// What is wanted of a cluster and where it stands; stored in a record of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub created: Timestamp,
    pub wanted: Wanted,
    /// What runs is not changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The last one that was applied.
    pub revision: u64,
    /// The one that its AppMasters are launched with.
    pub running: u64,
    /// Grows whenever AppMasters have to begin anew: those of an older one are replaced, and their end is not the cluster's.
    pub generation: u64,
    /// The generation that began without what Flink had stored for an earlier one.
    #[serde(default = "first")]
    pub origin: u64,
    /// AppMasters of earlier generations have to be gone before the next is launched: an application runs once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub makes_way: bool,
    /// The last generation of which the scheduler was seen; what it failed of before does not hold that back.
    pub settled: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The last one that was told.
    pub state: State,
    /// Since when it is so.
    pub since: Timestamp,
    /// The last ones, in the order in which they were seen.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// The id of the last order to its AppMasters.
    #[serde(default)]
    pub ordered: u64,
    /// Those without a stored outcome, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingOrder>,
    /// That a session was given, the last ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Submission>,
}

fn first() -> u64 {
    1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    Running,
    /// By an order; the specification can say so too.
    Suspended,
    Deleted,
}

/// How a cluster has ended. Only a restart or another specification begins it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// Of the AppMaster whose end it was.
    pub task_id: String,
    /// With which that ended.
    pub code: u8,
    pub at: Timestamp,
}

/// An AppMaster that was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    pub task_id: String,
    /// From 1, for each cluster.
    pub number: u32,
    pub generation: u64,
    pub agent_id: String,
    pub hostname: String,
    /// In Mesos' words, or `LAUNCHED`.
    pub state: String,
    pub since: Timestamp,
    /// When it was seen that it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

/// In which Mesos' word says that a process is there.
const RUNNING: &str = "TASK_RUNNING";

impl Attempt {
    /// As far as Mesos has told.
    pub fn runs(&self) -> bool {
        self.ended.is_none() && self.state == RUNNING
    }
}

/// Whether each generation of its AppMasters begins without what an earlier one has stored.
fn starts_empty(spec: &Specification) -> bool {
    spec.job.as_ref().is_some_and(|job| !job.keeps_state())
}

impl Cluster {
    pub fn last(&self) -> &Revision {
        self.revision(self.status.revision)
    }

    pub fn running(&self) -> &Revision {
        self.revision(self.status.running)
    }

    fn revision(&self, number: u64) -> &Revision {
        self.revisions.get(&number).expect("the last one and the one that runs are kept")
    }

    pub fn is_deleted(&self) -> bool {
        self.status.wanted == Wanted::Deleted
    }

    pub fn is_suspended(&self) -> bool {
        self.status.wanted == Wanted::Suspended || self.running().manifest.spec.is_suspended()
    }

    /// Attempts that have not ended, as far as is known, in the order in which they were seen.
    pub fn alive(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.status.attempts.iter().filter(|attempt| attempt.ended.is_none())
    }

    /// Their tasks. Unknown is not none: where the scheduler has not told, those that have not ended may run.
    pub fn running_appmasters(&self) -> impl Iterator<Item = &str> {
        let known = self.view.iter().flat_map(|view| &view.tasks);
        let seen = known.filter(|task| task.runs && !task.ending).map(|task| &*task.id);
        let not_ended = self.alive().filter(|_| self.view.is_none()).map(|attempt| &*attempt.task_id);
        seen.chain(not_ended)
    }

    /// How many AppMasters there are while it runs.
    pub fn replicas(&self) -> u32 {
        self.running().manifest.spec.job_manager.replicas.max(1)
    }

    pub fn target(&self) -> u32 {
        if self.is_over() || self.status.makes_way { 0 } else { self.replicas() }
    }

    /// Its AppMasters begin anew, with the last revision.
    pub fn begin(&mut self) {
        self.status.generation += 1;
        self.status.ended = None;
        // The next ones may find TaskManagers and their number where these have stored it, and have jobs still to submit.
        self.status.pending.retain(|order| !matches!(order.what, Instruction::Replace { .. }));
        let spec = &self.last().manifest.spec;
        let (is_application, starts_empty) = (spec.job.is_some(), starts_empty(spec));
        self.status.makes_way = is_application;
        if starts_empty {
            self.status.origin = self.status.generation;
        }
    }

    /// What of it shall remain when its AppMaster of this generation is stopped.
    pub fn remains(&self, generation: u64) -> Remains {
        if self.is_deleted() || generation < self.status.origin {
            Remains::Nothing
        } else if self.status.ended.is_some() || !self.is_suspended() {
            Remains::Cluster
        } else if starts_empty(&self.running().manifest.spec) {
            Remains::Nothing
        } else {
            Remains::Data
        }
    }

    /// Its place in ZooKeeper and in Flink's storage: another one where it starts without what is stored there, and never that
    /// of an earlier cluster of the same name.
    pub fn place(&self) -> String {
        format!("{}-{:x}-{}", self.name, self.status.created.0, self.status.origin)
    }
}
