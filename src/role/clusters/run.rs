//! `run`: a job in a session of the dispatcher, or as an application of its own.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use api::client::{AskError, Dispatcher};
use api::{OrderQuery, PushQuery};
use base::digest::hexadecimal;
use base::exit::Exit;
use base::random;
use conf::environment::Environment;
use dispatcher::{Submission, SubmissionState};
use domain::job::SessionJob;
use flink::rest::JobProgress;

use super::attached::{self, Seen};
use super::session::New;
use super::text::{plain, say};
use super::{connect, unanswered};
use crate::cli::clusters::{CreationOptions, Output};
use crate::cli::run::{Jar, RunOptions};
use crate::role::error::Fatal;
use crate::role::following::{self, Job};
use crate::role::program::Program;
use crate::role::runtime;
use crate::role::terminal::Signals;

const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A dispatcher that does not lead may have read less than the one that took the job.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the job runs until its end, or until Flink has it.
pub fn in_session(name: &str, options: &RunOptions, environment: &Environment) -> Result<u8, Fatal> {
    if options.creation != CreationOptions::default() {
        let why = "--flink-version, --image, --taskmanagers, --cpu, --memory, --jobmanager-memory, --role and -D are for new clusters, and a session is there already";
        return Err(Fatal::new(Exit::Usage, why));
    }
    let dispatcher = connect(&options.dispatcher, environment)?;
    runtime()?.block_on(async {
        let mut signals = Signals::open()?;
        let (id, program) = (id(options), Program::of_session(options)?);
        // Whoever repeats the command with it, because this one was interrupted, gets the same job.
        say(&format!("job {id}"));
        let jar_uri = match &program.jar {
            Some(jar) => uri(&dispatcher, jar, options).await?,
            None => String::new(),
        };
        let job = SessionJob { jar_uri, ..job(&program, options) };
        let query = OrderQuery { dry_run: false, message: options.message.clone() };
        dispatcher.submit(name, &id, &job, &query).await.map_err(unanswered)?;
        tokio::select! {
            submitted = submitted(&dispatcher, name, &id) => submitted?,
            code = signals.next() => {
                say(&format!("job {id} is stored, and will be submitted: the same command with `--job-id {id}` comes back to it"));
                return Ok(code);
            }
        }
        say(&format!("Job has been submitted with JobID {id}"));
        if options.detached {
            return Ok(Exit::Ok.code());
        }
        let asked = InSession { dispatcher: &dispatcher, name, id: &id };
        following::follow(&asked, &id, &mut signals).await
    })
}

pub fn as_application(name: &str, options: &RunOptions, environment: &Environment) -> Result<u8, Fatal> {
    let dispatcher = connect(&options.dispatcher, environment)?;
    runtime()?.block_on(async {
        let mut signals = Signals::open()?;
        let (job, uris) = declared(&dispatcher, options).await?;
        let new = New {
            name,
            creation: &options.creation,
            job: Some(job),
            uris,
            message: options.message.clone(),
            output: Output::Table,
        };
        let code = new.create(&dispatcher).await?;
        let is_created = [Exit::Ok, Exit::NotPlaceable].map(Exit::code).contains(&code);
        if options.detached || !is_created {
            return Ok(code);
        }
        tokio::select! {
            ended = ended(&dispatcher, name) => ended,
            code = signals.next() => {
                say(&format!("application {name} is left, and goes on: `describe {name}` tells of it, `delete {name}` ends it"));
                Ok(code)
            }
        }
    })
}

/// The one that was said, or a new one.
pub fn id(options: &RunOptions) -> String {
    let made_up = || hexadecimal(&random::bytes::<16>());
    options.job_id.as_ref().map_or_else(made_up, |id| id.to_ascii_lowercase())
}

/// A file that is here is pushed.
async fn uri(dispatcher: &Dispatcher, jar: &Jar, options: &RunOptions) -> Result<String, Fatal> {
    let file = match jar {
        Jar::Uri(uri) => return Ok(uri.clone()),
        Jar::File(file) => file,
    };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let query = PushQuery { name, message: options.message.clone(), ..PushQuery::default() };
    Ok(dispatcher.push(file, &query).await.map_err(unanswered)?.uri)
}

/// But for the jar.
pub fn job(program: &Program, options: &RunOptions) -> SessionJob {
    SessionJob {
        jar_uri: String::new(),
        entry_class: program.class.clone(),
        args: program.arguments.clone(),
        parallelism: options.parallelism,
        initial_savepoint_path: options.from_savepoint.clone(),
        allow_non_restored_state: options.allow_non_restored_state,
    }
}

/// `spec.job` of a manifest, and `spec.mesos.uris`.
async fn declared(dispatcher: &Dispatcher, options: &RunOptions) -> Result<(Value, Vec<String>), Fatal> {
    let mut program = Program::of_application(options)?;
    let mut uris = vec![];
    if let Some((option, file)) = &program.file {
        let there = uri(dispatcher, file, options).await?;
        let name = match there.strip_prefix("local://") {
            Some(path) => path.to_owned(),
            None => {
                let name = manifest::file_name(&there).unwrap_or_default();
                uris.push(there);
                name
            }
        };
        program.arguments.splice(0..0, [(*option).to_owned(), name]);
    }
    let mut job = serde_json::to_value(job(&program, options)).expect("all keys are texts");
    match &program.jar {
        Some(jar) => job["jarURI"] = json!(uri(dispatcher, jar, options).await?),
        None => _ = job.as_object_mut().and_then(|fields| fields.remove("jarURI")),
    }
    if options.parallelism.is_none() && options.creation.taskmanagers.is_none() {
        job["parallelism"] = json!(1);
    }
    Ok((job, uris))
}

/// Until Flink has taken the job, or somebody has refused it.
async fn submitted(dispatcher: &Dispatcher, name: &str, id: &str) -> Result<(), Fatal> {
    let (begin, mut told) = (Instant::now(), None);
    loop {
        match dispatcher.submission(name, id).await {
            Ok(Submission { state: SubmissionState::Submitted, .. }) => return Ok(()),
            Ok(Submission { state: SubmissionState::Refused, why, .. }) => {
                let why = plain(why.as_deref().unwrap_or("nobody says why"));
                return Err(Fatal::new(Exit::Refused, format!("job {id} was refused: {why}")));
            }
            Ok(Submission { state: SubmissionState::Pending, why, .. }) => {
                if let Some(why) = why.as_ref().filter(|_| why != told) {
                    say(&format!("job {id} has to wait: {}", plain(why)));
                }
                told = why;
            }
            Err(error) if begin.elapsed() < PATIENCE || !attached::is_not_there(&error) => {
                tracing::debug!("job {id}: {error}");
            }
            Err(error) => return Err(unanswered(error)),
        }
        sleep(LOOK_INTERVAL).await;
    }
}

struct InSession<'a> {
    dispatcher: &'a Dispatcher,
    name: &'a str,
    id: &'a str,
}

impl Job for InSession<'_> {
    type Error = AskError;

    async fn progress(&self) -> Result<Option<JobProgress>, AskError> {
        let path = ["jobs", self.id];
        match self.dispatcher.jobmanager(self.name, Method::GET, &path, &[]).await {
            Ok(progress) => Ok(Some(progress)),
            // Flink's own; the dispatcher's are refusals.
            Err(AskError::Strange { status, .. }) if status == StatusCode::NOT_FOUND.as_u16() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn cancel(&self) -> Result<(), AskError> {
        let (path, query) = (["jobs", self.id], [("mode", "cancel")]);
        let _empty: Value = self.dispatcher.jobmanager(self.name, Method::PATCH, &path, &query).await?;
        Ok(())
    }

    fn is_over(error: &AskError) -> bool {
        attached::is_not_there(error)
    }
}

/// Until the application has ended. The code is its AppMaster's.
async fn ended(dispatcher: &Dispatcher, name: &str) -> Result<u8, Fatal> {
    let mut seen = Seen::default();
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match dispatcher.cluster(name).await {
            Ok(described) => {
                seen.tell(&described, dispatcher);
                if let Some(ended) = &described.known.ended {
                    return Ok(ended.code);
                }
            }
            Err(error) if seen.is_known && attached::is_not_there(&error) => {
                return Err(Fatal::new(Exit::NotThere, format!("{name} has been deleted")));
            }
            Err(error) => seen.lost(error).map_err(unanswered)?,
        }
    }
}
