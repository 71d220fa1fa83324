//! `run` without a dispatcher: a job in the AppMaster of this machine.

use std::fs;
use std::path::Path;

use reqwest::Url;

use ::status::board::Status;
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use domain::job::SessionJob;
use flink::rest::{JarRun, JobProgress, RestClient, RestError, UploadError};

use super::ask;
use crate::cli::run::{Jar, RunOptions};
use crate::role::clusters::{run, say};
use crate::role::error::{Fatal, fatal};
use crate::role::following::{self, Job};
use crate::role::program::Program;
use crate::role::runtime;
use crate::role::terminal::Signals;

pub fn here(options: &RunOptions, environment: &Environment) -> Result<u8, Fatal> {
    let program = Program::of_session(options)?;
    let Some(Jar::File(file)) = &program.jar else {
        let why = "without a dispatcher (--session, --application) the jar is a file of this machine";
        return Err(Fatal::new(Exit::Usage, why));
    };
    // Nobody need be asked about a file that is not there.
    fs::metadata(file)
        .map_err(|error| Fatal::new(Exit::NoInput, format!("cannot read {}: {error}", file.display())))?;
    let client = client(options, environment)?;
    runtime()?.block_on(async {
        let mut signals = Signals::open()?;
        let id = run::id(options);
        say(&format!("job {id}"));
        let asked = Here { client: &client, id: &id };
        if asked.progress().await.map_err(fatal(Exit::Unavailable))?.is_none() {
            submit(&client, file, &id, &run::job(&program, options)).await?;
        }
        say(&format!("Job has been submitted with JobID {id}"));
        if options.detached {
            return Ok(Exit::Ok.code());
        }
        following::follow(&asked, &id, &mut signals).await
    })
}

/// Of the JobManager that leads, as the AppMaster says.
fn client(options: &RunOptions, environment: &Environment) -> Result<RestClient, Fatal> {
    let answer = ask(&options.endpoint, environment, async |appmaster| appmaster.status().await)?;
    let status: Status = serde_json::from_slice(answer.as_bytes()).map_err(fatal(Exit::Software))?;
    let url = status.jobmanager_leader.or(status.links.flink);
    let url = url
        .ok_or_else(|| Fatal::new(Exit::Unavailable, "the AppMaster does not say where its JobManager is"))?;
    if Url::parse(&url).is_ok_and(|url| url.scheme() == "https") {
        let why = format!(
            "the JobManager at {url} speaks TLS: use Flink's own `flink run`, which has its key stores"
        );
        return Err(Fatal::new(Exit::Refused, why));
    }
    RestClient::new(&url).map_err(fatal(Exit::Unavailable))
}

async fn submit(client: &RestClient, file: &Path, id: &str, job: &SessionJob) -> Result<(), Fatal> {
    let run = JarRun::of(id, job);
    let jar = client.upload_jar(file).await.map_err(|error| match &error {
        UploadError::File(_) => {
            Fatal::new(Exit::NoInput, format!("{}: {}", file.display(), log::chain(&error)))
        }
        UploadError::Rest(_) => Fatal::new(Exit::Unavailable, error),
    })?;
    let submitted = client.run_jar(&jar, &run).await;
    // It is of no use once the job is there, and of none if it is not.
    let _ = client.delete_jar(&jar).await;
    submitted.map(drop).map_err(|error| {
        let is_answer = matches!(error, RestError::Refused { .. });
        Fatal::new(if is_answer { Exit::Refused } else { Exit::Unavailable }, error)
    })
}

struct Here<'a> {
    client: &'a RestClient,
    id: &'a str,
}

impl Job for Here<'_> {
    type Error = RestError;

    async fn progress(&self) -> Result<Option<JobProgress>, RestError> {
        self.client.progress(self.id).await
    }

    async fn cancel(&self) -> Result<(), RestError> {
        self.client.cancel_job(self.id).await
    }

    fn is_over(_: &RestError) -> bool {
        false
    }
}
