//! What is ordered of the TaskManagers of a cluster.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use access::Grant;
use dispatcher::{Dispatcher, Order, Outcome, Plan, Timestamp};
use manifest::{Accepted, Circumstances, Draft};

use super::answer::{Problem, Refused, Unavailable, WrongBody};
use super::ask::ask;
use super::caller::Caller;
use super::condition::{Condition, etag};
use super::extract::{Body, Path, Query};
use super::orders::{OrderQuery, Ordered, carry_out, status};
use super::{Shared, permission};

/// The body of `POST /v1/clusters/{name}/scale`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    #[schema(minimum = 1, maximum = 10000)]
    pub taskmanagers: u32,
}

/// Apply the last specification with another number of TaskManagers. The cluster's AppMaster is told the number.
#[utoipa::path(post, path = "/v1/clusters/{name}/scale", request_body = Scale,
    params(("name" = String, Path), OrderQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Plan, description = "It has that number already, or nothing shall be changed"),
        (status = 202, body = Plan, description = "The specification is stored, and the AppMaster will be told", headers(("ETag" = String, description = "The last revision, in quotes"))),
        Unavailable, Refused, WrongBody,
    ),
)]
pub async fn scale(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
    Body(Scale { taskmanagers }): Body<Scale>,
) -> Result<Response, Problem> {
    let (order, grant) = (query.order(&caller, condition), Arc::clone(&caller.grant));
    let circumstances = shared.sources.circumstances;
    let is_dry = order.dry_run;
    let question = move |core: &mut Dispatcher, now| {
        permission::of_cluster(&grant, core, &name)?;
        condition.check(core, &name)?;
        scaled(core, &name, taskmanagers, (&grant, &order, circumstances), now)
    };
    let plan = ask(&shared.sources.handle, question).await??;
    let tag = (!is_dry && plan.outcome != Outcome::Unchanged).then(|| [(ETAG, etag(plan.revision))]);
    Ok((status(plan.outcome, is_dry), tag, Json(plan)).into_response())
}

/// Tried as if somebody had handed it in.
fn scaled(
    core: &mut Dispatcher,
    name: &str,
    taskmanagers: u32,
    (grant, order, circumstances): (&Grant, &Order, Circumstances<'static>),
    now: Timestamp,
) -> Result<Plan, Problem> {
    let manifest = core.scaled(name, taskmanagers)?;
    let previous = core.last_manifest(name).map(|manifest| &manifest.spec);
    let Accepted { manifest, .. } =
        Draft::of(manifest).validate(&Circumstances { previous, ..circumstances }).map_err(|refused| {
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, refused.to_string());
            Problem { fields: refused.findings, ..problem }
        })?;
    permission::of_manifest(grant, &manifest)?;
    let plans = core.apply(std::slice::from_ref(&manifest), order, now).pop();
    Ok(plans.expect("one for each manifest")?)
}

/// Replace a TaskManager: its AppMaster is told to start a new one, and to stop the old one once that has registered. What came of
/// it is an event of the cluster.
#[utoipa::path(post, path = "/v1/clusters/{name}/taskmanagers/{id}/restart",
    params(("name" = String, Path), ("id" = String, Path, description = "Of the Mesos task, which is the resource id in Flink"), OrderQuery,
        ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Ordered, description = "It is ordered already, or nothing shall be changed"),
        (status = 202, body = Ordered, description = "The order is stored, and the AppMaster will be told"),
        Unavailable, Refused,
        (status = 422, body = Problem, description = "No TaskManager can have such an id"),
    ),
)]
pub async fn restart(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
) -> Result<Response, Problem> {
    let order = move |core: &mut Dispatcher, name: &str, order: &Order, now| {
        core.restart_taskmanager(name, &id, order, now)
    };
    carry_out(&shared, name, &caller, query, condition, order).await
}
