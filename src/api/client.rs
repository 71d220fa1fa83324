//! The dispatcher, as commands ask it: over HTTP, HTTPS or a unix socket.

mod address;
mod artifacts;
mod events;
mod jobs;
mod logs;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, IF_MATCH, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Described;
use dispatcher::{AuditEntry, ClusterReport, Event, Match, Plan};
use tls::http;

use super::answer::Problem;
use super::apply::Applied;
use super::audit::AuditQuery;
use super::events::EventsQuery;
use super::explain::{Explanation, Queue};
use super::orders::{EndQuery, OrderQuery, Ordered, Patch};
use super::taskmanagers::Scale;
use super::versions::FlinkVersions;

pub use address::{Address, AddressError};

/// Longer than the dispatcher itself waits for its store.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// Each of many documents is stored for itself.
const APPLY_TIMEOUT: Duration = Duration::from_secs(300);

/// A stream says at least that there is nothing to say.
const SILENCE: Duration = Duration::from_secs(60);

/// A line of the stream that is longer is none of ours.
const MAX_LINE_BYTES: usize = 1 << 20;

/// From one dispatcher to the next; two that send to each other know no leader.
const MAX_HOPS: usize = 3;

/// The socket leads to it, whatever the name is.
const ON_SOCKET: &str = "http://dispatcher";

/// With what a client shows who it is, and whom it trusts. At a socket nothing of it is needed.
#[derive(Clone, Default)]
pub struct Credentials {
    pub token: Option<String>,
    /// Who vouches for the dispatcher, in PEM [default: whom the system trusts].
    pub authorities: Option<Vec<u8>>,
    /// A certificate with its key, in PEM.
    pub certificate: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot set up TLS")]
    Certificates(#[from] http::PemError),
    #[error("the token holds what no token holds: expected one line of letters and digits")]
    Token,
    #[error("no dispatcher answers at {address}")]
    NoAnswer {
        address: Address,
        #[source]
        source: reqwest::Error,
    },
    /// With the status and what it says.
    #[error("the dispatcher at {address} refused: {}", problem.error)]
    Refused { address: Address, problem: Box<Problem> },
    #[error("the answer of {address} is none of a dispatcher (HTTP status {status})")]
    Strange {
        address: Address,
        status: u16,
        #[source]
        source: serde_json::Error,
    },
    #[error("dispatchers send to each other, {address} first: none of them leads yet")]
    NoLeader { address: Address },
    #[error("cannot read {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the dispatcher at {address} no longer answers")]
    Ended { address: Address },
    #[error("the log breaks off at {address}: the dispatcher, the agent or the task's sandbox is gone")]
    Cut {
        address: Address,
        #[source]
        source: reqwest::Error,
    },
    #[error("cannot print the log")]
    Print(#[source] io::Error),
}

/// One dispatcher.
pub struct Dispatcher {
    address: Address,
    base: Url,
    client: Client,
    /// As a header.
    authorization: Option<HeaderValue>,
    credentials: Credentials,
}

impl Dispatcher {
    pub fn at(address: &Address) -> Result<Self, AskError> {
        Self::with(address, &Credentials::default())
    }

    pub fn with(address: &Address, credentials: &Credentials) -> Result<Self, AskError> {
        let (builder, base) = match address {
            Address::Socket(path) => (http::plain()?.unix_socket(path.as_path()), on_socket()),
            Address::Url(url) => (builder(url, credentials)?, url.clone()),
        };
        let authorization = credentials.token.as_deref().map(bearer).transpose()?;
        let client = builder.build();
        let client = client.map_err(|source| AskError::NoAnswer { address: address.clone(), source })?;
        Ok(Self { address: address.clone(), base, client, authorization, credentials: credentials.clone() })
    }

    /// A path of its API as a URL; of a socket, the path alone.
    pub fn shown(&self, path: &str) -> String {
        match &self.address {
            Address::Url(url) => url.join(path).map_or_else(|_| path.to_owned(), String::from),
            Address::Socket(_) => path.to_owned(),
        }
    }

    pub async fn clusters(&self) -> Result<Vec<ClusterReport>, AskError> {
        self.answer(self.get(&["clusters"])).await
    }

    pub async fn cluster(&self, name: &str) -> Result<Described, AskError> {
        self.answer(self.get(&["clusters", name])).await
    }

    pub async fn explain(&self, name: &str) -> Result<Explanation, AskError> {
        self.answer(self.get(&["clusters", name, "explain"])).await
    }

    pub async fn queue(&self) -> Result<Queue, AskError> {
        self.answer(self.get(&["queue"])).await
    }

    pub async fn flink_versions(&self) -> Result<FlinkVersions, AskError> {
        self.answer(self.get(&["flink-versions"])).await
    }

    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, AskError> {
        self.answer(self.get(&["audit"]).query(query)).await
    }

    pub async fn events(&self, query: &EventsQuery) -> Result<Vec<Event>, AskError> {
        self.answer(self.get(&["events"]).query(query)).await
    }

    /// What comes of the documents of `text`, also of those that are refused.
    pub async fn apply(
        &self,
        text: String,
        query: &OrderQuery,
        expected: Match,
    ) -> Result<Applied, AskError> {
        let request =
            self.request(Method::POST, &["clusters"]).query(query).body(text).timeout(APPLY_TIMEOUT);
        let (status, bytes) = self.bytes(matching(request, expected)).await?;
        match serde_json::from_slice(&bytes) {
            Ok(applied) => Ok(applied),
            Err(source) => Err(self.refused_or_strange(status, &bytes, source)),
        }
    }

    pub async fn patch(
        &self,
        name: &str,
        patch: Patch,
        query: &EndQuery,
        if_revision: Option<u64>,
    ) -> Result<Ordered, AskError> {
        let request = self.request(Method::PATCH, &["clusters", name]).json(&patch);
        self.order(request, query, if_revision).await
    }

    pub async fn restart(
        &self,
        name: &str,
        query: &OrderQuery,
        if_revision: Option<u64>,
    ) -> Result<Ordered, AskError> {
        self.order(self.request(Method::POST, &["clusters", name, "restart"]), query, if_revision).await
    }

    /// The specification with another number of TaskManagers.
    pub async fn scale(
        &self,
        name: &str,
        taskmanagers: u32,
        query: &OrderQuery,
        if_revision: Option<u64>,
    ) -> Result<Plan, AskError> {
        let request = self.request(Method::POST, &["clusters", name, "scale"]).json(&Scale { taskmanagers });
        self.order(request, query, if_revision).await
    }

    pub async fn restart_taskmanager(
        &self,
        name: &str,
        taskmanager: &str,
        query: &OrderQuery,
        if_revision: Option<u64>,
    ) -> Result<Ordered, AskError> {
        let path = ["clusters", name, "taskmanagers", taskmanager, "restart"];
        self.order(self.request(Method::POST, &path), query, if_revision).await
    }

    pub async fn delete(
        &self,
        name: &str,
        query: &EndQuery,
        if_revision: Option<u64>,
    ) -> Result<Ordered, AskError> {
        self.order(self.request(Method::DELETE, &["clusters", name]), query, if_revision).await
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.request_at(method, &[&["v1"][..], path].concat())
    }

    fn request_at(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.client.request(method, url).timeout(ANSWER_TIMEOUT);
        match (&self.address, &self.authorization) {
            (Address::Url(_), Some(authorization)) => request.header(AUTHORIZATION, authorization.clone()),
            // At a socket nobody asks for it.
            (Address::Url(_), None) | (Address::Socket(_), _) => request,
        }
    }

    async fn order<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        query: &impl Serialize,
        if_revision: Option<u64>,
    ) -> Result<T, AskError> {
        self.answer(matching(request.query(query), expected(if_revision))).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, AskError> {
        let (status, bytes) = self.bytes(request).await?;
        self.parsed(status, &bytes)
    }

    async fn bytes(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), AskError> {
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(|source| self.no_answer(source))?;
        Ok((status, bytes.into()))
    }

    /// A dispatcher that does not lead sends to the one that does, which is asked the same.
    async fn send(&self, request: RequestBuilder) -> Result<Response, AskError> {
        let no_answer = |source| self.no_answer(source);
        let (mut client, request) = request.build_split();
        let mut request = request.map_err(no_answer)?;
        for _ in 0..=MAX_HOPS {
            let again = request.try_clone();
            let response = client.execute(request).await.map_err(no_answer)?;
            let Some((leader, mut again)) = leader(&response).zip(again) else { return Ok(response) };
            client = builder(&leader, &self.credentials)?.build().map_err(no_answer)?;
            again.headers_mut().remove(AUTHORIZATION);
            if let Some(authorization) = self.authorization.clone().filter(|_| self.may_tell(&leader)) {
                again.headers_mut().insert(AUTHORIZATION, authorization);
            }
            *again.url_mut() = leader;
            request = again;
        }
        Err(AskError::NoLeader { address: self.address.clone() })
    }

    /// A token that went to TLS alone does not travel readable.
    fn may_tell(&self, leader: &Url) -> bool {
        match &self.address {
            Address::Url(url) => url.scheme() != "https" || leader.scheme() == "https",
            Address::Socket(_) => true,
        }
    }

    fn parsed<T: DeserializeOwned>(&self, status: u16, bytes: &[u8]) -> Result<T, AskError> {
        if (200..300).contains(&status) {
            return serde_json::from_slice(bytes).map_err(|source| self.strange(status, source));
        }
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) => Err(self.refused(status, problem)),
            Err(source) => Err(self.strange(status, source)),
        }
    }

    fn refused_or_strange(&self, status: u16, bytes: &[u8], source: serde_json::Error) -> AskError {
        match serde_json::from_slice::<Problem>(bytes) {
            Ok(problem) => self.refused(status, problem),
            Err(_) => self.strange(status, source),
        }
    }

    fn refused(&self, status: u16, problem: Problem) -> AskError {
        let problem = Box::new(Problem { status, ..problem });
        AskError::Refused { address: self.address.clone(), problem }
    }

    fn strange(&self, status: u16, source: serde_json::Error) -> AskError {
        AskError::Strange { address: self.address.clone(), status, source }
    }

    fn no_answer(&self, source: reqwest::Error) -> AskError {
        AskError::NoAnswer { address: self.address.clone(), source }
    }

    fn ended(&self) -> AskError {
        AskError::Ended { address: self.address.clone() }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, AskError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| AskError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn on_socket() -> Url {
    Url::parse(ON_SOCKET).expect("a constant")
}

fn builder(url: &Url, credentials: &Credentials) -> Result<ClientBuilder, AskError> {
    let Credentials { authorities, certificate, .. } = credentials;
    if url.scheme() == "https" {
        Ok(http::secure_with(authorities.as_deref(), certificate.as_deref())?)
    } else {
        Ok(http::plain()?)
    }
}

/// Whom this answer sends to, if it does.
fn leader(response: &Response) -> Option<Url> {
    let location =
        response.headers().get(LOCATION).filter(|_| response.status() == StatusCode::TEMPORARY_REDIRECT);
    Url::parse(location?.to_str().ok()?).ok()
}

/// With a revision, only a cluster that is at it.
pub fn expected(if_revision: Option<u64>) -> Match {
    if_revision.map_or(Match::Any, Match::Revision)
}

fn matching(request: RequestBuilder, expected: Match) -> RequestBuilder {
    match expected {
        Match::Any => request,
        Match::Nothing => request.header(IF_NONE_MATCH, "*"),
        Match::Revision(revision) => {
            let tag: HeaderValue = super::condition::etag(revision);
            request.header(IF_MATCH, tag)
        }
    }
}
