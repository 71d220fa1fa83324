//! What the AppMaster tells about itself, over TCP for everybody and over a unix socket for its operator.
//!
//! Reports are read and events are sent, nothing is changed here; events are accepted on the socket only.

pub mod client;

use std::io;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Router, serve::Listener};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot};

use crate::flink::pulse::Endpoint;
use crate::log;
use crate::scaling;
use crate::scheduler::driver::Message;
use crate::scheduler::explain::Question;
use crate::scheduler::report::Report;

/// The body of `POST /v1/scale`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Scale {
    pub taskmanagers: u32,
}

/// What is known besides the scheduler's report.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Where the JobManager answers; none when nobody can tell.
    pub rest: Option<Endpoint>,
    /// What was odd when the cluster started.
    pub warnings: Vec<String>,
}

/// The answer to `GET /v1/status`.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(flatten)]
    report: Report,
    jobmanager: JobManager,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JobManager {
    /// Why it does not answer; none when it does.
    silent: Option<String>,
}

#[derive(Clone)]
struct Shared {
    inbox: Inbox,
    surroundings: Surroundings,
}

/// The query of `GET /v1/explain`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// In the words of [`Question`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<String>,
}

type Inbox = mpsc::Sender<Message>;

/// Serves reports on `tcp` and reports and orders on `unix`, each if there is one.
pub async fn serve(
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
    inbox: Inbox,
    surroundings: Surroundings,
) -> io::Result<()> {
    let shared = Shared { inbox, surroundings };
    let reading = Router::new()
        .route("/healthz", get(health))
        .route("/v1/status", get(report))
        .route("/v1/explain", get(explain));
    let ordering = reading
        .clone()
        .route("/v1/scale", post(scale))
        .route("/v1/teardown", post(teardown))
        .with_state(shared.clone());
    let reading = reading.with_state(shared);
    tokio::try_join!(listen(tcp, reading), listen(unix, ordering))?;
    Ok(())
}

async fn listen<L>(listener: Option<L>, routes: Router) -> io::Result<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    match listener {
        Some(listener) => axum::serve(listener, routes).await,
        None => std::future::pending().await,
    }
}

/// Whether the JobManager answers; that this process does is seen by the answer.
async fn health(State(shared): State<Shared>) -> Response {
    match silence(&shared.surroundings).await {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the JobManager: {why}\n")).into_response(),
    }
}

async fn silence(surroundings: &Surroundings) -> Option<String> {
    let silence = surroundings.rest.as_ref()?.check().await.err()?;
    Some(log::chain(&silence))
}

async fn report(State(Shared { inbox, surroundings }): State<Shared>) -> Response {
    let (answer, report) = oneshot::channel();
    if inbox.send(Message::Report(answer)).await.is_ok()
        && let Ok(report) = report.await
    {
        let jobmanager = JobManager { silent: silence(&surroundings).await };
        return Json(Status { report, jobmanager, warnings: surroundings.warnings }).into_response();
    }
    unavailable()
}

async fn explain(State(Shared { inbox, .. }): State<Shared>, Query(ask): Query<Ask>) -> Response {
    let question = match ask.what_if.as_deref().map(str::parse::<Question>).transpose() {
        Ok(question) => question,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("what-if: {error}\n")).into_response(),
    };
    let (answer, explanation) = oneshot::channel();
    if inbox.send(Message::Explain(question, answer)).await.is_ok()
        && let Ok(explanation) = explanation.await
    {
        return match explanation {
            Ok(explanation) => Json(explanation).into_response(),
            Err(why) => conflict(&why),
        };
    }
    unavailable()
}

async fn scale(State(Shared { inbox, .. }): State<Shared>, Json(scale): Json<Scale>) -> Response {
    let target = match scaling::checked_target(scale.taskmanagers) {
        Ok(target) => target,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let (answer, scaled) = oneshot::channel();
    if inbox.send(Message::Scale(target, answer)).await.is_err() {
        return unavailable();
    }
    match scaled.await {
        Ok(Ok(())) => StatusCode::ACCEPTED.into_response(),
        Ok(Err(why)) => conflict(&why),
        Err(_) => unavailable(),
    }
}

async fn teardown(State(Shared { inbox, .. }): State<Shared>) -> Response {
    order(&inbox, Message::End).await
}

async fn order(inbox: &Inbox, message: Message) -> Response {
    match inbox.send(message).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(_) => unavailable(),
    }
}

fn conflict(why: &impl std::fmt::Display) -> Response {
    (StatusCode::CONFLICT, format!("{why}\n")).into_response()
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the scheduler is stopping\n").into_response()
}
