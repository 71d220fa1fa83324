//! Numbers for Prometheus.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::answer::{Problem, Unavailable};

/// Of that version which Prometheus reads from everybody.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4";

/// A scheduler that starts answers soon.
const RETRY_AFTER_S: u64 = 1;

/// In Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, body = String, content_type = "text/plain; version=0.0.4"),
    Unavailable,
))]
pub async fn metrics(State(Shared { sources, .. }): State<Shared>) -> Result<Response, Problem> {
    let text = sources.scheduling.metrics().await.map_err(|why| {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
        Problem { retry_after: Some(RETRY_AFTER_S), ..problem }
    })?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}
