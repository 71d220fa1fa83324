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
use flink::distribution::Distribution;
use flink::version::Version;

use super::super::application::{self, HandedJob, Source};
use super::super::error::{Fatal, fatal};
use super::super::rundir::{self, RunDir};
use super::super::task::{self, Origin, TOKEN_VARIABLE, Unpacked};
use super::download;

/// The directory of the job's jar below that of the run.
const JOB: &str = "job";

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
    /// Where the JobManager's JVM works, if it has to be there that the job's files are.
    pub directory: Option<PathBuf>,
    /// TaskManagers need what only this AppMaster has.
    pub serves_files: bool,
    /// What was checked, by the digests that agents can fetch it by too.
    pub files: Vec<Delivered>,
}

#[derive(Debug, thiserror::Error)]
#[error("{TASK_VARIABLE} is missing, which names the task that --artifacts is for")]
struct NoTask;

#[derive(Debug, thiserror::Error)]
#[error(
    "Flink {version} of an image runs jars of that image alone: others need Flink 1.19, or a Flink from a directory of the dispatcher"
)]
struct OldFlinkInImage {
    version: Version,
}

#[derive(Debug, thiserror::Error)]
#[error("spec.mesos.uris has a file that would become {}, which is there already", path.display())]
struct Taken {
    path: PathBuf,
}

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
        bring(
            &mut job,
            &mut given,
            &Bringing { source, id: &id, token: &token, run: run.path(), environment },
        )?;
        given.job = Some(job.application(environment.get("FLINK_HOME").map(Path::new)));
    }
    let fetched = run.path().join(task::FETCHED);
    configuration.store(&fetched).map_err(fatal(Exit::CannotCreate))?;
    cluster.conf_dir = Some(fetched);
    given.run = Some(run);
    Ok(given)
}

/// With what files are fetched.
struct Bringing<'a> {
    source: Origin<'a>,
    id: &'a str,
    token: &'a str,
    run: &'a Path,
    environment: &'a Environment,
}

impl Bringing<'_> {
    fn fetch(&self, source: Source<'_>, path: &Path) -> Result<(), Fatal> {
        let runtime = super::super::runtime()?;
        match source {
            Source::Artifact(uri) => {
                let task = (self.id, self.token);
                let fetching = task::fetch_artifact(PART, &self.source, task, &uri.digest, path);
                runtime.block_on(fetching).map_err(fatal(Exit::NoInput))
            }
            Source::Server { url, rules } => {
                runtime.block_on(download::fetch(PART, url, path, rules)).map_err(fatal(Exit::NoInput))
            }
        }
    }
}

/// The job's jar, and what else it needs, from where they are.
fn bring(job: &mut HandedJob, given: &mut Given, with: &Bringing<'_>) -> Result<(), Fatal> {
    let directory = rundir::base(with.environment);
    for file in job.files() {
        let path = directory.join(file.file_name().unwrap_or_else(|| JOB.to_owned()));
        if path.exists() {
            return Err(Fatal::new(Exit::CannotCreate, Taken { path }));
        }
        with.fetch(file, &path)?;
        given.directory = Some(directory.clone());
    }
    job.placed(&directory);
    let Some(source) = job.source() else { return Ok(()) };
    let old = old_flink(with.environment.get("FLINK_HOME").map(Path::new), &given.files)?;
    let directory = old.as_ref().map_or_else(|| with.run.join(JOB), Distribution::usrlib);
    let jar = place(&directory, source.file_name()).map_err(fatal(Exit::CannotCreate))?;
    with.fetch(source, &jar)?;
    // TaskManagers find it where this AppMaster has it, with the rest of its Flink.
    given.serves_files = old.is_some();
    job.found(&jar);
    Ok(())
}

/// One that takes no jars but those in a directory of its own, if it is here; an image's cannot be added to for TaskManagers too.
fn old_flink(home: Option<&Path>, files: &[Delivered]) -> Result<Option<Distribution>, Fatal> {
    // A Flink that cannot be read is told of later.
    let Some(flink) = home.and_then(|home| Distribution::open(home).ok()) else { return Ok(None) };
    if flink.version.at_least(1, 19) {
        return Ok(None);
    }
    if files.iter().any(|file| file.name == task::FLINK_ARCHIVE) {
        return Ok(Some(flink));
    }
    Err(Fatal::new(Exit::Config, OldFlinkInImage { version: flink.version }))
}

/// The path of the job's jar in a directory that may not be there yet.
pub fn place(directory: &Path, name: Option<String>) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let name = name.unwrap_or_else(|| JOB.to_owned());
    // Where Flink looks for jars it knows them by that.
    let name = if name.ends_with(".jar") { name } else { name + ".jar" };
    Ok(directory.join(name))
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
