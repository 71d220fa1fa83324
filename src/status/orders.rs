//! What the operator may order.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::log;
use domain::demand;
use domain::leadership::NotScaled;
use flink::rest::Job;
use scheduler::driver::requests::{NotEnding, Refusal, Request};

use super::Shared;
use super::api::{NOT_LEADING, STOPPING, conflict, refused};
use super::board::Board;

/// How an order is given all the same.
const INSIST: &str = "insist with `force` (`--force`)";

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
    /// Stop all TaskManagers even if jobs run, or if it cannot be found out whether any run.
    #[serde(default)]
    pub force: bool,
}

/// The body of `POST /v1/teardown`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Teardown {
    /// End the cluster even if jobs run, or if it cannot be found out whether any run.
    #[serde(default)]
    pub force: bool,
}

/// Set how many TaskManagers to keep; none only while no job runs.
#[utoipa::path(post, path = "/v1/scale", request_body = Scale, responses(
    (status = 202, description = STORED),
    (status = 400, description = WRONG_BODY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 409, description = "This AppMaster does not lead, the number of TaskManagers follows the jobs, or none shall be kept and jobs run", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 413, description = TOO_LONG, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 415, description = NOT_JSON, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 422, description = OTHER_SHAPE, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn scale(State(Shared { board, .. }): State<Shared>, Json(scale): Json<Scale>) -> Response {
    answer(board.scale(scale).await)
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
    answer(board.end(order.force).await)
}

/// Why no job should lose what it runs on.
fn in_use(jobs: &Result<Vec<Job>, super::jobmanager::JobsError>) -> Option<String> {
    match jobs {
        Ok(jobs) if jobs.is_empty() => None,
        Ok(jobs) => {
            let named = jobs.iter().take(MAX_JOBS_NAMED).map(|job| format!("{} ({})", job.name, job.jid));
            let more = match jobs.len().saturating_sub(MAX_JOBS_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Some(format!(
                "jobs run: {}{more}; cancel what shall not be lost, or {INSIST}",
                named.collect::<Vec<_>>().join(", ")
            ))
        }
        Err(error) => {
            Some(format!("{}; jobs may run: wait until it answers, or {INSIST}", log::chain(error)))
        }
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
    answer(board.replace(task_id).await)
}

/// Why an order is not carried out. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotOrdered {
    #[error(transparent)]
    TooMany(#[from] demand::TooMany),
    #[error(transparent)]
    NotScaled(#[from] NotScaled),
    #[error("there is no TaskManager {task_id}, or it is already ending or being replaced")]
    NotThere { task_id: String },
    /// Jobs run, or may run.
    #[error("{why}")]
    InUse { why: String },
    #[error(transparent)]
    NotEnding(#[from] NotEnding),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What operators and a dispatcher order alike.
impl Board {
    /// Unless it is forced, to none only where no job runs.
    pub async fn scale(&self, Scale { taskmanagers, force }: Scale) -> Result<(), NotOrdered> {
        if taskmanagers == 0 && !force {
            self.check_unused().await?;
        }
        let target = demand::checked_target(taskmanagers)?;
        let scaled = self.requests.order(|reply| Request::Scale(target, reply)).await;
        self.forget().await;
        Ok(scaled??)
    }

    /// Unless it is forced, only where no job runs.
    pub async fn end(&self, force: bool) -> Result<(), NotOrdered> {
        if !force {
            self.check_unused().await?;
        }
        Ok(self.requests.end().await?)
    }

    async fn check_unused(&self) -> Result<(), NotOrdered> {
        in_use(&self.jobmanager.unfinished_jobs().await).map_or(Ok(()), |why| Err(NotOrdered::InUse { why }))
    }

    pub async fn replace(&self, task_id: String) -> Result<(), NotOrdered> {
        let replaced = self.requests.order(|reply| Request::Replace(task_id.clone(), reply)).await;
        self.forget().await;
        if replaced? { Ok(()) } else { Err(NotOrdered::NotThere { task_id }) }
    }
}

fn answer(ordered: Result<(), NotOrdered>) -> Response {
    match ordered {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(why @ NotOrdered::TooMany(_)) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
        Err(why @ NotOrdered::NotThere { .. }) => (StatusCode::NOT_FOUND, format!("{why}\n")).into_response(),
        Err(why @ (NotOrdered::NotScaled(_) | NotOrdered::InUse { .. })) => conflict(&why),
        Err(NotOrdered::Refused(refusal) | NotOrdered::NotEnding(NotEnding::Refused(refusal))) => {
            refused(&refusal)
        }
        Err(why @ NotOrdered::NotEnding(NotEnding::Failed(_))) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
    }
}
