//! A specification as answers and events may show it.

use std::collections::BTreeMap;

use base::addresses::{self, MASK};
use conf::keys;
use conf::redact;

use super::specification::{Job, Manifest, Parameter, Specification};

/// Stands for texts in which anything can be.
const ANY_TEXT: &str = "text";

impl Manifest {
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        mask_values(&mut masked.metadata.labels);
        mask_values(&mut masked.metadata.annotations);
        masked.spec = self.spec.masked();
        masked
    }
}

impl Specification {
    /// Without what of it is a secret; the same fields are set.
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        mask_values(&mut masked.flink_configuration);
        masked.image = masked.image.map(|image| redact::shown(ANY_TEXT, &image).into_owned());
        for text in masked.log_configuration.values_mut() {
            *text = redact::shown(ANY_TEXT, text).into_owned();
        }
        masked.job = masked.job.map(mask_job);
        for uri in &mut masked.mesos.uris {
            *uri = addresses::shown(uri);
        }
        for parameter in &mut masked.mesos.container.parameters {
            parameter.value = parameter_value(parameter);
        }
        mask_values(&mut masked.mesos.labels);
        masked
    }
}

/// What of a value is a secret follows from its key.
fn mask_values(map: &mut BTreeMap<String, String>) {
    for (key, value) in map {
        *value = redact::shown(key, value).into_owned();
    }
}

fn mask_job(mut job: Job) -> Job {
    let uri = |uri: String| addresses::shown(&uri);
    job.jar_uri = job.jar_uri.map(uri);
    job.initial_savepoint_path = job.initial_savepoint_path.map(uri);
    job.args = arguments(&job.args);
    job
}

/// `--password=x`, and `--password x`, whose value is an argument of its own.
fn arguments(args: &[String]) -> Vec<String> {
    let mut is_value = false;
    let shown = |argument: &String| {
        let is_option = argument.starts_with('-');
        let is_secret = is_value && !is_option;
        is_value = is_option && !argument.contains('=') && redact::is_secret_name(argument);
        if is_secret { MASK.to_owned() } else { redact::shown(ANY_TEXT, argument).into_owned() }
    };
    args.iter().map(shown).collect()
}

fn parameter_value(parameter: &Parameter) -> String {
    let text = format!("{}={}", parameter.key, parameter.value);
    let shown = redact::shown(keys::DOCKER_PARAMETERS.name, &text);
    shown.split_once('=').map_or(MASK, |(_, value)| value).to_owned()
}
