//! What is tried of an application's job, and of a change to it.

use base::addresses;

use super::artifact::{self, ArtifactUri};
use super::configuration::CONFIGURATION;
use super::draft::Circumstances;
use super::fields::Reading;
use super::specification::{Job, Specification, UpgradeMode};
use super::version::FlinkVersion;

/// Names of one option of Flink, any of which may be set; the first is known to all versions.
type Names = &'static [&'static str];
const CHECKPOINTS: Names =
    &["state.checkpoints.dir", "execution.checkpointing.dir", "state.backend.fs.checkpointdir"];
const SAVEPOINTS: Names =
    &["state.savepoints.dir", "execution.checkpointing.savepoint-dir", "savepoints.state.backend.fs.dir"];

/// The first that takes jars from anywhere.
const JARS_OPTION: FlinkVersion = FlinkVersion::new(1, 19);
const USRLIB: &str = "local:///opt/flink/usrlib";

pub fn check(spec: &Specification, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    if let Some(previous) = circumstances.previous {
        check_change(previous, spec, reading);
    }
    let Some(job) = &spec.job else { return };
    match job.parallelism {
        Some(0) => reading.refuse("spec.job.parallelism", "expected a whole number from 1"),
        None if spec.task_manager.replicas.is_none() => {
            let reason = "is not set, and neither is spec.taskManager.replicas: expected one of them";
            reading.refuse("spec.job.parallelism", reason);
        }
        Some(_) | None => {}
    }
    if let Some(uri) = &job.jar_uri {
        match check_jar(uri, circumstances.allows_http) {
            Err(expected) => {
                let reason = format!("expected {expected}, found `{}`", addresses::shown(uri));
                reading.refuse("spec.job.jarURI", reason);
            }
            Ok(()) if spec.flink_version < JARS_OPTION && !is_in_usrlib(uri) && !is_artifact(uri) => {
                let reason =
                    format!("is not in {USRLIB}, and Flink {} runs no other jars", spec.flink_version);
                reading.refuse("spec.job.jarURI", reason);
            }
            Ok(()) => check_artifact(uri, circumstances, reading),
        }
    }
    if job.savepoint_redeploy_nonce.is_some() && job.initial_savepoint_path.is_none() {
        let reason = "needs spec.job.initialSavepointPath, the savepoint from which the job starts again";
        reading.refuse("spec.job.savepointRedeployNonce", reason);
    }
    check_directories(spec, job, reading);
}

/// Without them there is nothing to go on from.
fn check_directories(spec: &Specification, job: &Job, reading: &mut Reading) {
    let (mode, needed) = match job.upgrade_mode {
        UpgradeMode::Stateless => return,
        UpgradeMode::LastState => ("last-state", &[CHECKPOINTS][..]),
        UpgradeMode::Savepoint => ("savepoint", &[CHECKPOINTS, SAVEPOINTS][..]),
    };
    for names in needed {
        if !names.iter().any(|name| spec.flink_configuration.contains_key(*name)) {
            let reason = format!("`{mode}` needs `{}` in {CONFIGURATION}", names[0]);
            reading.refuse("spec.job.upgradeMode", reason);
        }
    }
}

fn is_in_usrlib(uri: &str) -> bool {
    uri.rsplit_once('/').is_some_and(|(directory, _)| directory == USRLIB)
}

fn check_artifact(uri: &str, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    let (Ok(ArtifactUri { digest, .. }), Some(there)) = (uri.parse(), circumstances.artifacts) else {
        return;
    };
    if !there.contains(&digest) {
        let reason = format!("there is no artifact {digest}: push it first, with `artifact push FILE`");
        reading.refuse("spec.job.jarURI", reason);
    }
}

/// The AppMaster puts it where Flink looks.
fn is_artifact(uri: &str) -> bool {
    uri.starts_with(artifact::SCHEME)
}

/// Answers a wrong one with what was expected.
fn check_jar(uri: &str, allows_http: bool) -> Result<(), String> {
    if is_artifact(uri) {
        return match uri.parse::<ArtifactUri>() {
            Ok(_) => Ok(()),
            Err(expected) => Err(expected.to_string()),
        };
    }
    let schemes = if allows_http { "local, artifact, https or http" } else { "local, artifact or https" };
    let expected = || format!("a URI with the scheme {schemes}, such as `local:///opt/flink/usrlib/job.jar`");
    let (scheme, rest) = uri.split_once("://").ok_or_else(expected)?;
    let is_allowed = match scheme {
        "local" | "https" => true,
        "http" => allows_http,
        _ => false,
    };
    if !is_allowed || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(expected());
    }
    let (host, path) = rest.split_once('/').ok_or_else(expected)?;
    let is_local = scheme == "local";
    if is_local != host.is_empty() {
        return Err(if is_local { "an absolute path behind `local://`".to_owned() } else { expected() });
    }
    if path.split(['?', '#']).next().is_none_or(|path| path.is_empty() || path.ends_with('/')) {
        return Err("the path of a file".to_owned());
    }
    Ok(())
}

fn check_change(previous: &Specification, spec: &Specification, reading: &mut Reading) {
    match (&previous.job, &spec.job) {
        (None, Some(_)) => {
            let reason = "a session cluster cannot become an application: delete it, or use another name";
            reading.refuse("spec.job", reason);
        }
        (Some(_), None) => {
            let reason = "an application cannot become a session cluster: delete it, or use another name";
            reading.refuse("spec.job", reason);
        }
        (Some(job), Some(_)) => {
            let needs_same = previous.is_suspended() && job.upgrade_mode == UpgradeMode::LastState;
            if needs_same && previous.flink_version != spec.flink_version {
                let reason = format!(
                    "cannot change while the job is suspended with `last-state`: what is kept is {}'s",
                    previous.flink_version
                );
                reading.refuse("spec.flinkVersion", reason);
            }
        }
        (None, None) => {}
    }
}
