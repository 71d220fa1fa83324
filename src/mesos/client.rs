//! A scheduler's connection to the master: the thin driver around [`super::session`].

pub mod agent;
mod driver;
mod http;
pub mod operator;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use self::driver::Driver;
use self::http::Http;
use super::address::{Master, Scheme};
use super::call::Call;
use super::event::{Event, StatusUpdate};
use super::report::Report;
use super::wire::framework::FrameworkInfo;
use base::lease::Lease;
use tls::Fingerprint;

/// Calls that may wait for their turn. When ten thousand TaskManagers start at once, a few updates of each are to be
/// acknowledged, and come faster than the acknowledgements go; more means that the master does not answer.
pub const MAX_CALLS_WAITING: usize = 65_536;

/// Reports that may wait for the owner; then the stream is not read on, and the master's side fills up.
pub const MAX_REPORTS_WAITING: usize = 256;

pub struct Config {
    pub masters: Masters,
    /// With its id, if the framework has one.
    pub framework: FrameworkInfo,
    /// Roles that want no offers from the start.
    pub suppressed_roles: Vec<String>,
    pub credentials: Option<Credentials>,
    /// Nothing is sent without it.
    pub lease: Lease,
    pub trust: Trust,
}

/// Whom to believe that it is a master, over HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// For whom an authority vouches that the system trusts.
    #[default]
    System,
    /// Who has one of these certificates.
    Pinned(Vec<Fingerprint>),
}

/// Where the masters are.
#[derive(Clone, Debug)]
pub enum Masters {
    /// Never empty; see [`super::address::MasterAddress::Masters`].
    Known(Vec<Master>),
    /// The one that leads, once somebody knows; see [`super::detector`].
    Detected { leader: watch::Receiver<Option<Master>>, scheme: Scheme },
}

impl Masters {
    /// Whether one of them speaks HTTPS.
    fn are_secure(&self) -> bool {
        match self {
            Self::Known(masters) => masters.iter().any(|master| master.scheme == Scheme::Https),
            Self::Detected { scheme, .. } => *scheme == Scheme::Https,
        }
    }
}

/// For HTTP's Basic scheme.
#[derive(Clone)]
pub struct Credentials {
    pub principal: String,
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials").field("principal", &self.principal).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no Mesos master is given")]
    NoMaster,
    /// Mesos itself splits `principal:secret` at every colon.
    #[error("principal and secret must not contain ':'")]
    Colon,
    #[error("cannot set up the HTTP client")]
    Http(#[from] reqwest::Error),
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Starts the client on the current runtime. It ends when [`Reports`] is dropped, which closes the stream but
/// leaves the framework and its tasks.
pub fn start(config: Config) -> Result<(Calls, Reports), StartError> {
    if matches!(&config.masters, Masters::Known(masters) if masters.is_empty()) {
        return Err(StartError::NoMaster);
    }
    let http = Http::new(config.masters.are_secure().then_some(&config.trust), config.credentials.as_ref())?;
    let (calls, calls_of_owner) = mpsc::channel(MAX_CALLS_WAITING);
    let (reports, reports_for_owner) = mpsc::channel(MAX_REPORTS_WAITING);
    let orders = Arc::new(Orders::default());
    let seen = Arc::new(AtomicU64::new(0));
    tokio::spawn(Driver::new(config, http, calls_of_owner, Arc::clone(&orders), reports).run());
    Ok((
        Calls { calls, orders, seen: Arc::clone(&seen) },
        Reports { reports: reports_for_owner, peeked: None, seen },
    ))
}

/// Where the owner sends its calls. They reach the master in this order, one after the other.
#[derive(Clone, Debug)]
pub struct Calls {
    calls: mpsc::Sender<Waiting>,
    orders: Arc<Orders>,
    seen: Arc<AtomicU64>,
}

/// A call with the subscription that the owner knew of: one of an earlier subscription speaks of offers that are void.
#[derive(Debug)]
struct Waiting {
    subscription: u64,
    call: Call,
}

/// What the owner wants of the subscription itself. It overtakes calls, which are of the subscription before.
#[derive(Debug, Default)]
struct Orders {
    /// As what to subscribe again.
    framework: watch::Sender<Option<Box<FrameworkInfo>>>,
    /// There is no room for another call.
    overflow: Notify,
}

/// Nothing was sent.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SendError {
    /// The client subscribes again, and all calls that wait fail.
    #[error("{MAX_CALLS_WAITING} calls are waiting for the master's answers")]
    Full(Call),
    #[error("the Mesos client has ended")]
    Ended,
}

impl Calls {
    /// Hands `call` over without waiting. If it fails later, [`Report::CallFailed`] says so; if the subscription
    /// ends before its turn, it is not sent.
    pub fn send(&self, call: Call) -> Result<(), SendError> {
        let waiting = Waiting { subscription: self.seen.load(Ordering::Acquire), call };
        self.calls.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(Waiting { call, .. }) => {
                self.orders.overflow.notify_one();
                SendError::Full(call)
            }
            mpsc::error::TrySendError::Closed(_) => SendError::Ended,
        })
    }

    /// Subscribes again after [`Report::Refused`] or [`Report::TornDown`]; at other times the client does so by
    /// itself, and takes `framework` for the next time.
    pub fn subscribe(&self, framework: FrameworkInfo) -> Result<(), SendError> {
        if self.calls.is_closed() {
            return Err(SendError::Ended);
        }
        self.orders.framework.send_replace(Some(Box::new(framework)));
        Ok(())
    }
}

/// What the owner learns, in order.
#[derive(Debug)]
pub struct Reports {
    reports: mpsc::Receiver<Numbered>,
    /// Looked at and not taken yet.
    peeked: Option<Numbered>,
    seen: Arc<AtomicU64>,
}

/// A report and the number of the subscription it belongs to.
#[derive(Debug)]
struct Numbered {
    subscription: u64,
    report: Report,
}

impl Reports {
    /// The next report; `None` once the client has ended.
    pub async fn next(&mut self) -> Option<Report> {
        let next = match self.peeked.take() {
            Some(peeked) => peeked,
            None => self.reports.recv().await?,
        };
        let Numbered { subscription, report } = next;
        if matches!(report, Report::Event(Event::Subscribed { .. })) {
            self.seen.store(subscription, Ordering::Release);
        }
        Some(report)
    }

    /// The next report if it has come already and is a status update: such may be handled many at once.
    pub fn next_update(&mut self) -> Option<StatusUpdate> {
        let next = self.peeked.take().or_else(|| self.reports.try_recv().ok())?;
        match next.report {
            Report::Event(Event::Updated(update)) => Some(update),
            report => {
                self.peeked = Some(Numbered { report, ..next });
                None
            }
        }
    }
}
