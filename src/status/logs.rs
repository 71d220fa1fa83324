//! What the tasks of this AppMaster's framework have written: for its owner alone, as logs may hold what users wrote into them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use base::log;
use futures_util::StreamExt as _;
use logs::find::FindError;
use logs::query::{self, Fault, LogsQuery, OpenError};
use logs::reader::Place;
use mesos::client::operator::Operator;

use super::Shared;
use super::api::{STOPPING, WRONG_QUERY, refused};

const NO_MESOS: &str = "this AppMaster does not ask Mesos\n";
/// Why an AppMaster that is no task itself has no log.
pub const OWN_OUTPUT: &str =
    "the JobManager is no Mesos task: it prints where its container's output goes; name a TaskManager";

/// Whom to ask, and where this AppMaster itself is a task.
#[derive(Clone)]
pub struct Logs {
    pub operator: Arc<Operator>,
    pub own: Option<Place>,
}

/// A log of one task of the framework, from its sandbox at Mesos; of a task that has ended too, as long as Mesos keeps that.
#[utoipa::path(get, path = "/v1/logs", params(LogsQuery), responses(
    (status = 200, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 400, description = WRONG_QUERY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 404, description = "There is no such task or file", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 502, description = "The Mesos master or the agent does not answer, or refuses", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn logs(State(shared): State<Shared>, Query(query): Query<LogsQuery>) -> Response {
    let snapshot = match shared.board.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(refusal) => return refused(&refusal),
    };
    let told = |status: StatusCode, text: String| (status, text).into_response();
    let wanted = match query.wanted() {
        Ok(wanted) => wanted,
        Err(error) => return told(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let Some(Logs { operator, own }) = shared.logs else {
        return told(StatusCode::NOT_FOUND, NO_MESOS.to_owned());
    };
    let frameworks: Vec<_> = snapshot.status.framework_id.iter().cloned().collect();
    let own = own.into_iter().collect();
    match query::open(operator, own, &frameworks, query.task.as_deref(), wanted).await {
        Ok(reader) => {
            let mut open = shared.closing.open();
            let chunks = query::chunks(reader).take_until(async move { open.until_closing().await });
            ([(CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(chunks)).into_response()
        }
        Err(OpenError::Find(FindError::NoAppMaster)) => {
            told(StatusCode::NOT_FOUND, format!("{OWN_OUTPUT}\n"))
        }
        Err(error) => {
            let status = match error.fault() {
                Fault::Question => StatusCode::BAD_REQUEST,
                Fault::NotFound => StatusCode::NOT_FOUND,
                Fault::Mesos => StatusCode::BAD_GATEWAY,
            };
            told(status, format!("{}\n", log::chain(&error)))
        }
    }
}
