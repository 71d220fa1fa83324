//! The agent's end of a link.

use std::time::Duration;

use reqwest::header::{CONNECTION, HeaderMap, UPGRADE};
use reqwest::{Response, StatusCode, Upgraded};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::message::FromAgent;

use super::{
    Greeting, LinkError, MAX_RECORDS_WAITING, NAME, PATH, Records, ToHost, VERSION, Welcome, protocol, send,
    send_all,
};

/// From the first packet to the master's welcome.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Of an answer that is no welcome.
const MAX_SHOWN_CHARS: usize = 200;

/// A link that the master has welcomed.
pub struct Link {
    pub welcome: Welcome,
    /// Dropped, the link ends when all has been sent.
    pub reports: mpsc::Sender<FromAgent>,
    /// Ends with the link.
    pub orders: mpsc::Receiver<ToHost>,
    /// Carries both; it ends by itself.
    pub carrier: JoinHandle<Result<(), LinkError>>,
}

#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("cannot make an HTTP client")]
    Client(#[source] rustls::Error),
    #[error("cannot reach a master at {master}")]
    Unreachable { master: String, source: reqwest::Error },
    #[error("the master at {master} did not answer within {} s", DIAL_TIMEOUT.as_secs())]
    Silent { master: String },
    #[error("the master at {master} does not accept agents now: {why}")]
    Refused { master: String, why: String },
    #[error("the link to the master at {master} broke")]
    Broken { master: String, source: LinkError },
    #[error("the master at {master} hung up")]
    Ended { master: String },
    #[error("the master at {master} speaks {theirs} with its agents, and this agent {NAME}/{VERSION}")]
    OtherVersion { master: String, theirs: String },
    #[error("what listens at {master} is not an embedded Mesos master: {what}")]
    NoMaster { master: String, what: String },
}

impl DialError {
    /// Whether trying again is no use while the same program listens there.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::OtherVersion { .. } | Self::NoMaster { .. } | Self::Client(_) => true,
            Self::Unreachable { .. }
            | Self::Silent { .. }
            | Self::Refused { .. }
            | Self::Broken { .. }
            | Self::Ended { .. } => false,
        }
    }
}

/// Connects to `host:port` and greets.
pub async fn dial(master: String, greeting: Greeting) -> Result<Link, DialError> {
    let dialing = try_dial(&master, &greeting);
    match timeout(DIAL_TIMEOUT, dialing).await {
        Ok(link) => link,
        Err(_) => Err(DialError::Silent { master }),
    }
}

async fn try_dial(master: &str, greeting: &Greeting) -> Result<Link, DialError> {
    let broken = |source| DialError::Broken { master: master.to_owned(), source };
    let stream = upgrade(master).await?;
    let (reader, mut writer) = tokio::io::split(stream);
    send(&mut writer, greeting).await.map_err(broken)?;
    let mut records = Records::new(reader);
    let welcome = match records.next::<ToHost>().await.map_err(broken)? {
        Some(ToHost::Welcome(welcome)) => welcome,
        Some(ToHost::Refused { why }) => return Err(DialError::Refused { master: master.to_owned(), why }),
        Some(ToHost::Tell(_)) | None => return Err(DialError::Ended { master: master.to_owned() }),
        #[cfg(feature = "faults")]
        Some(ToHost::Mishap(_)) => return Err(DialError::Ended { master: master.to_owned() }),
    };
    let (reports, outgoing) = mpsc::channel(MAX_RECORDS_WAITING);
    let (arrived, orders) = mpsc::channel(MAX_RECORDS_WAITING);
    let carrier = tokio::spawn(async move {
        tokio::select! {
            sent = send_all(writer, outgoing) => sent,
            received = receive_all(records, arrived) => received,
        }
    });
    Ok(Link { welcome, reports, orders, carrier })
}

async fn receive_all(
    mut records: Records<impl AsyncRead + Unpin>,
    arrived: mpsc::Sender<ToHost>,
) -> Result<(), LinkError> {
    while let Some(record) = records.next().await? {
        if arrived.send(record).await.is_err() {
            // What is on its way out may still go.
            return std::future::pending().await;
        }
    }
    Ok(())
}

async fn upgrade(master: &str) -> Result<Upgraded, DialError> {
    let client = tls::http::plain().map_err(DialError::Client)?;
    let unreachable = |error: reqwest::Error| DialError::Unreachable {
        master: master.to_owned(),
        // It names the master already.
        source: error.without_url(),
    };
    let no_master = |what| DialError::NoMaster { master: master.to_owned(), what };
    let request = client.build().map_err(unreachable)?.post(format!("http://{master}{PATH}"));
    let sent = request.header(CONNECTION, "upgrade").header(UPGRADE, protocol()).send().await;
    let response = match sent {
        Ok(response) => response,
        Err(error) if is_foreign(&error) => return Err(no_master("it does not speak HTTP".to_owned())),
        Err(error) => return Err(unreachable(error)),
    };
    match (response.status(), spoken(response.headers())) {
        (StatusCode::SWITCHING_PROTOCOLS, Some(_)) => response.upgrade().await.map_err(unreachable),
        (StatusCode::SERVICE_UNAVAILABLE, Some(_)) => {
            Err(DialError::Refused { master: master.to_owned(), why: shown(response).await })
        }
        (_, Some(theirs)) if theirs != protocol() => {
            Err(DialError::OtherVersion { master: master.to_owned(), theirs })
        }
        (status, _) => Err(no_master(format!("it answers an agent with {status}"))),
    }
}

/// Whether what came was not HTTP, as opposed to nothing.
fn is_foreign(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse))
}

/// What an embedded master says it speaks, in every answer to an agent.
fn spoken(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(UPGRADE)?.to_str().ok()?;
    text.starts_with(NAME).then(|| text.to_owned())
}

async fn shown(response: Response) -> String {
    let text = response.text().await.unwrap_or_default();
    text.chars().take(MAX_SHOWN_CHARS).collect()
}
