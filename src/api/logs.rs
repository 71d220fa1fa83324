//! What tasks of a cluster have written.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base::log;
use futures_util::StreamExt as _;

use dispatcher::Attempt;
use logs::query::{self, Fault, LogsQuery, OpenError};
use logs::reader::Place;
use mesos::client::operator::Operator;

use super::answer::{NotFound, Problem, Unavailable};
use super::appmasters::{AppMasters, leading};
use super::ask::ask;
use super::caller::Caller;
use super::extract::{Path, Query};
use super::scheduling::Told;
use super::{MAX_STREAMS, Shared};

/// Where the tasks of clusters are.
pub trait Sandboxes: Send + Sync {
    fn mesos(&self) -> Told<AtMesos>;

    /// Of the cluster's AppMasters, the newest first, as far as they have told.
    fn frameworks(&self, cluster: &str) -> Vec<String>;
}

/// Whom to ask.
pub struct AtMesos {
    pub operator: Arc<Operator>,
    /// The framework of AppMasters.
    pub framework_id: String,
}

/// A log of one task of a cluster, from its sandbox at Mesos; of a task that has ended too, as long as Mesos keeps that. An
/// answer that breaks off is not the whole log.
#[utoipa::path(get, path = "/v1/clusters/{name}/logs", params(("name" = String, Path), LogsQuery), responses(
    (status = 200, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 307, description = "Another dispatcher leads: it reads the log at `Location`", body = Problem),
    (status = 502, description = "The Mesos master or the agent does not answer, or refuses", body = Problem),
    Unavailable,
    NotFound,
))]
pub async fn logs(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Problem> {
    let wanted = query.wanted().map_err(|error| Problem::bad_request(error.to_string()))?;
    let asked = name.clone();
    let known = ask(&shared.sources.handle, move |core, _| core.describe(&asked)).await??;
    let Ok(place) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let text = format!("{MAX_STREAMS} streams are open already");
        return Err(Problem { retry_after: Some(5), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, text) });
    };
    let AtMesos { operator, framework_id } = shared.sources.sandboxes.mesos().await.map_err(|why| {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
        Problem { retry_after: Some(5), ..problem }
    })?;
    let appmasters = appmasters(&known.attempts, &shared.sources.appmasters, &framework_id);
    let frameworks = shared.sources.sandboxes.frameworks(&name);
    let reader = query::open(operator, appmasters, &frameworks, query.task.as_deref(), wanted).await;
    let chunks = query::chunks(reader.map_err(|error| problem(&name, &error))?);
    // Nothing more for whose token was taken away or has expired.
    let chunks = chunks.take_while(move |_| std::future::ready(caller.is_still_known()));
    let mut open = shared.sources.closing.open();
    let chunks = chunks.take_until(async move { open.until_closing().await });
    let chunks = chunks.map(move |chunk| {
        let _held = &place;
        chunk
    });
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(chunks)).into_response())
}

/// The one that leads first; then those that live, then the others, each the newest first.
fn appmasters(attempts: &[Attempt], told: &AppMasters, framework_id: &str) -> Vec<Place> {
    let alive = attempts.iter().filter(|attempt| attempt.ended.is_none());
    let leads = leading(alive.filter_map(|attempt| told(&attempt.task_id)));
    let mut ordered: Vec<_> = attempts.iter().collect();
    ordered.sort_by_key(|attempt| {
        let is_leader = leads.as_ref().is_some_and(|leads| leads.task_id == attempt.task_id);
        (!is_leader, !attempt.runs(), attempt.ended.is_some())
    });
    let place = |attempt: &Attempt| Place {
        task_id: attempt.task_id.clone(),
        framework_id: framework_id.to_owned(),
        executor: attempt.task_id.clone(),
        agent_id: attempt.agent_id.clone(),
    };
    ordered.into_iter().map(place).collect()
}

fn problem(cluster: &str, error: &OpenError) -> Problem {
    let status = match error.fault() {
        Fault::Question => StatusCode::BAD_REQUEST,
        Fault::NotFound => StatusCode::NOT_FOUND,
        Fault::Mesos => StatusCode::BAD_GATEWAY,
    };
    Problem::new(status, format!("cluster {cluster}: {}", log::chain(error)))
}
