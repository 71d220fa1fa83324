//! The configuration of each cluster's AppMaster: what its manifest says, and what only the dispatcher knows.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use artifact::Configuration;
use bytes::Bytes;
use conf::grammar::Grammar;
use conf::keys;
use conf::table::{Origin, Table};
use conf::write::{self, WriteError};
use manifest::Manifest;

use crate::role::application::{self, HandedJob};

/// What AppMasters take over from the dispatcher unless their manifest says otherwise: how to reach the master, and the ZooKeeper
/// that they elect their leaders with.
const TAKEN_OVER: [&str; 4] =
    ["mesos.master", "high-availability", "zookeeper.", "mesos.resourcemanager.framework."];

/// Of the framework's keys those that are the dispatcher's own.
const OWN: [&str; 4] = [
    keys::FRAMEWORK_SECRET.name,
    keys::FRAMEWORK_SECRET_FILE.name,
    keys::FRAMEWORK_NAME.name,
    keys::flink::CLUSTER_ID.name,
];

/// By cluster, in the form that goes over the wire.
#[derive(Clone, Default)]
pub struct Configured(Arc<RwLock<BTreeMap<String, Bytes>>>);

impl Configured {
    pub fn set(&self, cluster: &str, configuration: &Configuration) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(cluster.to_owned(), configuration.encode());
    }

    pub fn remove(&self, cluster: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }

    pub fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Of a task by its id.
    pub fn of_task(&self, task_id: &str) -> Option<Bytes> {
        let cluster = cluster_of(task_id)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned()
    }
}

/// A task's id is its cluster's name, a nonce and a number.
pub fn cluster_of(task_id: &str) -> Option<&str> {
    let mut parts = task_id.rsplitn(3, '-');
    let (_number, _nonce) = (parts.next()?, parts.next()?);
    parts.next()
}

/// What only the dispatcher knows.
pub struct Given<'a> {
    pub base_url: &'a str,
    /// In the words of `mesos.resourcemanager.tasks.delivery`.
    pub delivery: &'static str,
    /// Of the framework's principal: where it stands in a file, AppMasters do not have that.
    pub secret: Option<&'a str>,
}

/// All keys; `place` is where Flink stores what is the cluster's, and `own` the dispatcher's configuration.
pub fn table(manifest: &Manifest, place: &str, own: &Table, given: &Given<'_>) -> Table {
    let name = &manifest.metadata.name;
    let mut table = Table::default();
    let origin = || Origin::Argument;
    for (key, setting) in own.iter() {
        let is_taken = TAKEN_OVER.iter().any(|prefix| key.starts_with(prefix));
        if is_taken && !OWN.contains(&key) {
            table.set(key, setting.value.clone(), origin());
        }
    }
    if own.get("high-availability.type").or(own.get("high-availability")).is_some() {
        table.set(keys::flink::CLUSTER_ID.name, format!("/{place}"), origin());
    }
    if let Some(secret) = given.secret {
        table.set(keys::FRAMEWORK_SECRET.name, secret, origin());
    }
    table.set(keys::ARTIFACT_BASE_URL.name, given.base_url, origin());
    table.set(keys::TASK_DELIVERY.name, given.delivery, origin());
    for (key, value) in manifest.spec.configuration(name) {
        table.set(&key, value, origin());
    }
    table
}

/// The files of the AppMaster's configuration directory.
pub fn files(manifest: &Manifest, table: &Table) -> Result<Configuration, WriteError> {
    let grammars = Grammar::of(manifest.spec.flink_version.number());
    let grammar = *grammars.last().unwrap_or(&Grammar::Yaml);
    let mut files: BTreeMap<_, _> = manifest
        .spec
        .log_configuration
        .iter()
        .map(|(name, text)| (name.clone(), text.clone().into_bytes()))
        .collect();
    files.insert(grammar.file_name().to_owned(), write::render(table, grammar)?.into_bytes());
    if let Some(job) = &manifest.spec.job {
        files.insert(application::FILE.to_owned(), HandedJob::of(job).encode());
    }
    Ok(Configuration { files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_of_the_cluster_in_its_id() {
        let configured = Configured::default();
        configured.set("a-b", &Configuration::default());
        assert!(configured.of_task("a-b-x7k2pb-00001").is_some());
        for other in ["a-b", "a-x7k2pb-00001", "x7k2pb-00001", ""] {
            assert!(configured.of_task(other).is_none(), "{other}");
        }
    }
}
