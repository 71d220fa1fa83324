//! What else is ordered of clusters.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::{Dispatcher, Jobs, Order, Outcome, Refusal, Timestamp};

use super::Shared;
use super::answer::{Problem, Refused, Unavailable, WrongBody};
use super::appmasters::jobs_of;
use super::ask::ask;
use super::caller::Caller;
use super::condition::Condition;
use super::extract::{Body, Path, Query};
use super::permission;

/// The query of each order. A misspelt `dryRun` must not be an order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OrderQuery {
    /// Change nothing, and answer as if it were changed
    pub dry_run: bool,
    /// Why, for the audit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl OrderQuery {
    pub fn order(self, caller: &Caller, condition: Condition) -> Order {
        let Self { dry_run, message } = self;
        let message = message.filter(|message| !message.is_empty());
        let (user, from) = (caller.user.clone(), caller.from.clone());
        Order { user, from, message, matching: condition.matching, dry_run }
    }
}

/// The query of orders that may end AppMasters.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EndQuery {
    /// Change nothing, and answer as if it were changed
    pub dry_run: bool,
    /// Why, for the audit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Even if jobs run in the session, or if it is not known whether any run
    pub force: bool,
}

impl EndQuery {
    /// With whether it is forced.
    fn parts(self) -> (OrderQuery, bool) {
        let Self { dry_run, message, force } = self;
        (OrderQuery { dry_run, message }, force)
    }
}

/// The body of `PATCH /v1/clusters/{name}`: one of the two.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ordered {
    pub name: String,
    pub outcome: Outcome,
}

type Carried = Result<Outcome, Refusal>;

/// Suspend or resume a cluster, freeze or thaw it.
#[utoipa::path(patch, path = "/v1/clusters/{name}", request_body = Patch,
    params(("name" = String, Path), EndQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Ordered, description = "It was so already, or nothing shall be changed"),
        (status = 202, body = Ordered, description = "The order is stored and will be carried out"),
        Unavailable, Refused, WrongBody,
    ),
)]
pub async fn patch(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<EndQuery>,
    condition: Condition,
    Body(patch): Body<Patch>,
) -> Result<Response, Problem> {
    let (query, force) = query.parts();
    let order: fn(&mut Dispatcher, &str, &Order, Timestamp) -> Carried = match patch {
        Patch { suspended: Some(true), frozen: None } => {
            return end(&shared, name, &caller, query, condition, force, Dispatcher::suspend).await;
        }
        Patch { suspended: Some(false), frozen: None } => Dispatcher::resume,
        Patch { suspended: None, frozen: Some(true) } => Dispatcher::freeze,
        Patch { suspended: None, frozen: Some(false) } => Dispatcher::thaw,
        Patch { suspended: None, frozen: None } | Patch { suspended: Some(_), frozen: Some(_) } => {
            let text = "the body: expected either `suspended` or `frozen`";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
    };
    if force {
        return Err(Problem::bad_request("`force` is for orders that end AppMasters"));
    }
    carry_out(&shared, name, &caller, query, condition, order).await
}

/// Replace the AppMasters of a cluster. One that has ended begins anew.
#[utoipa::path(post, path = "/v1/clusters/{name}/restart",
    params(("name" = String, Path), OrderQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Ordered, description = "Nothing shall be changed"),
        (status = 202, body = Ordered, description = "The order is stored and will be carried out"),
        Unavailable, Refused,
    ),
)]
pub async fn restart(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
) -> Result<Response, Problem> {
    carry_out(&shared, name, &caller, query, condition, Dispatcher::restart).await
}

/// End a cluster and forget it.
#[utoipa::path(delete, path = "/v1/clusters/{name}",
    params(("name" = String, Path), EndQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
    responses(
        (status = 200, body = Ordered, description = "It is being deleted already, or nothing shall be changed"),
        (status = 202, body = Ordered, description = "The order is stored and will be carried out"),
        Unavailable, Refused,
    ),
)]
pub async fn delete(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<EndQuery>,
    condition: Condition,
) -> Result<Response, Problem> {
    let (query, force) = query.parts();
    end(&shared, name, &caller, query, condition, force, Dispatcher::delete).await
}

/// Of a session with what its AppMasters say of jobs, at the moment at which it is ordered.
async fn end(
    shared: &Shared,
    name: String,
    caller: &Caller,
    query: OrderQuery,
    condition: Condition,
    force: bool,
    end: fn(&mut Dispatcher, &str, Jobs, &Order, Timestamp) -> Carried,
) -> Result<Response, Problem> {
    let appmasters = Arc::clone(&shared.sources.appmasters);
    let order = move |core: &mut Dispatcher, name: &str, order: &Order, now| {
        let jobs = if force { Jobs::NotAsked } else { jobs_of(core, name, &appmasters) };
        end(core, name, jobs, order, now)
    };
    carry_out(shared, name, caller, query, condition, order).await
}

/// What is known of the cluster and of the caller is looked at where it is ordered.
pub async fn carry_out(
    shared: &Shared,
    name: String,
    caller: &Caller,
    query: OrderQuery,
    condition: Condition,
    carry_out: impl FnOnce(&mut Dispatcher, &str, &Order, Timestamp) -> Carried + Send + 'static,
) -> Result<Response, Problem> {
    let (order, grant) = (query.order(caller, condition), Arc::clone(&caller.grant));
    let is_dry = order.dry_run;
    let answer = ask(&shared.sources.handle, move |core, now| {
        permission::of_cluster(&grant, core, &name)?;
        condition.check(core, &name)?;
        let outcome = carry_out(core, &name, &order, now)?;
        Ok::<_, Problem>(Ordered { name, outcome })
    });
    let ordered = answer.await??;
    Ok((status(ordered.outcome, is_dry), Json(ordered)).into_response())
}

pub fn status(outcome: Outcome, is_dry: bool) -> StatusCode {
    match outcome {
        Outcome::Unchanged => StatusCode::OK,
        Outcome::Created | Outcome::Changed if is_dry => StatusCode::OK,
        Outcome::Created | Outcome::Changed => StatusCode::ACCEPTED,
    }
}
