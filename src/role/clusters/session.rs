//! Session clusters without a manifest: it is written here.

use serde_json::{Map, Value, json};

use crate::cli::clusters::{AnswerOptions, CreateOptions, CreationOptions, Output};
use api::OrderQuery;
use api::client::Dispatcher;
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::Match;

use super::applying::{From, applied, placeable, tell};
use super::{ask, connect, list, print, unanswered};
use crate::role::error::Fatal;
use crate::role::runtime;

/// Where nothing else is said.
const MEMORY: &str = "2g";

/// Creates it, and tells what came of it. The code says whether it fits.
pub fn create(options: &CreateOptions, environment: &Environment) -> Result<u8, Fatal> {
    let CreateOptions { name, creation, message, answer } = options;
    let new =
        New { name, creation, job: None, uris: vec![], message: message.clone(), output: answer.output };
    let dispatcher = connect(&answer.dispatcher, environment)?;
    runtime()?.block_on(new.create(&dispatcher))
}

/// A cluster that there shall be.
pub struct New<'a> {
    pub name: &'a str,
    pub creation: &'a CreationOptions,
    /// As manifests have it, of an application.
    pub job: Option<Value>,
    /// What its AppMaster fetches.
    pub uris: Vec<String>,
    pub message: Option<String>,
    pub output: Output,
}

impl New<'_> {
    pub async fn create(&self, dispatcher: &Dispatcher) -> Result<u8, Fatal> {
        let version = match &self.creation.flink_version {
            Some(version) => version.clone(),
            None => newest(dispatcher).await?,
        };
        let query = OrderQuery { dry_run: false, message: self.message.clone() };
        let text = self.manifest(&version).to_string();
        let answer = dispatcher.apply(text, &query, Match::Nothing).await.map_err(unanswered)?;
        let kind = if self.job.is_some() { "application" } else { "session" };
        let documents: Vec<_> = answer
            .results
            .into_iter()
            .map(|mut document| {
                // Nobody has seen the lines.
                document
                    .fields
                    .iter_mut()
                    .chain(&mut document.warnings)
                    .for_each(|finding| finding.line = None);
                From { file: format!("{kind} {}", self.name), document }
            })
            .collect();
        Ok(placeable(tell(self.output, &documents, applied), &documents))
    }

    fn manifest(&self, version: &str) -> Value {
        let CreationOptions { image, taskmanagers, cpu, memory, jobmanager_memory, role, properties, .. } =
            self.creation;
        let configuration: Map<_, _> =
            properties.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        let size = |size: &Option<String>| json!(size.as_deref().unwrap_or(MEMORY));
        let mut resource = json!({"memory": size(memory)});
        let mut taskmanager = json!({});
        let mut spec = json!({
            "flinkVersion": version,
            "flinkConfiguration": configuration,
            "jobManager": {"resource": {"memory": size(jobmanager_memory)}},
        });
        if let Some(cpu) = cpu {
            resource["cpu"] = json!(cpu);
        }
        if let Some(count) = taskmanagers {
            taskmanager["replicas"] = json!(count);
        }
        if let Some(image) = image {
            spec["image"] = json!(image);
        }
        if let Some(role) = role {
            spec["mesos"]["role"] = json!(role);
        }
        if !self.uris.is_empty() {
            spec["mesos"]["uris"] = json!(self.uris);
        }
        if let Some(job) = &self.job {
            spec["job"] = job.clone();
        }
        taskmanager["resource"] = resource;
        spec["taskManager"] = taskmanager;
        json!({
            "apiVersion": "flink.apache.org/v1beta1",
            "kind": "FlinkDeployment",
            "metadata": {"name": self.name},
            "spec": spec,
        })
    }
}

async fn newest(dispatcher: &Dispatcher) -> Result<String, Fatal> {
    let known = dispatcher.flink_versions().await.map_err(unanswered)?;
    let newest = known.versions.unwrap_or_default().pop();
    let needed = "Flink's version is needed (--flink-version): the dispatcher has no Flink of its own";
    newest.ok_or_else(|| Fatal::new(Exit::Usage, needed))
}

pub fn list(options: &AnswerOptions, environment: &Environment) -> Result<u8, Fatal> {
    let mut clusters = ask(&options.dispatcher, environment, async |dispatcher| dispatcher.clusters().await)?;
    clusters.retain(|cluster| !cluster.is_application);
    print(options.output, &clusters, |clusters| list::text(clusters));
    Ok(Exit::Ok.code())
}
