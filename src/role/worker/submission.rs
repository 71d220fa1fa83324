//! Jobs that the dispatcher gives this session: the jar is fetched with the token of the AppMaster's task, and handed to the JobManager
//! under the id that the job was given before. A JobManager that has such a job is given none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::StatusCode;
use tempfile::TempDir;

use base::log;
use dial::{Carried, Home};
use domain::job::{Rules, SessionJob};
use flink::rest::{JarRun, RestClient, RestError, UploadError, first_answer};
use manifest::ArtifactUri;
use status::board::Board;

use super::super::application::{self, Source};
use super::super::appmaster::download::{self, DownloadError};
use super::super::appmaster::given;
use super::super::task::{self, FetchError, Origin, Retry as _};

const PART: &str = "worker";

const LOCAL: &str = "local://";

/// What Flink says of a job that it has, or has had, whoever has submitted it.
const DUPLICATE: &str = "DuplicateJobSubmissionException";

/// What Flink says while no JobManager leads.
const NO_LEADER: [&str; 2] = ["leader election", "LeaderRetrieval"];

const CAUSED_BY: &str = "Caused by: ";

/// Closes what Flink says of an exception.
const END: &str = "End of exception on server side>";

/// Who hands jobs to the JobManager.
pub struct Submissions {
    pub home: Home,
    pub board: Arc<Board>,
    /// Where a jar is kept until the JobManager has it.
    pub scratch: PathBuf,
    pub flink_home: PathBuf,
}

/// Why the JobManager has not got a job.
#[derive(Debug, thiserror::Error)]
enum NotSubmitted {
    #[error("the port of the JobManager's REST API is not known, as `rest.port` is not a single port")]
    NoEndpoint,
    #[error("the JobManager does not answer")]
    Silent(#[source] RestError),
    #[error("jarURI {uri}: there is no such file on the AppMaster's agent or in its image")]
    NoFile { uri: String },
    #[error("no room for the jar in {}", directory.display())]
    Room { directory: PathBuf, source: io::Error },
    #[error("the jar cannot be fetched from the dispatcher")]
    Fetch(#[source] FetchError),
    #[error("the jar cannot be fetched")]
    Download(#[source] DownloadError),
    #[error("the jar cannot be handed to the JobManager")]
    Upload(#[source] UploadError),
    #[error("{why}")]
    Run { why: String },
}

impl Submissions {
    pub async fn submit(&self, id: &str, job: &SessionJob, rules: &Rules) -> Carried {
        match self.hand_over(id, job, rules).await {
            Ok(()) => Carried::Done,
            Err(why) => {
                let (text, is_final) = (log::chain(&why), why.is_final());
                if is_final { Carried::Refused { why: text } } else { Carried::NotNow { why: text } }
            }
        }
    }

    async fn hand_over(&self, id: &str, job: &SessionJob, rules: &Rules) -> Result<(), NotSubmitted> {
        let clients = self.board.jobmanager.clients();
        let known = first_answer(clients, async |client| Ok((client.knows_job(id).await?, client))).await;
        let (is_known, client) = known.ok_or(NotSubmitted::NoEndpoint)?.map_err(NotSubmitted::Silent)?;
        if is_known {
            return Ok(());
        }
        let (jar, _while_uploaded) = self.jar(&job.jar_uri, rules).await?;
        let jar = client.upload_jar(&jar).await.map_err(NotSubmitted::Upload)?;
        let submitted = run(&client, &jar, id, job).await;
        if let Err(error) = client.delete_jar(&jar).await {
            let text = format!("the JobManager keeps {jar} of job {id}: {}", log::chain(&error));
            log::line(tracing::Level::WARN, PART, &text);
        }
        submitted
    }

    /// With the directory that it is in, if that is to go.
    async fn jar(&self, uri: &str, rules: &Rules) -> Result<(PathBuf, Option<TempDir>), NotSubmitted> {
        let source = match (Source::of(uri, rules), uri.strip_prefix(LOCAL)) {
            (Some(source), _) => source,
            (None, Some(path)) => return self.here(uri, path),
            // The rules say that there is no such.
            (None, None) => Source::Server { url: uri, rules },
        };
        let room = |source| NotSubmitted::Room { directory: self.scratch.clone(), source };
        let directory = tempfile::tempdir_in(&self.scratch).map_err(room)?;
        let path = given::place(directory.path(), source.file_name()).map_err(room)?;
        match source {
            Source::Artifact(artifact) => self.fetch(&artifact, &path).await.map_err(NotSubmitted::Fetch)?,
            Source::Server { url, rules } => {
                download::fetch(PART, url, &path, rules).await.map_err(NotSubmitted::Download)?;
            }
        }
        Ok((path, Some(directory)))
    }

    fn here(&self, uri: &str, path: &str) -> Result<(PathBuf, Option<TempDir>), NotSubmitted> {
        let found = application::in_home(Some(&self.flink_home), path).unwrap_or_else(|| path.into());
        if found.is_file() { Ok((found, None)) } else { Err(NotSubmitted::NoFile { uri: uri.to_owned() }) }
    }

    /// From the dispatcher that has it, whichever leads.
    async fn fetch(&self, artifact: &ArtifactUri, path: &Path) -> Result<(), FetchError> {
        let (id, token) = (&*self.home.task_id, self.home.token());
        let mut fetched = Ok(());
        for base in self.home.dispatchers() {
            let source = Origin { base, certificate: self.home.certificate() };
            fetched = task::fetch_artifact(PART, &source, (id, token), &artifact.digest, path).await;
            if fetched.is_ok() {
                break;
            }
        }
        fetched
    }
}

async fn run(client: &RestClient, jar: &str, id: &str, job: &SessionJob) -> Result<(), NotSubmitted> {
    let Err(error) = client.run_jar(jar, &JarRun::of(id, job)).await else { return Ok(()) };
    // The answer may be lost and the job not.
    if client.knows_job(id).await.map_err(NotSubmitted::Silent)? {
        return Ok(());
    }
    match error {
        RestError::Refused { message, .. } if message.contains(DUPLICATE) => Ok(()),
        RestError::Refused { status, message, .. } if !is_passing(status, &message) => {
            Err(NotSubmitted::Run { why: cause(&message) })
        }
        error => Err(NotSubmitted::Silent(error)),
    }
}

/// Whether it is the JobManager's state and not the job that is refused.
fn is_passing(status: StatusCode, message: &str) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE || NO_LEADER.iter().any(|text| message.contains(text))
}

/// The last of a chain of exceptions, which says what is wrong; the others say who noticed.
fn cause(message: &str) -> String {
    let last = message.rsplit(CAUSED_BY).next().unwrap_or(message);
    last.trim_end().trim_end_matches(END).trim().to_owned()
}

impl NotSubmitted {
    /// Whether the same would come of it again.
    fn is_final(&self) -> bool {
        match self {
            Self::NoEndpoint | Self::NoFile { .. } | Self::Run { .. } => true,
            Self::Fetch(FetchError::Store { .. }) | Self::Download(DownloadError::Store { .. }) => false,
            Self::Fetch(why) => why.again().is_none(),
            Self::Download(why) => why.again().is_none(),
            Self::Silent(_) | Self::Room { .. } | Self::Upload(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_chain_of_exceptions_the_last_is_told() {
        let message = "org.apache.flink.runtime.rest.handler.RestHandlerException: Could not execute application. \
                       Caused by: java.util.concurrent.CompletionException: java.lang.X \
                       Caused by: java.io.FileNotFoundException: /in.txt (No such file or directory) End of exception on server side>";
        assert_eq!(cause(message), "java.io.FileNotFoundException: /in.txt (No such file or directory)");
        assert_eq!(cause("Internal server error."), "Internal server error.");
    }

    #[test]
    fn an_election_is_no_reason_to_refuse_a_job() {
        let busy = "Service temporarily unavailable due to an ongoing leader election. Please refresh.";
        assert!(is_passing(StatusCode::SERVICE_UNAVAILABLE, busy));
        assert!(is_passing(StatusCode::INTERNAL_SERVER_ERROR, busy));
        assert!(!is_passing(StatusCode::BAD_REQUEST, "Caused by: X"));
    }
}
