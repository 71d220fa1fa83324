//! The commands that talk to a running AppMaster: through its unix socket or, where they only ask, at its status port.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response, Url};
use serde::de::{DeserializeOwned, IgnoredAny};

use base::events::Event;
use logs::query::LogsQuery;
use tls::http;

use super::api::{After, Ask};
use super::board::Status;
use super::orders::{Scale, Teardown};

/// An AppMaster answers from memory; one that takes longer is stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// To find out which jobs run it asks Flink, which gives its own parts ten seconds.
const ORDER_TIMEOUT: Duration = Duration::from_secs(20);

/// A line of the stream that is longer is none of ours.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Where an AppMaster is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Socket(PathBuf),
    /// Of its status port, which takes no orders.
    Address(Url),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address of an AppMaster's status port: expected HOST:PORT or http://HOST:PORT")]
pub struct EndpointError {
    text: String,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).ok().filter(|url| {
            let is_bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
            url.scheme() == "http" && url.has_host() && is_bare
        });
        url.map(Self::Address).ok_or_else(|| EndpointError { text: text.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(out, "{}", path.display()),
            Self::Address(url) => out.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

impl Endpoint {
    /// A socket leads to it, whatever the name is.
    fn base(&self) -> &str {
        match self {
            Self::Socket(_) => "http://appmaster",
            Self::Address(url) => url.as_str().trim_end_matches('/'),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("no AppMaster answers at {endpoint}")]
    NoAnswer {
        endpoint: Endpoint,
        #[source]
        source: reqwest::Error,
    },
    #[error("the AppMaster at {endpoint} refused: {status} {text}")]
    Refused { endpoint: Endpoint, status: u16, text: String },
    #[error("the answer of {endpoint} is none of an AppMaster")]
    Malformed {
        endpoint: Endpoint,
        #[source]
        source: serde_json::Error,
    },
    #[error("the AppMaster at {endpoint} has ended")]
    Ended { endpoint: Endpoint },
    #[error("the log breaks off: the AppMaster at {endpoint}, the agent or the task's sandbox is gone")]
    Cut {
        endpoint: Endpoint,
        #[source]
        source: reqwest::Error,
    },
    #[error("cannot print the log")]
    Print(#[source] io::Error),
}

/// One AppMaster.
pub struct AppMaster {
    endpoint: Endpoint,
    client: Client,
}

impl AppMaster {
    pub fn at(endpoint: Endpoint) -> Result<Self, CommandError> {
        let client = client(&endpoint, Some(ORDER_TIMEOUT))?;
        Ok(Self { endpoint, client })
    }

    /// The status as JSON text.
    pub async fn status(&self) -> Result<String, CommandError> {
        let text = self.text(self.get("/v1/status")).await?;
        self.parse::<Status>(&text)?;
        Ok(text)
    }

    /// The explanation as JSON text.
    pub async fn explain(&self, ask: &Ask) -> Result<String, CommandError> {
        let text = self.text(self.get("/v1/explain").query(ask)).await?;
        self.parse::<IgnoredAny>(&text)?;
        Ok(text)
    }

    pub async fn scale(&self, scale: &Scale) -> Result<(), CommandError> {
        self.order("/v1/scale", |request| request.json(scale).timeout(ORDER_TIMEOUT)).await
    }

    pub async fn teardown(&self, force: bool) -> Result<(), CommandError> {
        self.order("/v1/teardown", |request| request.json(&Teardown { force }).timeout(ORDER_TIMEOUT)).await
    }

    pub async fn restart_taskmanager(&self, task_id: &str) -> Result<(), CommandError> {
        let mut url = Url::parse(self.endpoint.base()).expect("it was one");
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
        let request = self.client.get(format!("{}/v1/stream?of=events&after={after}", self.endpoint.base()));
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
        Err(CommandError::Ended { endpoint: self.endpoint.clone() })
    }

    /// A log of a task to its end, in parts.
    pub async fn logs(
        &self,
        query: &LogsQuery,
        mut print: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), CommandError> {
        // What is followed may be silent for as long as it likes.
        let client = client(&self.endpoint, None)?;
        let mut answer =
            self.answer(client.get(format!("{}/v1/logs", self.endpoint.base())).query(query)).await?;
        let cut = |source| CommandError::Cut { endpoint: self.endpoint.clone(), source };
        while let Some(chunk) = answer.chunk().await.map_err(cut)? {
            print(&chunk).map_err(CommandError::Print)?;
        }
        Ok(())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.endpoint.base())).timeout(ANSWER_TIMEOUT)
    }

    async fn order(
        &self,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<(), CommandError> {
        let request = self.client.post(format!("{}{path}", self.endpoint.base())).timeout(ANSWER_TIMEOUT);
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
        Err(CommandError::Refused { endpoint: self.endpoint.clone(), status: status.as_u16(), text })
    }

    fn no_answer(&self, source: reqwest::Error) -> CommandError {
        CommandError::NoAnswer { endpoint: self.endpoint.clone(), source }
    }

    pub fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, CommandError> {
        serde_json::from_slice(text.as_bytes())
            .map_err(|source| CommandError::Malformed { endpoint: self.endpoint.clone(), source })
    }
}

fn client(endpoint: &Endpoint, silence: Option<Duration>) -> Result<Client, CommandError> {
    let builder = http::plain()?;
    let builder = match endpoint {
        Endpoint::Socket(path) => builder.unix_socket(path.as_path()),
        Endpoint::Address(_) => builder,
    };
    let builder = match silence {
        Some(silence) => builder.read_timeout(silence),
        None => builder,
    };
    builder.build().map_err(|source| CommandError::NoAnswer { endpoint: endpoint.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports() {
        for (text, expected) in [
            ("h:8084", Some("http://h:8084")),
            ("http://h:8084/", Some("http://h:8084")),
            ("[::1]:1", Some("http://[::1]:1")),
            ("https://h:1", None),
            ("unix:/a", None),
            ("http://h:1/v1/status", None),
            ("http://u@h:1", None),
            ("", None),
        ] {
            let endpoint = text.parse::<Endpoint>().ok().map(|endpoint| endpoint.to_string());
            assert_eq!(endpoint.as_deref(), expected, "{text}");
        }
    }
}
