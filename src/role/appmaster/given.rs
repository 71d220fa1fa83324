//! What an AppMaster that is a Mesos task itself is given by whoever launched it: the files that Mesos has fetched, and a
//! configuration in the place of Flink's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{ClusterOptions, TaskOptions};
use artifact::delivered::Delivered;
use base::exit::Exit;
use conf::environment::Environment;
use dial::{Home, Told};
use flink::command::Application;
use manifest::ArtifactUri;

use super::super::application::{self, HandedJob};
use super::super::error::{Fatal, fatal};
use super::super::rundir::RunDir;
use super::super::task::{self, Origin, TOKEN_VARIABLE, Unpacked};

/// Who it is in the log.
const PART: &str = "appmaster";

/// Which task it is.
pub const TASK_VARIABLE: &str = "FLINK_ON_MESOS_TASK";

/// How many AppMasters of its cluster there were, this one included.
pub const ATTEMPT_VARIABLE: &str = "FLINK_ON_MESOS_ATTEMPT";

/// URLs of dispatchers, separated by commas, and the SHA-256 of their certificates: to whom the AppMaster reports.
pub const DISPATCHERS_VARIABLE: &str = "FLINK_ON_MESOS_DISPATCHERS";
pub const DISPATCHERS_CERTIFICATE_VARIABLE: &str = "FLINK_ON_MESOS_DISPATCHERS_CERTIFICATE";

/// Nothing where a person or a container starts it.
#[derive(Default)]
pub struct Given {
    /// With the configuration in it.
    pub run: Option<RunDir>,
    pub unpacked: Unpacked,
    pub home: Option<Home>,
    /// Of an application.
    pub job: Option<Application>,
    /// What was checked, by the digests that agents can fetch it by too.
    pub files: Vec<Delivered>,
}

#[derive(Debug, thiserror::Error)]
#[error("{TASK_VARIABLE} is missing, which names the task that --artifacts is for")]
struct NoTask;

/// Takes it, and takes what only concerns the start out of the environment; `cluster` is led to the configuration.
pub fn take(
    options: &TaskOptions,
    cluster: &mut ClusterOptions,
    environment: &mut Environment,
) -> Result<Given, Fatal> {
    let mut given = Given { files: options.delivered.clone(), ..Given::default() };
    task::receive(&options.delivered, environment, &mut given.unpacked).map_err(fatal(Exit::NoInput))?;
    let Some(base) = &options.artifacts else { return Ok(given) };
    let token = environment.text(TOKEN_VARIABLE).unwrap_or_default().to_owned();
    given.home = home(environment, &token)?;
    let id = environment.text(TASK_VARIABLE).ok_or(NoTask).map_err(fatal(Exit::Usage))?.to_owned();
    // The JVM and what it starts need not know it.
    for variable in [
        TOKEN_VARIABLE,
        TASK_VARIABLE,
        ATTEMPT_VARIABLE,
        DISPATCHERS_VARIABLE,
        DISPATCHERS_CERTIFICATE_VARIABLE,
    ] {
        environment.remove(variable);
    }
    let source = Origin { base, certificate: options.artifacts_certificate };
    let mut configuration = super::super::runtime()?
        .block_on(task::fetch(PART, &source, &id, &token))
        .map_err(fatal(Exit::NoInput))?;
    let run = RunDir::create(environment).map_err(fatal(Exit::CannotCreate))?;
    if let Some(handed) = configuration.files.remove(application::FILE) {
        let mut job = HandedJob::decode(&handed).map_err(fatal(Exit::Software))?;
        if let Some(uri) = job.artifact() {
            let jar = jar(&uri, run.path()).map_err(fatal(Exit::CannotCreate))?;
            let fetching = task::fetch_artifact(PART, &source, (&id, &token), &uri.digest, &jar);
            super::super::runtime()?.block_on(fetching).map_err(fatal(Exit::NoInput))?;
            job.found(&jar);
        }
        given.job = Some(job.application(environment.get("FLINK_HOME").map(Path::new)));
    }
    let fetched = run.path().join(task::FETCHED);
    configuration.store(&fetched).map_err(fatal(Exit::CannotCreate))?;
    cluster.conf_dir = Some(fetched);
    given.run = Some(run);
    Ok(given)
}

/// Where the job's jar is to be, beside nothing else.
fn jar(uri: &ArtifactUri, run: &Path) -> io::Result<PathBuf> {
    let directory = run.join("job");
    fs::create_dir(&directory)?;
    Ok(directory.join(uri.name.clone().unwrap_or_else(|| format!("{}.jar", uri.digest))))
}

/// None where nobody is named to report to.
fn home(environment: &Environment, token: &str) -> Result<Option<Home>, Fatal> {
    let Some(dispatchers) = environment.text(DISPATCHERS_VARIABLE) else { return Ok(None) };
    let told = Told {
        dispatchers,
        certificates: environment.text(DISPATCHERS_CERTIFICATE_VARIABLE),
        task_id: environment.text(TASK_VARIABLE).unwrap_or_default(),
        attempt: environment.text(ATTEMPT_VARIABLE).unwrap_or_default(),
        token,
    };
    Home::of(told).map(Some).map_err(fatal(Exit::Usage))
}
