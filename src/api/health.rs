//! Whether there is somebody, and whether it can do anything.

use axum::extract::State;

use super::Shared;
use super::answer::Problem;
use super::ask::ask;
use super::standing::DispatcherStanding;

/// Whether the dispatcher lives. Any answer shows it.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8"),
))]
pub async fn health() -> &'static str {
    "ok\n"
}

/// Whether the dispatcher takes orders, or stands by for the one that does.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 429, description = "Too many requests are waiting", body = Problem),
    (status = 503, description = "It stops, or its store does not answer", body = Problem),
))]
pub async fn ready(State(Shared { sources, .. }): State<Shared>) -> Result<String, Problem> {
    let standing = sources.standings.borrow().clone();
    if !standing.is_ready() {
        return Err(standing.refusal());
    }
    ask(&sources.handle, |_, _| ()).await?;
    Ok(if standing == DispatcherStanding::Leads { "ok\n".to_owned() } else { format!("{standing}\n") })
}
