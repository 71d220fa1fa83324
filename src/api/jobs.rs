//! Jobs that sessions are given.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use domain::job::SessionJob;
use manifest::{ArtifactUri, Circumstances};

use dispatcher::{Dispatcher, Order, Refusal, Submission};

use super::Shared;
use super::answer::{NotFound, Problem, Refused, Unavailable, WrongBody};
use super::ask::ask;
use super::caller::Caller;
use super::condition::Condition;
use super::extract::{Body, Path, Query};
use super::orders::{OrderQuery, Ordered, carry_out};

/// Give a session a job, under an id that whoever asks has chosen. The same again changes nothing: it never becomes a second job.
#[utoipa::path(put, path = "/v1/clusters/{name}/jobs/{id}", request_body = SessionJob,
    params(("name" = String, Path), ("id" = String, Path, description = "In Flink: 32 digits of 0 to 9 and a to f"), OrderQuery,
        ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Ordered, description = "The session was given it already, or nothing shall be changed"),
        (status = 202, body = Ordered, description = "It is stored, and the AppMaster will be told"),
        Unavailable, Refused, WrongBody,
    ),
)]
pub async fn submit(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
    Body(job): Body<SessionJob>,
) -> Result<Response, Problem> {
    let (artifacts, circumstances) = (shared.sources.artifacts.clone(), shared.sources.circumstances);
    let order = move |core: &mut Dispatcher, name: &str, order: &Order, now| {
        // Here, so that no artifact goes meanwhile.
        let uri = job.jar_uri.parse::<ArtifactUri>().ok();
        let there = uri.map(|uri| uri.digest).filter(|digest| artifacts.store.has(digest));
        let (there, schemes) = (there.into_iter().collect(), artifacts.schemes());
        let circumstances =
            Circumstances { artifacts: Some(&there), schemes: schemes.as_deref(), ..circumstances };
        manifest::check_session_jar(&job.jar_uri, &circumstances)
            .map_err(|reason| Refusal::Jar { reason })?;
        core.submit_job(name, &id, job, order, now)
    };
    carry_out(&shared, name, &caller, query, condition, order).await
}

/// The last jobs that a session was given here, the newest first, and what became of their submission. How they run Flink tells.
#[utoipa::path(get, path = "/v1/clusters/{name}/jobs", params(("name" = String, Path)), responses(
    (status = 200, body = Vec<Submission>), Unavailable, NotFound,
))]
pub async fn list(
    State(Shared { sources, .. }): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let jobs = ask(&sources.handle, move |core, _| core.submissions(&name)).await??;
    Ok(Json(jobs).into_response())
}

/// What became of the submission of a job.
#[utoipa::path(get, path = "/v1/clusters/{name}/jobs/{id}",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Submission), Unavailable, NotFound),
)]
pub async fn one(
    State(Shared { sources, .. }): State<Shared>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let job = ask(&sources.handle, move |core, _| core.submission(&name, &id)).await??;
    Ok(Json(job).into_response())
}
