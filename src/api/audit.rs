//! Who has changed what.

use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use dispatcher::AuditEntry;

use super::Shared;
use super::answer::{Problem, Unavailable};
use super::ask::ask;
use super::extract::Query;

/// A person looks at so many.
const LAST: usize = 100;

/// The query of `GET /v1/audit`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Only changes of this cluster
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Only those after the one with this id
    pub after: u64,
    /// So many of the last ones [default: 100]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<usize>,
}

/// The last changes, oldest first; secrets are masked.
#[utoipa::path(get, path = "/v1/audit", params(AuditQuery), responses(
    (status = 200, body = Vec<AuditEntry>), Unavailable,
))]
pub async fn audit(
    State(Shared { sources, .. }): State<Shared>,
    Query(AuditQuery { cluster, after, last }): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let answer = ask(&sources.handle, move |core, _| {
        let is_wanted = |entry: &&AuditEntry| {
            entry.id > after && cluster.as_ref().is_none_or(|cluster| *cluster == entry.cluster)
        };
        let mut entries: Vec<_> =
            core.audit().rev().filter(is_wanted).take(last.unwrap_or(LAST)).cloned().collect();
        entries.reverse();
        entries
    });
    Ok(Json(answer.await?).into_response())
}
