//! How a dispatcher stands to others: one that does not lead answers reads from what is stored, and sends those who order to the
//! one that leads.

use std::fmt;

use axum::Extension;
use axum::extract::Request;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

use super::answer::Problem;
use super::caller::is_read;

/// In answers of a dispatcher that does not lead.
const HEADER: HeaderName = HeaderName::from_static("dispatcher-standing");

/// Whoever orders comes again after so many seconds: a new leader is elected meanwhile.
const RETRY_AFTER_S: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DispatcherStanding {
    /// It takes orders.
    Leads,
    /// It leads, and takes no orders until ZooKeeper answers.
    Suspended,
    /// Another one leads, or nobody does yet.
    Standby {
        /// Where its API is.
        leader: Option<String>,
        /// Whether there is anything to tell.
        has_read: bool,
    },
    /// ZooKeeper does not answer.
    Away { why: Option<String>, has_read: bool },
}

/// As it is now, for as long as it is asked.
pub type DispatcherStandings = watch::Receiver<DispatcherStanding>;

/// Of a dispatcher beside which there is no other.
pub fn alone() -> DispatcherStandings {
    watch::channel(DispatcherStanding::Leads).1
}

impl DispatcherStanding {
    fn answers_reads(&self) -> bool {
        match self {
            Self::Leads | Self::Suspended => true,
            Self::Standby { has_read, .. } | Self::Away { has_read, .. } => *has_read,
        }
    }

    /// Whether it does what it is there for.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Leads | Self::Standby { has_read: true, .. } => true,
            Self::Standby { has_read: false, .. } | Self::Suspended | Self::Away { .. } => false,
        }
    }

    /// In one word, with the leader's address.
    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Leads => return None,
            Self::Suspended => "suspended".to_owned(),
            Self::Standby { leader: Some(leader), .. } => format!("standby; leader={leader}"),
            Self::Standby { leader: None, .. } => "standby".to_owned(),
            Self::Away { .. } => "away".to_owned(),
        };
        HeaderValue::try_from(text).ok()
    }

    /// Nothing was done.
    pub fn refusal(&self) -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.to_string());
        Problem { retry_after: Some(RETRY_AFTER_S), ..problem }
    }
}

impl fmt::Display for DispatcherStanding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leads => write!(out, "this dispatcher leads"),
            Self::Suspended => write!(out, "this dispatcher leads, but does nothing until ZooKeeper answers"),
            Self::Standby { leader: Some(leader), .. } => {
                write!(out, "this dispatcher is a standby: the dispatcher at {leader} leads")
            }
            Self::Standby { leader: None, .. } => {
                write!(out, "this dispatcher is a standby, and no dispatcher leads yet")
            }
            Self::Away { why, .. } => {
                let why = why.as_deref().unwrap_or("there is no session yet");
                write!(out, "this dispatcher does not reach ZooKeeper: {why}")
            }
        }
    }
}

/// Reads are answered here, and orders go to whoever leads.
pub async fn led(
    Extension(standings): Extension<DispatcherStandings>,
    request: Request,
    next: Next,
) -> Response {
    let standing = standings.borrow().clone();
    let is_read = is_read(&request);
    let header = standing.header();
    let mut response = match &standing {
        DispatcherStanding::Leads => next.run(request).await,
        _ if is_read && standing.answers_reads() => next.run(request).await,
        DispatcherStanding::Standby { leader: Some(leader), .. } if !is_read => {
            sent_on(&standing, leader, &request)
        }
        DispatcherStanding::Suspended
        | DispatcherStanding::Standby { .. }
        | DispatcherStanding::Away { .. } => standing.refusal().into_response(),
    };
    response.headers_mut().extend(header.map(|header| (HEADER, header)));
    response
}

/// As [`led`], for what only the leader knows.
pub async fn by_the_leader(
    Extension(standings): Extension<DispatcherStandings>,
    request: Request,
    next: Next,
) -> Response {
    match elsewhere(&standings, &request) {
        Some(response) => response,
        None => next.run(request).await,
    }
}

/// Why this is not for a dispatcher that stands so, where only the leader knows the answer.
pub fn elsewhere(standings: &DispatcherStandings, request: &Request) -> Option<Response> {
    let standing = standings.borrow().clone();
    let mut response = match &standing {
        DispatcherStanding::Leads => return None,
        DispatcherStanding::Suspended if is_read(request) => return None,
        DispatcherStanding::Standby { leader: Some(leader), .. } => sent_on(&standing, leader, request),
        DispatcherStanding::Suspended
        | DispatcherStanding::Standby { .. }
        | DispatcherStanding::Away { .. } => standing.refusal().into_response(),
    };
    response.headers_mut().extend(standing.header().map(|header| (HEADER, header)));
    Some(response)
}

fn sent_on(standing: &DispatcherStanding, leader: &str, request: &Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match HeaderValue::try_from(format!("{leader}{path}")) {
        Ok(location) => {
            let problem = Problem::new(StatusCode::TEMPORARY_REDIRECT, standing.to_string());
            ([(LOCATION, location)], problem).into_response()
        }
        Err(_) => standing.refusal().into_response(),
    }
}
