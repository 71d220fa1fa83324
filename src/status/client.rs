//! The commands that talk to a running AppMaster through its unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use base::events::Event;
use logs::query::LogsQuery;
use tls::http;

use super::api::{After, Ask};
use super::orders::{Scale, Teardown};

/// An AppMaster answers from memory; one that takes longer is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// To find out which jobs run it asks Flink, which gives its own parts ten seconds.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// A line of the stream that is longer is none of ours.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The socket leads to it, whatever the name is.
const BASE: &str = "http://appmaster";

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("no AppMaster answers at {}", socket.display())]
    NoAnswer {
        socket: PathBuf,
        #[source]
        source: reqwest::Error,
    },
    #[error("the AppMaster at {} refused: {status} {text}", socket.display())]
    Refused { socket: PathBuf, status: u16, text: String },
    #[error("the answer of the AppMaster at {} cannot be understood", socket.display())]
    Malformed {
        socket: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the AppMaster at {} has ended", socket.display())]
    Ended { socket: PathBuf },
    #[error("the log breaks off: the AppMaster at {}, the agent or the task's sandbox is gone", socket.display())]
    Cut {
        socket: PathBuf,
        #[source]
        source: reqwest::Error,
    },
    #[error("cannot print the log")]
    Print(#[source] io::Error),
}

/// One AppMaster.
pub struct AppMaster {
    socket: PathBuf,
    client: Client,
}

impl AppMaster {
    pub fn at(socket: &Path) -> Result<Self, CommandError> {
        Ok(Self { socket: socket.to_owned(), client: client(socket, Some(TEARDOWN_TIMEOUT))? })
    }

    /// The status as JSON text.
    pub async fn status(&self) -> Result<String, CommandError> {
        self.text(self.get("/v1/status")).await
    }

    /// The explanation as JSON text.
    pub async fn explain(&self, ask: &Ask) -> Result<String, CommandError> {
        self.text(self.get("/v1/explain").query(ask)).await
    }

    pub async fn scale(&self, taskmanagers: u32) -> Result<(), CommandError> {
        self.order("/v1/scale", |request| request.json(&Scale { taskmanagers })).await
    }

    pub async fn teardown(&self, force: bool) -> Result<(), CommandError> {
        self.order("/v1/teardown", |request| request.json(&Teardown { force }).timeout(TEARDOWN_TIMEOUT))
            .await
    }

    pub async fn restart_taskmanager(&self, task_id: &str) -> Result<(), CommandError> {
        let mut url = reqwest::Url::parse(BASE).expect("a constant");
        url.path_segments_mut().expect("it has a host").extend(["v1", "taskmanagers", task_id, "restart"]);
        self.answer(self.client.post(url).timeout(ANSWER_TIMEOUT)).await.map(drop)
    }

    /// Those after the event `after`, oldest first.
    pub async fn events(&self, after: u64) -> Result<Vec<Event>, CommandError> {
        let text = self.text(self.get("/v1/events").query(&After { after })).await?;
        self.parse(&text)
    }

    /// Those after the event `after` and all that come, until the AppMaster ends, which is an error.
    pub async fn follow_events(&self, after: u64, mut tell: impl FnMut(Event)) -> Result<(), CommandError> {
        let request = self.client.get(format!("{BASE}/v1/stream?of=events&after={after}"));
        let mut chunks = self.answer(request).await?.bytes_stream();
        let mut line = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else { break };
            for byte in chunk {
                if byte != b'\n' {
                    line.push(byte);
                } else if let Some(json) = line.strip_prefix(b"data: ") {
                    tell(self.parse(&String::from_utf8_lossy(json))?);
                    line.clear();
                } else {
                    line.clear();
                }
            }
            if line.len() > MAX_LINE_BYTES {
                break;
            }
        }
        Err(CommandError::Ended { socket: self.socket.clone() })
    }

    /// A log of a task to its end, in parts.
    pub async fn logs(
        &self,
        query: &LogsQuery,
        mut print: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), CommandError> {
        // What is followed may be silent for as long as it likes.
        let client = client(&self.socket, None)?;
        let mut answer = self.answer(client.get(format!("{BASE}/v1/logs")).query(query)).await?;
        let cut = |source| CommandError::Cut { socket: self.socket.clone(), source };
        while let Some(chunk) = answer.chunk().await.map_err(cut)? {
            print(&chunk).map_err(CommandError::Print)?;
        }
        Ok(())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{BASE}{path}")).timeout(ANSWER_TIMEOUT)
    }

    async fn order(
        &self,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<(), CommandError> {
        let request = self.client.post(format!("{BASE}{path}")).timeout(ANSWER_TIMEOUT);
        self.answer(with(request)).await.map(drop)
    }

    async fn text(&self, request: RequestBuilder) -> Result<String, CommandError> {
        self.answer(request).await?.text().await.map_err(|source| self.no_answer(source))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, CommandError> {
        let answer = request.send().await.map_err(|source| self.no_answer(source))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.map_err(|source| self.no_answer(source))?.trim().to_owned();
        Err(CommandError::Refused { socket: self.socket.clone(), status: status.as_u16(), text })
    }

    fn no_answer(&self, source: reqwest::Error) -> CommandError {
        CommandError::NoAnswer { socket: self.socket.clone(), source }
    }

    pub fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, CommandError> {
        serde_json::from_slice(text.as_bytes())
            .map_err(|source| CommandError::Malformed { socket: self.socket.clone(), source })
    }
}

fn client(socket: &Path, silence: Option<Duration>) -> Result<Client, CommandError> {
    let builder = http::plain()?.unix_socket(socket);
    let builder = match silence {
        Some(silence) => builder.read_timeout(silence),
        None => builder,
    };
    builder.build().map_err(|source| CommandError::NoAnswer { socket: socket.to_owned(), source })
}
