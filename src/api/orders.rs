//! What else is ordered of clusters.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::{Dispatcher, Order, Outcome, Refusal, Timestamp};

use super::Shared;
use super::answer::{Problem, Refused, Unavailable, WrongBody};
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
    params(("name" = String, Path), OrderQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
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
    Query(query): Query<OrderQuery>,
    condition: Condition,
    Body(patch): Body<Patch>,
) -> Result<Response, Problem> {
    let order: fn(&mut Dispatcher, &str, &Order, Timestamp) -> Carried = match patch {
        Patch { suspended: Some(true), frozen: None } => Dispatcher::suspend,
        Patch { suspended: Some(false), frozen: None } => Dispatcher::resume,
        Patch { suspended: None, frozen: Some(true) } => Dispatcher::freeze,
        Patch { suspended: None, frozen: Some(false) } => Dispatcher::thaw,
        Patch { suspended: None, frozen: None } | Patch { suspended: Some(_), frozen: Some(_) } => {
            let text = "the body: expected either `suspended` or `frozen`";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
    };
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
    params(("name" = String, Path), OrderQuery, ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes")),
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
    Query(query): Query<OrderQuery>,
    condition: Condition,
) -> Result<Response, Problem> {
    carry_out(&shared, name, &caller, query, condition, Dispatcher::delete).await
}

async fn carry_out(
    shared: &Shared,
    name: String,
    caller: &Caller,
    query: OrderQuery,
    condition: Condition,
    carry_out: fn(&mut Dispatcher, &str, &Order, Timestamp) -> Carried,
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
    let status = match ordered.outcome {
        Outcome::Unchanged => StatusCode::OK,
        Outcome::Created | Outcome::Changed if is_dry => StatusCode::OK,
        Outcome::Created | Outcome::Changed => StatusCode::ACCEPTED,
    };
    Ok((status, Json(ordered)).into_response())
}
