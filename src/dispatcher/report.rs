//! What is told of clusters, for an API and those who use it. Without secrets.

use domain::remains::Remains;
use manifest::Manifest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::{Attempt, Cluster, Ended, Revision, Wanted};
use super::condition::{self, Condition, State};
use super::instructions::PendingOrder;
use super::journal::{AuditEntry, Event};
use super::refusal::Refusal;
use super::{Definition, Dispatcher};
use domain::time::Timestamp;

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterReport {
    pub name: String,
    pub state: State,
    /// The reason in one sentence, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// None where what is stored cannot be read, here and below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Wanted>,
    pub frozen: bool,
    /// The last one that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The one that its AppMasters are launched with; a frozen cluster's may be older.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flink_version: Option<String>,
    /// It has a job of its own.
    pub is_application: bool,
    /// AppMasters that there shall be.
    pub target: u32,
    /// Of them, as far as the scheduler has told.
    pub running: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Since when it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// All that is known of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Description {
    pub cluster: ClusterReport,
    /// The last one that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The newest first, here and below.
    pub revisions: Vec<RevisionReport>,
    pub attempts: Vec<Attempt>,
    pub events: Vec<Event>,
    /// What its AppMaster is told to do and has not said to be done, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingOrder>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionReport {
    pub number: u64,
    pub at: Timestamp,
    pub user: String,
    pub from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// SHA-256 of the specification's canonical form.
    pub digest: String,
    /// AppMasters are launched with it.
    pub is_running: bool,
}

impl Dispatcher {
    /// By name.
    pub fn list(&self) -> Vec<ClusterReport> {
        let known = self.clusters.values().map(|cluster| ClusterReport::of(cluster));
        let unreadable = self.unreadable.iter().map(|(name, why)| ClusterReport::unreadable(name, why));
        let mut reports: Vec<_> = known.chain(unreadable).collect();
        reports.sort_by(|one, other| one.name.cmp(&other.name));
        reports
    }

    /// One line of the list.
    pub fn report(&self, name: &str) -> Result<ClusterReport, Refusal> {
        self.cluster(name).map(ClusterReport::of)
    }

    /// Of a cluster's AppMasters those that have not ended, as far as is known, the newest first.
    pub fn alive(&self, name: &str) -> impl Iterator<Item = &Attempt> {
        self.clusters.get(name).into_iter().flat_map(|cluster| cluster.alive()).rev()
    }

    pub fn describe(&self, name: &str) -> Result<Description, Refusal> {
        if let Some(why) = self.unreadable.get(name) {
            return Ok(Description {
                cluster: ClusterReport::unreadable(name, why),
                manifest: None,
                ended: None,
                revisions: Vec::new(),
                attempts: Vec::new(),
                events: Vec::new(),
                pending: Vec::new(),
            });
        }
        let cluster = self.cluster(name)?;
        let revisions = cluster.revisions.values().rev();
        Ok(Description {
            cluster: ClusterReport::of(cluster),
            manifest: Some(cluster.last().manifest.masked()),
            ended: cluster.status.ended.clone(),
            revisions: revisions.map(|revision| RevisionReport::of(revision, cluster)).collect(),
            attempts: cluster.status.attempts.iter().rev().cloned().collect(),
            events: cluster.events.iter().rev().cloned().collect(),
            pending: cluster.status.pending.iter().map(PendingOrder::told).collect(),
        })
    }

    /// One of the revisions that are kept, masked.
    pub fn revision(&self, name: &str, number: u64) -> Result<Manifest, Refusal> {
        let revision = self.cluster(name)?.revisions.get(&number);
        let revision = revision.ok_or_else(|| Refusal::NoSuchRevision { name: name.to_owned(), number })?;
        Ok(revision.manifest.masked())
    }

    /// What the cluster's AppMasters are launched with, secrets included; none where that cannot be read, or it is being
    /// deleted.
    pub fn definition(&self, name: &str) -> Option<Definition> {
        self.clusters.get(name).filter(|cluster| !cluster.is_deleted()).map(|cluster| cluster.definition())
    }

    /// The last specification that was applied, secrets included: what another one is compared with.
    pub fn last_manifest(&self, name: &str) -> Option<&Manifest> {
        self.clusters.get(name).map(|cluster| &*cluster.last().manifest)
    }

    /// What shall remain of a cluster when this AppMaster of it is stopped; everything, where nothing is known of it.
    pub fn remains(&self, task_id: &str) -> Remains {
        let found = self.clusters.values().find_map(|cluster| {
            let attempt = cluster.status.attempts.iter().find(|attempt| attempt.task_id == task_id)?;
            Some(cluster.remains(attempt.generation))
        });
        found.unwrap_or_default()
    }

    /// The oldest first, without those that cannot be read.
    pub fn audit(&self) -> impl DoubleEndedIterator<Item = &AuditEntry> {
        self.audit.values().flatten()
    }

    /// The last ones of all clusters, the oldest first.
    pub fn events(&self) -> Vec<&Event> {
        let mut events: Vec<_> = self.clusters.values().flat_map(|cluster| &cluster.events).collect();
        events.sort_by_key(|event| event.id);
        events
    }

    /// A cluster of which an AppMaster was launched and has not ended, as far as is known.
    pub fn launched(&self) -> Option<&str> {
        let mut clusters = self.clusters.values();
        clusters.find(|cluster| cluster.alive().next().is_some()).map(|cluster| &*cluster.name)
    }

    /// Tasks of the cluster's AppMasters that run. Where the scheduler has not told of them they may.
    pub fn running_appmasters(&self, name: &str) -> Vec<String> {
        let cluster = self.clusters.get(name);
        cluster.into_iter().flat_map(|cluster| cluster.running_appmasters()).map(str::to_owned).collect()
    }

    pub(crate) fn cluster(&self, name: &str) -> Result<&Cluster, Refusal> {
        if let Some(why) = self.unreadable.get(name) {
            return Err(Refusal::Unreadable { name: name.to_owned(), why: why.clone() });
        }
        let known = self.clusters.get(name).map(|cluster| &**cluster);
        known.ok_or_else(|| Refusal::NoSuchCluster { name: name.to_owned() })
    }
}

impl ClusterReport {
    fn of(cluster: &Cluster) -> Self {
        let Condition { state, why } = cluster.condition.clone();
        let (status, spec) = (&cluster.status, &cluster.running().manifest.spec);
        let running = |view| condition::running(view, cluster.target());
        Self {
            name: cluster.name.clone(),
            state,
            why,
            wanted: Some(status.wanted),
            frozen: status.frozen,
            revision: Some(status.revision),
            running_revision: Some(status.running),
            flink_version: Some(spec.flink_version.to_string()),
            is_application: spec.job.is_some(),
            target: cluster.target(),
            running: cluster.view.as_ref().map_or(0, running),
            created: Some(status.created),
            since: Some(status.since),
        }
    }

    fn unreadable(name: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Unreadable,
            why: Some(why.to_owned()),
            wanted: None,
            frozen: false,
            revision: None,
            running_revision: None,
            flink_version: None,
            is_application: false,
            target: 0,
            running: 0,
            created: None,
            since: None,
        }
    }
}

impl RevisionReport {
    fn of(revision: &Revision, cluster: &Cluster) -> Self {
        Self {
            number: revision.number,
            at: revision.at,
            user: revision.user.clone(),
            from: revision.from.clone(),
            message: revision.message.clone(),
            digest: revision.manifest.spec.digest(),
            is_running: revision.number == cluster.status.running,
        }
    }
}
