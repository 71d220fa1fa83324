//! What is tried of an application's job, and of a change to it.

use std::collections::BTreeSet;

use base::addresses;
use base::public::is_public;

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
/// AppMasters fetch what these name themselves, or have it.
const SCHEMES: [&str; 4] = ["local", "artifact", "https", "http"];

/// Told of what is on the machine of whoever hands it in.
const FILE: &str = "; a file of yours is pushed with `artifact push`";

const URIS: &str = "spec.mesos.uris";

const USRLIB: &str = "local:///opt/flink/usrlib";

pub fn check(spec: &Specification, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    if let Some(previous) = circumstances.previous {
        check_change(previous, spec, reading);
    }
    let Some(job) = &spec.job else {
        if !spec.mesos.uris.is_empty() {
            reading
                .refuse(URIS, "is for applications, whose AppMaster fetches them, and spec.job is not set");
        }
        return;
    };
    match job.parallelism {
        Some(0) => reading.refuse("spec.job.parallelism", "expected a whole number from 1"),
        None if spec.task_manager.replicas.is_none() => {
            let reason = "is not set, and neither is spec.taskManager.replicas: expected one of them";
            reading.refuse("spec.job.parallelism", reason);
        }
        Some(_) | None => {}
    }
    if let Some(uri) = &job.jar_uri
        && let Err(reason) = check_jar(uri, spec.flink_version, circumstances)
    {
        reading.refuse("spec.job.jarURI", reason);
    }
    check_files(spec, circumstances, reading);
    if job.savepoint_redeploy_nonce.is_some() && job.initial_savepoint_path.is_none() {
        let reason = "needs spec.job.initialSavepointPath, the savepoint from which the job starts again";
        reading.refuse("spec.job.savepointRedeployNonce", reason);
    }
    check_directories(spec, job, reading);
}

/// They lie beside each other.
fn check_files(spec: &Specification, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    let mut names = BTreeSet::new();
    for (index, uri) in spec.mesos.uris.iter().enumerate() {
        let field = format!("{URIS}[{index}]");
        if uri.starts_with("local:") {
            reading.refuse(&field, "is on the AppMaster's agent or in its image already");
        } else if let Err(reason) = check_jar(uri, JARS_OPTION, circumstances) {
            reading.refuse(&field, reason);
        } else {
            match artifact::file_name(uri) {
                None => reading.refuse(&field, "has no name that a file can have"),
                Some(name) if names.contains(&name) => {
                    reading.refuse(&field, format!("is the second file that is called {name}"));
                }
                Some(name) => _ = names.insert(name),
            }
        }
    }
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

/// What is wrong with where the jar of a session's job is; what Flink runs does not depend on its version.
pub fn check_session_jar(uri: &str, circumstances: &Circumstances<'_>) -> Result<(), String> {
    check_jar(uri, JARS_OPTION, circumstances)
}

/// Answers what is wrong.
fn check_jar(uri: &str, version: FlinkVersion, circumstances: &Circumstances<'_>) -> Result<(), String> {
    let schemes = circumstances.schemes.unwrap_or(&SCHEMES);
    if let Err(expected) = check_uri(uri, schemes) {
        let hint = if uri.starts_with("file:") { FILE } else { "" };
        return Err(format!("expected {expected}, found `{}`{hint}", addresses::shown(uri)));
    }
    match uri.split_once("://") {
        Some(("artifact", _)) => check_artifact(uri, circumstances),
        Some(("http" | "https", rest)) => check_server(rest, circumstances),
        Some(_) | None if version < JARS_OPTION && !is_in_usrlib(uri) => {
            Err(format!("is not in {USRLIB}, and Flink {version} runs no other jars"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_artifact(uri: &str, circumstances: &Circumstances<'_>) -> Result<(), String> {
    let (Ok(ArtifactUri { digest, .. }), Some(there)) = (uri.parse(), circumstances.artifacts) else {
        return Ok(());
    };
    if there.contains(&digest) {
        return Ok(());
    }
    Err(format!("there is no artifact {digest}: push it first, with `artifact push FILE`"))
}

/// Names are looked up by the AppMaster that fetches from there.
fn check_server(rest: &str, circumstances: &Circumstances<'_>) -> Result<(), String> {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_private =
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address| !is_public(address));
    if is_private && !circumstances.allows_private_addresses {
        return Err(format!(
            "{host} is no public address, and this dispatcher allows no others (`dispatcher.artifacts.allow-private-addresses`)"
        ));
    }
    Ok(())
}

/// Answers a wrong one with what was expected.
fn check_uri(uri: &str, schemes: &[&str]) -> Result<(), String> {
    let known = match schemes {
        [] => "of none".to_owned(),
        [only] => (*only).to_owned(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    };
    let expected = || format!("a URI with the scheme {known}, such as `local:///opt/flink/usrlib/job.jar`");
    let (scheme, rest) = uri.split_once("://").ok_or_else(expected)?;
    if !schemes.contains(&scheme) || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(expected());
    }
    if scheme == "artifact" {
        return uri.parse::<ArtifactUri>().map(drop).map_err(|expected| expected.to_string());
    }
    let (host, path) = rest.split_once('/').ok_or_else(expected)?;
    match scheme {
        "local" if !host.is_empty() => return Err("an absolute path behind `local://`".to_owned()),
        "http" | "https" if host.is_empty() => return Err(expected()),
        _ => {}
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
