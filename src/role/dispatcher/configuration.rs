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
use domain::job::Rules;

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

/// By cluster what it is made of. It is made when it is fetched: those of a thousand clusters are a megabyte, and each is fetched once
/// for each AppMaster.
#[derive(Clone, Default)]
pub struct Configured(Arc<RwLock<BTreeMap<String, Recipe>>>);

/// What the configuration of one cluster's AppMaster is made of.
#[derive(Clone)]
pub struct Recipe {
    pub basis: Arc<Basis>,
    pub manifest: Arc<Manifest>,
    /// Where Flink stores what is the cluster's.
    pub place: Box<str>,
    /// In the words of `mesos.resourcemanager.tasks.delivery`.
    pub delivery: &'static str,
}

/// What all clusters have of the dispatcher.
pub struct Basis {
    /// Its configuration.
    pub own: Table,
    pub base_url: String,
    /// Of the framework's principal: where it stands in a file, AppMasters do not have that.
    pub secret: Option<String>,
    /// By which AppMasters fetch jars.
    pub rules: Rules,
}

impl Configured {
    pub fn set(&self, cluster: &str, recipe: Recipe) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(cluster.to_owned(), recipe);
    }

    pub fn remove(&self, cluster: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }

    pub fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Of a task by its id, in the form that goes over the wire.
    pub fn of_task(&self, task_id: &str) -> Option<Bytes> {
        let cluster = cluster_of(task_id)?;
        let recipe = self.0.read().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned()?;
        // One that cannot be written is not launched.
        recipe.files(&recipe.table()).ok().map(|files| files.encode())
    }
}

/// A task's id is its cluster's name, a nonce and a number.
pub fn cluster_of(task_id: &str) -> Option<&str> {
    let mut parts = task_id.rsplitn(3, '-');
    let (_number, _nonce) = (parts.next()?, parts.next()?);
    parts.next()
}

impl Basis {
    /// All keys; `place` is where Flink stores what is the cluster's.
    pub fn table(&self, manifest: &Manifest, place: &str, delivery: &'static str) -> Table {
        let own = &self.own;
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
        if let Some(secret) = &self.secret {
            table.set(keys::FRAMEWORK_SECRET.name, secret.as_str(), origin());
        }
        table.set(keys::ARTIFACT_BASE_URL.name, self.base_url.as_str(), origin());
        table.set(keys::TASK_DELIVERY.name, delivery, origin());
        for (key, value) in manifest.spec.configuration(name) {
            table.set(&key, value, origin());
        }
        table
    }
}

impl Recipe {
    pub fn table(&self) -> Table {
        self.basis.table(&self.manifest, &self.place, self.delivery)
    }

    /// The files of the AppMaster's configuration directory.
    pub fn files(&self, table: &Table) -> Result<Configuration, WriteError> {
        let spec = &self.manifest.spec;
        let grammars = Grammar::of(spec.flink_version.number());
        let grammar = *grammars.last().unwrap_or(&Grammar::Yaml);
        let texts = spec.log_configuration.iter();
        let mut files: BTreeMap<_, _> =
            texts.map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
        files.insert(grammar.file_name().to_owned(), write::render(table, grammar)?.into_bytes());
        if let Some(job) = &spec.job {
            files.insert(
                application::FILE.to_owned(),
                HandedJob::of(job, &spec.mesos.uris, &self.basis.rules).encode(),
            );
        }
        Ok(Configuration { files })
    }
}

#[cfg(test)]
mod tests {
    use manifest::Circumstances;

    use super::*;

    #[test]
    fn a_task_is_of_the_cluster_in_its_id() {
        let text = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a-b}\nspec: {flinkVersion: v1_20, jobManager: {resource: {memory: 1g}}, taskManager: {resource: {memory: 1g}}}\n";
        let draft = manifest::read(text).expect("a manifest").remove(0);
        let manifest = draft.validate(&Circumstances::default()).expect("good").manifest;
        let basis = Basis {
            own: Table::default(),
            base_url: "http://d:1".to_owned(),
            secret: None,
            rules: Rules::default(),
        };
        let configured = Configured::default();
        let (basis, manifest) = (Arc::new(basis), Arc::new(manifest));
        configured.set("a-b", Recipe { basis, manifest, place: "a-b-1".into(), delivery: "none" });
        assert!(configured.of_task("a-b-x7k2pb-00001").is_some());
        for other in ["a-b", "a-x7k2pb-00001", "x7k2pb-00001", ""] {
            assert!(configured.of_task(other).is_none(), "{other}");
        }
    }
}
