//! Session clusters without a manifest: it is written here.

use serde_json::{Map, Value, json};

use crate::cli::clusters::{AnswerOptions, CreateOptions};
use api::OrderQuery;
use base::exit::Exit;
use conf::environment::Environment;
use dispatcher::Match;

use super::applying::{From, applied, placeable, tell};
use super::{ask, list, print};
use crate::role::error::Fatal;

pub fn create(options: &CreateOptions, environment: &Environment) -> Result<u8, Fatal> {
    let query = OrderQuery { dry_run: false, message: options.message.clone() };
    let text = manifest(options).to_string();
    let answer = ask(&options.answer.dispatcher, environment, async |dispatcher| {
        dispatcher.apply(text, &query, Match::Nothing).await
    })?;
    let documents: Vec<_> = answer
        .results
        .into_iter()
        .map(|mut document| {
            // Nobody has seen the lines.
            document.fields.iter_mut().chain(&mut document.warnings).for_each(|finding| finding.line = None);
            From { file: format!("session {}", options.name), document }
        })
        .collect();
    Ok(placeable(tell(options.answer.output, &documents, applied), &documents))
}

pub fn list(options: &AnswerOptions, environment: &Environment) -> Result<u8, Fatal> {
    let mut clusters = ask(&options.dispatcher, environment, async |dispatcher| dispatcher.clusters().await)?;
    clusters.retain(|cluster| !cluster.is_application);
    print(options.output, &clusters, |clusters| list::text(clusters));
    Ok(Exit::Ok.code())
}

fn manifest(options: &CreateOptions) -> Value {
    let configuration: Map<_, _> =
        options.properties.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
    let mut resource = json!({"memory": options.memory});
    let mut taskmanager = json!({});
    let mut spec = json!({
        "flinkVersion": options.flink_version,
        "flinkConfiguration": configuration,
        "jobManager": {"resource": {"memory": options.jobmanager_memory}},
    });
    if let Some(cpu) = options.cpu {
        resource["cpu"] = json!(cpu);
    }
    if let Some(count) = options.taskmanagers {
        taskmanager["replicas"] = json!(count);
    }
    if let Some(image) = &options.image {
        spec["image"] = json!(image);
    }
    if let Some(role) = &options.role {
        spec["mesos"] = json!({"role": role});
    }
    taskmanager["resource"] = resource;
    spec["taskManager"] = taskmanager;
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": options.name},
        "spec": spec,
    })
}
