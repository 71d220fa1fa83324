//! To which artifacts clusters refer, and what is noted of artifacts. The files are somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use base::digest::Digest;
use manifest::ArtifactUri;

use super::Dispatcher;
use super::cluster::Cluster;
use super::instructions::Instruction;
use super::journal::{Verb, which};
use super::order::Order;
use super::refusal::Refusal;
use domain::time::Timestamp;

/// Clusters by the artifacts to which a revision of theirs refers that is kept, or a job that is still to be submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    pub clusters: BTreeMap<Digest, BTreeSet<String>>,
    /// Clusters that cannot be read: nobody knows to what they refer.
    pub unknown: Vec<String>,
}

impl References {
    /// Whether it may go.
    pub fn check(&self, digest: &Digest) -> Result<(), Refusal> {
        if let Some(clusters) = self.clusters.get(digest) {
            let clusters = clusters.iter().cloned().collect();
            return Err(Refusal::ArtifactInUse { digest: *digest, clusters });
        }
        match &self.unknown[..] {
            [] => Ok(()),
            unknown => Err(Refusal::ArtifactMaybeInUse { digest: *digest, clusters: unknown.to_vec() }),
        }
    }

    /// What is to be kept; none where that is not known.
    pub fn all(&self) -> Option<BTreeSet<Digest>> {
        self.unknown.is_empty().then(|| self.clusters.keys().copied().collect())
    }
}

impl Dispatcher {
    pub fn references(&self) -> References {
        let mut references =
            References { unknown: self.unreadable.keys().cloned().collect(), ..References::default() };
        for cluster in self.clusters.values() {
            for digest in cluster.artifacts() {
                references.clusters.entry(digest).or_default().insert(cluster.name.clone());
            }
        }
        references
    }

    /// Whether a revision of this cluster refers to it.
    pub fn refers(&self, name: &str, digest: &Digest) -> bool {
        let mut found = self.clusters.get(name).into_iter().flat_map(|cluster| cluster.artifacts());
        found.any(|found| found == *digest)
    }

    /// An artifact was pushed, or is to be removed: `what` says which.
    pub fn note_artifact(
        &mut self,
        verb: Verb,
        what: String,
        order: &Order,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        order.check()?;
        let writes = self.audit_of("", verb, 0, &[which(what)], Some(order), now);
        self.commit(writes);
        Ok(())
    }
}

impl Cluster {
    fn artifacts(&self) -> impl Iterator<Item = Digest> {
        let revisions = self.revisions.values().flat_map(|revision| revision.manifest.spec.artifacts());
        let pending = self.status.pending.iter().filter_map(|order| match &order.what {
            Instruction::Submit { job, .. } => job.jar_uri.parse::<ArtifactUri>().ok(),
            Instruction::Scale { .. } | Instruction::Replace { .. } => None,
        });
        revisions.chain(pending.map(|uri| uri.digest))
    }
}
