//! What is another between two specifications of a cluster, and what has to start anew for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use conf::keys;

use super::configuration::CONFIGURATION;
use super::specification::Specification;

/// A field that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Such as `spec.taskManager.replicas`.
    pub field: String,
    /// Masked; `None` where it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
    pub effect: Effect,
}

/// What a change takes, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// What runs goes on as it is.
    Nothing,
    /// Some TaskManagers more or less.
    TaskManagerCount,
    /// All TaskManagers anew; JobManagers stay.
    TaskManagers,
    /// All AppMasters anew; TaskManagers can stay.
    AppMasters,
    Everything,
}

impl Effect {
    /// Of two changes together.
    pub fn and(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::TaskManagers, Self::AppMasters) => Self::Everything,
            (_, most) => most,
        }
    }
}

/// In the order of the fields' names; empty when both mean the same.
pub fn diff(old: &Specification, new: &Specification) -> Vec<Change> {
    let (was, is) = (fields(old), fields(new));
    let (was_shown, is_shown) = (fields(&old.masked()), fields(&new.masked()));
    let names: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    let changed = names.into_iter().filter(|name| was.get(*name) != is.get(*name));
    changed
        .map(|name| Change {
            field: name.clone(),
            old: was_shown.get(name).cloned(),
            new: is_shown.get(name).cloned(),
            effect: effect(name),
        })
        .collect()
}

/// What all changes together take.
pub fn effect_of(changes: &[Change]) -> Effect {
    changes.iter().fold(Effect::Nothing, |effect, change| effect.and(change.effect))
}

/// The texts of all fields that are no maps.
fn fields(spec: &Specification) -> BTreeMap<String, String> {
    let value = serde_json::to_value(spec).expect("all keys are texts");
    let mut fields = BTreeMap::new();
    gather("spec", &value, &mut fields);
    fields
}

fn gather(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| gather(&format!("{path}.{key}"), value, fields));
            return;
        }
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    };
    fields.insert(path.to_owned(), text);
}

/// By the first that the field begins with.
const EFFECTS: [(&str, Effect); 14] = [
    ("spec.job.allowNonRestoredState", Effect::Nothing),
    ("spec.job.autoscalerResetNonce", Effect::Nothing),
    ("spec.job.checkpointTriggerNonce", Effect::Nothing),
    ("spec.job.initialSavepointPath", Effect::Nothing),
    ("spec.job.savepointTriggerNonce", Effect::Nothing),
    ("spec.job.upgradeMode", Effect::Nothing),
    ("spec.job.", Effect::AppMasters),
    ("spec.jobManager.", Effect::AppMasters),
    ("spec.mesos.priority", Effect::Nothing),
    ("spec.mode", Effect::Nothing),
    ("spec.taskManager.replicas", Effect::TaskManagerCount),
    ("spec.taskManager.", Effect::TaskManagers),
    // The policy counts when the image is pulled the next time.
    ("spec.imagePullPolicy", Effect::Nothing),
    ("spec.", Effect::Everything),
];

/// As [`EFFECTS`], for keys of the configuration.
const EFFECTS_OF_KEYS: [(&str, Effect); 14] = [
    ("kubernetes.", Effect::Nothing),
    (keys::INITIAL_TASKS.name, Effect::TaskManagerCount),
    ("mesos.resourcemanager.tasks.", Effect::TaskManagers),
    ("mesos.", Effect::AppMasters),
    ("containerized.master.", Effect::AppMasters),
    ("containerized.taskmanager.", Effect::TaskManagers),
    ("env.java.opts.jobmanager", Effect::AppMasters),
    ("env.java.opts.taskmanager", Effect::TaskManagers),
    ("execution.checkpointing.", Effect::AppMasters),
    ("jobmanager.", Effect::AppMasters),
    ("pipeline.", Effect::AppMasters),
    ("taskmanager.", Effect::TaskManagers),
    ("web.", Effect::AppMasters),
    ("", Effect::Everything),
];

fn effect(field: &str) -> Effect {
    let key = field.strip_prefix(CONFIGURATION).and_then(|rest| rest.strip_prefix('.'));
    let (name, effects) = match key {
        Some(key) => (key, &EFFECTS_OF_KEYS[..]),
        None => (field, &EFFECTS[..]),
    };
    let found = effects.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map_or(Effect::Everything, |(_, effect)| *effect)
}
