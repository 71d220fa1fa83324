//! What everybody may read.

use axum::extract::{Query, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Json, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use base::events::Event;
use domain::leadership::Leadership;
use scheduler::driver::requests::Refusal;
use scheduler::explain::{Explanation, Question};
use scheduler::report::TaskReport;

use super::board::Status;
use super::{Setting, Shared};

// What answers mean that several requests may get.
pub const STOPPING: &str = "The AppMaster is starting, stopping or busy";
pub const NOT_LEADING: &str = "This AppMaster does not lead, or may not act at the moment";
pub const WRONG_QUERY: &str = "The query is invalid; the body says why";

/// Each question has the scheduler place all TaskManagers anew: nobody on the network may keep it busy with that.
const ON_THE_SOCKET: &str = "what-if is answered on the unix socket only: flink-on-mesos explain --what-if\n";
const WHAT_IF: &str = "what-if";

/// So many TaskManagers are named.
const MAX_UNHEARD_NAMED: usize = 5;

/// The query of `GET /v1/explain`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// The TaskManagers to suppose, such as `count=20,cpus=4,mem=8192`: `count`, resources by their Mesos
    /// names, `ports=3`, `constraint=rack:UNIQUE`, `constraint=none`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_if: Option<String>,
}

/// The query of `GET /v1/events`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Only those after the event with this id
    #[serde(default)]
    pub after: u64,
}

/// Whether the JobManager answers. Any answer also shows that the worker is alive.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "The JobManager answers", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = "The JobManager does not answer; the body says why", body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn health(State(Shared { board, .. }): State<Shared>) -> Response {
    match board.silence().await {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("the JobManager: {why}\n")).into_response(),
    }
}

/// Whether the JobManager answers and receives heartbeats from TaskManagers, and the framework is subscribed
/// to a Mesos master; or this AppMaster is a standby of another that leads.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "Ready; after `ok` the body names the TaskManagers from which the JobManager receives no heartbeats", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = "Not ready; the body says why", body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn ready(State(Shared { board, .. }): State<Shared>) -> Response {
    let snapshot = match board.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(refusal) => return refused(&refusal),
    };
    match obstacle(&snapshot.status) {
        None => format!("ok{}\n", blemish(&snapshot.status)).into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// What is wrong, but keeps nobody from working with it.
fn blemish(status: &Status) -> String {
    match unheard(status) {
        Some(text) => format!(", but {text}"),
        None => String::new(),
    }
}

fn unheard(status: &Status) -> Option<String> {
    let silent = status.tasks.iter().map(|task| &task.task).filter(|task| task.is_unheard());
    let named: Vec<_> = silent.take(MAX_UNHEARD_NAMED).map(TaskReport::silence).collect();
    let more = status.unheard.saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| {
        let all = status.running + status.unheard;
        let named = named.join(", ");
        format!(
            "the JobManager receives no heartbeats from {} of {all} TaskManagers: {named}{more}",
            status.unheard
        )
    })
}

fn obstacle(status: &Status) -> Option<String> {
    if let Some(why) = &status.jobmanager.silent {
        return Some(format!("the JobManager: {why}"));
    }
    if let Some(why) = &status.jobmanager_trouble {
        return Some(why.clone());
    }
    match &status.high_availability {
        Some(Leadership::Standby { .. }) => None,
        Some(leadership @ (Leadership::Suspended | Leadership::Away { .. })) => Some(leadership.to_string()),
        Some(Leadership::Leader) | None if status.subscribed && status.running == 0 => unheard(status),
        Some(Leadership::Leader) | None if status.subscribed => None,
        Some(Leadership::Leader) | None => {
            Some("the framework is not subscribed to a Mesos master".to_owned())
        }
    }
}

/// The status of cluster and framework.
#[utoipa::path(get, path = "/v1/status", responses(
    (status = 200, body = Status),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn status(State(Shared { board, .. }): State<Shared>) -> Response {
    match board.snapshot().await {
        Ok(snapshot) => json(snapshot.json()),
        Err(refusal) => refused(&refusal),
    }
}

/// Why TaskManagers are missing, and what would help.
#[utoipa::path(get, path = "/v1/explain", responses(
    (status = 200, body = Explanation),
    (status = 403, description = ON_THE_SOCKET, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = NOT_LEADING, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn explain(
    State(Shared { board, .. }): State<Shared>,
    RawQuery(query): RawQuery,
) -> Response {
    if query.is_some_and(|query| query.contains(WHAT_IF)) {
        return (StatusCode::FORBIDDEN, ON_THE_SOCKET).into_response();
    }
    explained(board.explanation().await.map(json))
}

/// Why TaskManagers are missing, what would help, and how many other TaskManagers would fit.
#[utoipa::path(get, path = "/v1/explain", params(Ask), responses(
    (status = 200, body = Explanation),
    (status = 400, description = WRONG_QUERY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = NOT_LEADING, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn suppose(State(Shared { board, .. }): State<Shared>, Query(ask): Query<Ask>) -> Response {
    let Some(text) = ask.what_if else { return explained(board.explanation().await.map(json)) };
    let question: Question = match text.parse() {
        Ok(question) => question,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("what-if: {error}\n")).into_response(),
    };
    explained(board.suppose(Some(question)).await.map(|explanation| Json(explanation).into_response()))
}

fn explained(answer: Result<Response, Refusal>) -> Response {
    match answer {
        Ok(answer) => answer,
        Err(refusal) => refused(&refusal),
    }
}

/// The last events, oldest first.
#[utoipa::path(get, path = "/v1/events", params(After), responses(
    (status = 200, body = Vec<Event>),
    (status = 400, description = WRONG_QUERY, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn events(
    State(Shared { board, .. }): State<Shared>,
    Query(query): Query<After>,
) -> Json<Vec<Event>> {
    Json(board.lookout.journal.after(query.after))
}

/// The effective configuration, and where each value came from.
#[utoipa::path(get, path = "/v1/configuration", responses((status = 200, body = Vec<Setting>)))]
pub(super) async fn configuration(State(Shared { board, .. }): State<Shared>) -> Response {
    json(board.configuration.clone())
}

pub fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

pub fn conflict(why: &impl std::fmt::Display) -> Response {
    (StatusCode::CONFLICT, format!("{why}\n")).into_response()
}

/// Who is busy or about to start answers soon.
pub fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::NotLeading(why) => conflict(why),
        Refusal::Busy | Refusal::Starting => {
            let text = format!("{refusal}\n");
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], text).into_response()
        }
        Refusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, format!("{refusal}\n")).into_response(),
    }
}
