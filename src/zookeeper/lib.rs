//! The one place where ZooKeeper clients are set up, and where changes are made together.

#![forbid(unsafe_code)]

pub mod clients;
pub mod jaas;
pub mod security;
pub mod tls;
pub mod transaction;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zookeeper_client::{Acls, Client, CreateMode, CreateOptions, Error, SaslOptions, SessionInfo};

use security::Login;
use tls::Tunnel;

/// Where the ensemble is and how to speak with it.
#[derive(Clone)]
pub struct Ensemble {
    /// `host:port,host:port`, perhaps with a path behind the last.
    pub servers: String,
    /// As asked for; the ensemble may grant another.
    pub session_timeout: Duration,
    /// How long one server may stay silent.
    pub connection_timeout: Duration,
    /// Scheme and data, such as `digest` and `user:password`.
    pub authorization: Vec<(String, String)>,
    pub access: Access,
    pub login: Login,
    /// For TLS.
    pub tunnel: Option<Arc<Tunnel>>,
}

/// Who may do what with the nodes that are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody may do everything.
    Open,
    /// Only who is authorized as their creator may do anything.
    Creator,
}

/// Secrets are not shown.
impl fmt::Debug for Ensemble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ensemble").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// An operation that failed for good, with the node it was about.
#[derive(Debug, thiserror::Error)]
#[error("ZooKeeper at {servers}: {path}")]
pub struct NodeError {
    pub servers: String,
    pub path: String,
    #[source]
    pub source: Error,
}

impl Ensemble {
    /// A new session, or `session` if the ensemble still keeps it. Tries each server once: in the client's own waits
    /// between rounds, which grow to seconds, a session would be lost.
    pub async fn connect(&self, session: Option<SessionInfo>) -> Result<Client, Error> {
        let mut connector = Client::connector()
            .with_session_timeout(self.session_timeout)
            .with_connection_timeout(self.connection_timeout)
            .with_fail_eagerly();
        if let Some(session) = session {
            connector = connector.with_session(session);
        }
        for (scheme, data) in &self.authorization {
            connector = connector.with_auth(scheme, data.as_bytes());
        }
        if let Login::Digest { user, password } = &self.login {
            connector = connector.with_sasl(SaslOptions::digest_md5(user.clone(), password.clone()));
        }
        let servers = self.tunnel.as_ref().map_or(&*self.servers, |tunnel| tunnel.servers());
        connector.connect(servers).await
    }

    pub fn create(&self, mode: CreateMode) -> CreateOptions<'static> {
        mode.with_acls(match self.access {
            Access::Open => Acls::anyone_all(),
            Access::Creator => Acls::creator_all(),
        })
    }

    /// What the client does not know of its last failure to connect.
    pub fn trouble(&self) -> Option<String> {
        self.tunnel.as_ref()?.trouble()
    }

    /// As [`Self::failed`], for a node whose parents are made too: what is missing then lies above all of them.
    pub fn failed_to_create(&self, path: &str, source: Error) -> NodeError {
        match (&source, self.servers.find('/').map(|slash| &self.servers[slash..])) {
            (Error::NoNode, Some(chroot)) => {
                let text = format!(
                    "ZooKeeper has no node {chroot}, the path after the servers: create it, or leave it out of high-availability.zookeeper.quorum"
                );
                self.failed(text, source)
            }
            _ => self.failed(path, source),
        }
    }

    pub fn failed(&self, path: impl Into<String>, source: Error) -> NodeError {
        NodeError { servers: self.servers.clone(), path: path.into(), source }
    }
}

/// What an error of an operation says about what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The client looks for another server; whether a write was done is unknown.
    Retry,
    /// This client has ended. Its session may still live: a client that has heard from no server for longer than the
    /// timeout calls it expired, while only the ensemble knows.
    ClientEnded,
    /// It will fail again.
    Hopeless,
}

pub fn outlook(error: &Error) -> Outlook {
    match error {
        Error::ConnectionLoss | Error::Throttled | Error::Custom(_) => Outlook::Retry,
        Error::Timeout
        | Error::ClientClosed
        | Error::SessionExpired
        | Error::SessionMoved
        | Error::NoHosts => Outlook::ClientEnded,
        _ => Outlook::Hopeless,
    }
}

/// The path of the parent; none for what lies directly below the root.
pub fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty())
}
