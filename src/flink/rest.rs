//! Flink's REST API: the few calls that we need.

mod jars;
mod types;

use std::time::Duration;

use reqwest::{ClientBuilder, Method, Response, StatusCode};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;

use tls::http;

pub use jars::{JarRun, UploadError};
pub use types::{
    AllocatedSlot, Heartbeat, Job, JobDetails, JobProgress, JobState, MemoryConfiguration, Overview,
    Requirements, TaskManager, TaskManagerDetails, Tasks, Vertex,
};

/// A JobManager that accepts no connection within this time is not there.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Flink gives its own parts ten seconds to answer (`web.timeout`) before it reports a failure; we want to hear it.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Far above the answer of a cluster with thousands of TaskManagers, which is a kilobyte each.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;
/// What Flink answers about a TaskManager that it does not know, with status 500 in 1.17 to 2.3.
const UNKNOWN_TASKMANAGER: &str = "UnknownTaskExecutorException";
/// As much of an error text as a person reads.
const MAX_ERROR_CHARS: usize = 2000;

/// A client of one JobManager.
#[derive(Clone, Debug)]
pub struct RestClient {
    http: reqwest::Client,
    base_url: String,
}

impl RestClient {
    /// `base_url` is like `http://host:8081`.
    pub fn new(base_url: &str) -> Result<Self, RestError> {
        Self::over(http::plain()?, base_url)
    }

    /// For `https://host:8081`, trusting whom `tls` says.
    pub fn secure(base_url: &str, tls: ClientConfig) -> Result<Self, RestError> {
        Self::over(http::trusting(tls), base_url)
    }

    fn over(builder: ClientBuilder, base_url: &str) -> Result<Self, RestError> {
        let http = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|cause| RestError::Client { cause })?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned() })
    }

    pub async fn overview(&self) -> Result<Overview, RestError> {
        self.get("/overview").await
    }

    pub async fn taskmanagers(&self) -> Result<Vec<TaskManager>, RestError> {
        let answer: types::TaskManagers = self.get("/taskmanagers").await?;
        Ok(answer.taskmanagers)
    }

    /// When the JobManager heard each last.
    pub async fn heartbeats(&self) -> Result<Vec<Heartbeat>, RestError> {
        let answer: types::Heartbeats = self.get("/taskmanagers").await?;
        Ok(answer.taskmanagers)
    }

    /// `id` is the TaskManager's `taskmanager.resource-id`. None when Flink does not know it.
    pub async fn taskmanager(&self, id: &str) -> Result<Option<TaskManagerDetails>, RestError> {
        match self.get(&format!("/taskmanagers/{}", path_segment(id))).await {
            Ok(details) => Ok(Some(details)),
            Err(RestError::Refused { message, .. }) if message.contains(UNKNOWN_TASKMANAGER) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Running and ended jobs that the JobManager remembers.
    pub async fn jobs(&self) -> Result<Vec<Job>, RestError> {
        let answer: types::Jobs = self.get("/jobs/overview").await?;
        Ok(answer.jobs)
    }

    /// Flink answers from a picture that may be as old as `web.refresh-interval`, by default three seconds.
    pub async fn job(&self, id: &str) -> Result<JobDetails, RestError> {
        self.get(&format!("/jobs/{}", path_segment(id))).await
    }

    /// None where there is no such job.
    pub async fn progress(&self, id: &str) -> Result<Option<JobProgress>, RestError> {
        match self.get(&format!("/jobs/{}", path_segment(id))).await {
            Ok(progress) => Ok(Some(progress)),
            Err(RestError::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn cancel_job(&self, id: &str) -> Result<(), RestError> {
        let path = format!("/jobs/{}?mode=cancel", path_segment(id));
        let _empty: serde_json::Value = self.send(&path, self.request(Method::PATCH, &path)).await?;
        Ok(())
    }

    /// None for a job that is not under the adaptive scheduler, and before Flink 1.18.
    pub async fn requirements(&self, job_id: &str) -> Result<Option<Requirements>, RestError> {
        match self.get(&format!("/jobs/{}/resource-requirements", path_segment(job_id))).await {
            Ok(requirements) => Ok(Some(requirements)),
            Err(RestError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends the cluster; the JobManager then ends with code 0.
    pub async fn shut_down(&self) -> Result<(), RestError> {
        let request = self.request(Method::DELETE, "/cluster");
        let _empty: serde_json::Value = self.send("/cluster", request).await?;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RestError> {
        self.send(path, self.request(Method::GET, path)).await
    }

    /// A call that none of the others makes, for [`Self::send`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub async fn send<T: DeserializeOwned>(
        &self,
        path: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<T, RestError> {
        let url = self.url(path);
        let unreachable =
            |cause: reqwest::Error| RestError::Unreachable { url: url.clone(), cause: cause.without_url() };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let Some(body) = read_limited(response).await.map_err(unreachable)? else {
            return Err(RestError::TooLong { url });
        };
        if !status.is_success() {
            return Err(RestError::Refused { url, status, message: error_message(&body) });
        }
        serde_json::from_slice(&body).map_err(|cause| RestError::Malformed { url, cause })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

/// Of the clients of one JobManager's addresses: what the first says that has an answer, or why the last has none. None
/// where there is no client.
pub async fn first_answer<T, E>(
    clients: &[RestClient],
    ask: impl AsyncFn(RestClient) -> Result<T, E>,
) -> Option<Result<T, E>> {
    let mut failure = None;
    for client in clients {
        match ask(client.clone()).await {
            Ok(answer) => return Some(Ok(answer)),
            Err(error) => failure = Some(Err(error)),
        }
    }
    failure
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("cannot set up an HTTP client")]
    Client {
        #[source]
        cause: reqwest::Error,
    },

    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),

    #[error("no answer from {url}")]
    Unreachable {
        url: String,
        #[source]
        cause: reqwest::Error,
    },

    #[error("{url} answered {status}: {message}")]
    Refused { url: String, status: StatusCode, message: String },

    #[error("the answer of {url} cannot be understood")]
    Malformed {
        url: String,
        #[source]
        cause: serde_json::Error,
    },

    #[error("the answer of {url} is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong { url: String },
}

/// None when it is too long.
async fn read_limited(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Flink answers `{"errors": [summary, stack trace]}`: the names and messages of the exceptions without the frames.
fn error_message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<types::Errors>(body) {
        Ok(errors) => errors.errors.join("\n"),
        Err(_not_from_flink) => String::from_utf8_lossy(body).into_owned(),
    };
    let is_frame = |line: &str| line.starts_with("at ") || line.starts_with("... ");
    let lines: Vec<_> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !is_frame(line)).collect();
    lines.join(" ").chars().take(MAX_ERROR_CHARS).collect()
}

fn path_segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_is_not_plain() {
        assert_eq!(path_segment("task-1_a.jar~"), "task-1_a.jar~");
        assert_eq!(path_segment("a/b c?ü"), "a%2Fb%20c%3F%C3%BC");
    }

    #[test]
    fn shows_flinks_error_or_what_came_instead() {
        let answer = br#"{"errors":["Internal error.","<E: f.X: none\n\tat f.Y.z(Y.java:1)\n\t... 3 more\nCaused by: g"]}"#;
        assert_eq!(error_message(answer), "Internal error. <E: f.X: none Caused by: g");
        assert_eq!(error_message(b"<html>"), "<html>");
        assert_eq!(error_message(&[b'x'; 5000]).len(), MAX_ERROR_CHARS);
    }

    #[tokio::test]
    async fn names_the_url_that_does_not_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = RestClient::new(&format!("http://{address}/")).unwrap();
        let error = client.overview().await.unwrap_err();
        assert_eq!(error.to_string(), format!("no answer from http://{address}/overview"));
    }
}
