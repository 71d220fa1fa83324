//! Whether there is somebody, and whether it can do anything.

use axum::extract::State;

use super::Shared;
use super::answer::Problem;
use super::ask::ask;

/// Whether the dispatcher lives. Any answer shows it.
#[utoipa::path(get, path = "/healthz", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8"),
))]
pub async fn health() -> &'static str {
    "ok\n"
}

/// Whether the dispatcher takes orders.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 429, description = "Too many requests are waiting", body = Problem),
    (status = 503, description = "It stops, or its store does not answer", body = Problem),
))]
pub async fn ready(State(Shared { sources, .. }): State<Shared>) -> Result<&'static str, Problem> {
    ask(&sources.handle, |_, _| ()).await?;
    Ok("ok\n")
}
