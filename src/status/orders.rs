//! What the operator may order.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::log;
use domain::demand;
use flink::rest::Job;
use scheduler::driver::requests::{NotEnding, Request};

use super::Shared;
use super::api::{NOT_LEADING, STOPPING, conflict, refused};

/// A refusal names so many jobs.
const MAX_JOBS_NAMED: usize = 5;

// What answers mean that several orders may get.
const STORED: &str = "The order is stored and will be carried out";
const WRONG_BODY: &str = "The body is invalid; the answer says why";
const TOO_LONG: &str = "The body is too long";
const NOT_JSON: &str = "The content type is not JSON";
const OTHER_SHAPE: &str = "The JSON of the body does not have the fields that are expected";

/// The body of `POST /v1/scale`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Scale {
    #[schema(maximum = 10000)]
    pub taskmanagers: u32,
}

/// The body of `POST /v1/teardown`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Teardown {
    /// End the cluster even if jobs run, or if it cannot be found out whether any run.
    #[serde(default)]
    pub force: bool,
}

/// Set how many TaskManagers to keep.
#[utoipa::path(post, path = "/v1/scale", request_body = Scale, responses(
    (status = 202, description = STORED),
    (status = 400, description = WRONG_BODY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = "This AppMaster does not lead, or the number of TaskManagers follows the jobs", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 413, description = TOO_LONG, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 415, description = NOT_JSON, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 422, description = OTHER_SHAPE, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn scale(State(Shared { board, .. }): State<Shared>, Json(scale): Json<Scale>) -> Response {
    let target = match demand::checked_target(scale.taskmanagers) {
        Ok(target) => target,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let scaled = board.requests.order(|reply| Request::Scale(target, reply)).await;
    board.forget().await;
    match scaled {
        Ok(Ok(())) => StatusCode::ACCEPTED.into_response(),
        Ok(Err(why)) => conflict(&why),
        Err(refusal) => refused(&refusal),
    }
}

/// End the cluster and its framework, unless jobs run.
#[utoipa::path(post, path = "/v1/teardown", request_body = Option<Teardown>, responses(
    (status = 202, description = "The cluster begins to end"),
    (status = 400, description = WRONG_BODY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = "Jobs run; the body names them", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 413, description = TOO_LONG, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 415, description = NOT_JSON, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 422, description = OTHER_SHAPE, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn teardown(
    State(Shared { board, .. }): State<Shared>,
    body: Result<Option<Json<Teardown>>, JsonRejection>,
) -> Response {
    let order = match body {
        Ok(order) => order.map(|Json(order)| order).unwrap_or_default(),
        Err(rejection) => return rejection.into_response(),
    };
    if !order.force
        && let Some(why) = in_use(&board.jobmanager.unfinished_jobs().await)
    {
        return (StatusCode::CONFLICT, format!("{why}\n")).into_response();
    }
    match board.requests.end().await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(NotEnding::Refused(refusal)) => refused(&refusal),
        Err(why @ NotEnding::Failed(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
    }
}

/// Why the cluster should not end.
fn in_use(jobs: &Result<Vec<Job>, super::jobmanager::JobsError>) -> Option<String> {
    match jobs {
        Ok(jobs) if jobs.is_empty() => None,
        Ok(jobs) => {
            let named = jobs.iter().take(MAX_JOBS_NAMED).map(|job| format!("{} ({})", job.name, job.jid));
            let more = match jobs.len().saturating_sub(MAX_JOBS_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!("jobs run: {}{more}", named.collect::<Vec<_>>().join(", ")))
        }
        Err(error) => Some(format!("{}; jobs may run", log::chain(error))),
    }
}

/// Replace a TaskManager: start a new one, stop the old one once it has registered.
#[utoipa::path(post, path = "/v1/taskmanagers/{task_id}/restart", params(("task_id" = String, Path)), responses(
    (status = 202, description = STORED),
    (status = 400, description = "The task id is not valid UTF-8", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 404, description = "There is no such TaskManager, or it is already ending or being replaced", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = NOT_LEADING, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn restart(
    State(Shared { board, .. }): State<Shared>,
    Path(task_id): Path<String>,
) -> Response {
    let replaced = board.requests.order(|reply| Request::Replace(task_id.clone(), reply)).await;
    board.forget().await;
    match replaced {
        Ok(true) => StatusCode::ACCEPTED.into_response(),
        Ok(false) => {
            let text =
                format!("there is no TaskManager {task_id}, or it is already ending or being replaced\n");
            (StatusCode::NOT_FOUND, text).into_response()
        }
        Err(refusal) => refused(&refusal),
    }
}
