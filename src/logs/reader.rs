//! Asks the master where a task is and its agent for what it has written.

use std::sync::Arc;
use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Clock};
use bytes::Bytes;
use mesos::client::agent::{AgentFiles, FilesError};
use mesos::client::operator::{Operator, OperatorError};
use mesos::site::{AgentSite, TaskSite};
use mesos::wire::agent::FileInfo;

use super::follow::{Beside, Follower, Step};
use super::name::LogName;
use super::tail::Tail;

/// As much as agents read at once.
const TAIL_BYTES: u64 = 64 << 10;

/// An agent that restarts is back within the minute.
const RETRIES: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(500), most: Duration::from_secs(15), jitter: 0.5 };
const MAX_RETRIES: u32 = 8;

/// Where a task's sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub task_id: String,
    pub framework_id: String,
    /// The task itself, mostly.
    pub executor: String,
    pub agent_id: String,
}

/// What is wanted of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: LogName,
    /// Where to begin, in bytes; with `tail` it has no meaning.
    pub offset: u64,
    /// Bytes that are wanted at most.
    pub length: Option<u64>,
    /// So many of the last lines, and what comes.
    pub tail: Option<u64>,
    /// Until the task has ended.
    pub follow: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot ask the Mesos master where the task is")]
    Master(#[from] OperatorError),
    #[error("agent {agent_id}, which has the sandbox of task {task_id}, is not at the Mesos master")]
    NoAgent { agent_id: String, task_id: String },
    #[error("the sandbox of task {task_id} has no {name}, or it was removed")]
    NoFile { task_id: String, name: LogName },
    #[error("cannot read the sandbox of task {task_id}")]
    Files {
        task_id: String,
        #[source]
        source: FilesError,
    },
}

impl From<TaskSite> for Place {
    fn from(task: TaskSite) -> Self {
        let executor = task.executor().to_owned();
        Self { task_id: task.id, framework_id: task.framework_id, executor, agent_id: task.agent_id }
    }
}

impl Place {
    /// Under which agents show a sandbox since Mesos 1.5, wherever their work directory is.
    fn sandbox(&self) -> String {
        format!("/frameworks/{}/executors/{}/runs/latest", self.framework_id, self.executor)
    }
}

/// A log that is being read.
pub struct Reader {
    operator: Arc<Operator>,
    place: Place,
    name: LogName,
    files: AgentFiles,
    /// Under which the agent shows it.
    sandbox: String,
    follower: Follower,
    clock: Clock,
    /// Read before anybody asked for it, to know whether there is such a file.
    first: Option<Bytes>,
    retries: Backoff,
}

enum Stepped {
    On,
    Told(Bytes),
    Done,
}

impl Reader {
    /// Fails where there is nothing to read.
    pub async fn open(operator: Arc<Operator>, place: Place, wanted: Wanted) -> Result<Self, LogError> {
        let files = operator.files(&agent(&operator, &place).await?);
        let Wanted { name, offset, length, tail, follow } = wanted;
        let follower = Follower::new(name.to_string(), offset, length, follow);
        let (clock, retries) = (Clock::start(), Backoff::new(RETRIES));
        let sandbox = place.sandbox();
        let mut reader =
            Self { operator, place, name, files, sandbox, follower, clock, first: None, retries };
        reader.find_sandbox().await?;
        let offset = match tail {
            None => offset,
            Some(lines) => reader.tail(lines).await?,
        };
        reader.follower = Follower::new(reader.name.to_string(), offset, length, follow);
        let Some(data) = reader.read(reader.name.as_str(), offset, TAIL_BYTES).await? else {
            return Err(reader.no_file());
        };
        if length != Some(0) {
            let new = reader.follower.handle_read(Some(&data), reader.clock.now());
            reader.first = Some(new).filter(|new| !new.is_empty());
        }
        Ok(reader)
    }

    /// None at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LogError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            match self.step().await {
                Ok(Stepped::On) => self.retries.succeeded(),
                Ok(Stepped::Told(new)) => {
                    self.retries.succeeded();
                    return Ok(Some(new));
                }
                Ok(Stepped::Done) => return Ok(None),
                Err(error) => self.rest(error).await?,
            }
        }
    }

    /// Does nothing where it fails.
    async fn step(&mut self) -> Result<Stepped, LogError> {
        match self.follower.next_step() {
            Step::Read { name, offset, length } => {
                let data = self.read(&name, offset, length).await?;
                let new = self.follower.handle_read(data.as_ref(), self.clock.now());
                return Ok(if new.is_empty() { Stepped::On } else { Stepped::Told(new) });
            }
            Step::List => {
                let files = self.beside().await?;
                self.follower.handle_list(files);
            }
            Step::Ask => {
                let has_ended = self.has_ended().await?;
                self.follower.handle_task(has_ended, self.clock.now());
            }
            Step::Wait(wait) => {
                tokio::time::sleep(wait).await;
                self.follower.handle_wait();
            }
            Step::Done => return Ok(Stepped::Done),
        }
        Ok(Stepped::On)
    }

    /// Before the next attempt, if the failure may pass.
    async fn rest(&mut self, error: LogError) -> Result<(), LogError> {
        let may_pass = matches!(
            error,
            LogError::Master(_)
                | LogError::NoAgent { .. }
                | LogError::Files { source: FilesError::Transport { .. }, .. }
        );
        if !may_pass || self.retries.attempts() >= MAX_RETRIES {
            return Err(error);
        }
        tokio::time::sleep(self.retries.failed(fastrand::f64())).await;
        // It may be somewhere else by now.
        if let Ok(site) = agent(&self.operator, &self.place).await {
            self.files = self.operator.files(&site);
        }
        Ok(())
    }

    /// Older agents show a sandbox under its directory alone.
    async fn find_sandbox(&mut self) -> Result<(), LogError> {
        match self.files.read(&self.path(self.name.as_str()), 0, 0).await {
            Ok(_) => return Ok(()),
            Err(FilesError::NotFound { .. }) => {}
            Err(error) => return Err(self.failed(error)),
        }
        let Place { framework_id, executor, .. } = &self.place;
        let found = self.files.directory(framework_id, executor).await;
        self.sandbox = found.map_err(|error| self.failed(error))?.ok_or_else(|| self.no_file())?;
        Ok(())
    }

    async fn tail(&self, lines: u64) -> Result<u64, LogError> {
        let path = self.path(self.name.as_str());
        let size = self.files.read(&path, 0, 0).await.map_err(|error| self.failed(error))?.size;
        let mut tail = Tail::new(lines, size);
        loop {
            match tail.next(TAIL_BYTES) {
                Err(found) => return Ok(found),
                Ok((offset, length)) => {
                    let part = self.files.read(&path, offset, length).await;
                    tail.handle(offset, &part.map_err(|error| self.failed(error))?.data);
                }
            }
        }
    }

    /// None where there is no such file.
    async fn read(&self, name: &str, offset: u64, length: u64) -> Result<Option<Bytes>, LogError> {
        match self.files.read(&self.path(name), offset, length).await {
            Ok(part) => Ok(Some(part.data)),
            Err(FilesError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Files of the same directory, by the names that they have in the sandbox.
    async fn beside(&self) -> Result<Vec<Beside>, LogError> {
        let directory = self.name.as_str().rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = self.path(directory);
        let files = match self.files.list(path.trim_end_matches('/')).await {
            Err(FilesError::NotFound { .. }) => Vec::new(),
            listed => listed.map_err(|error| self.failed(error))?,
        };
        Ok(files.iter().filter_map(|file| self.described(file)).collect())
    }

    fn described(&self, file: &FileInfo) -> Option<Beside> {
        let name = file.path.as_deref()?.strip_prefix(&*self.sandbox)?.trim_start_matches('/').to_owned();
        let written = file.mtime.as_ref().and_then(|time| time.nanoseconds).unwrap_or_default();
        Some(Beside { name, written })
    }

    /// A master that has just been elected does not know the tasks of agents that have not come back to it.
    async fn has_ended(&self) -> Result<bool, LogError> {
        match self.operator.task(&self.place.framework_id, &self.place.task_id).await? {
            Some(task) => Ok(task.has_ended()),
            None => Ok(self.operator.agent(&self.place.agent_id).await?.is_some()),
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.sandbox)
    }

    fn failed(&self, error: FilesError) -> LogError {
        match error {
            FilesError::NotFound { .. } => self.no_file(),
            source => LogError::Files { task_id: self.place.task_id.clone(), source },
        }
    }

    fn no_file(&self) -> LogError {
        LogError::NoFile { task_id: self.place.task_id.clone(), name: self.name.clone() }
    }
}

async fn agent(operator: &Operator, place: &Place) -> Result<AgentSite, LogError> {
    let Place { agent_id, task_id, .. } = place;
    let site = operator.agent(agent_id).await?;
    site.ok_or_else(|| LogError::NoAgent { agent_id: agent_id.clone(), task_id: task_id.clone() })
}
