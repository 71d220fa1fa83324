//! What is known of clusters.

use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Json, Response};

use manifest::Manifest;

use super::Shared;
use super::answer::{NotFound, Problem, Unavailable};
use super::appmasters::{Described, Listed};
use super::ask::ask;
use super::condition::etag;
use super::extract::Path;

/// All clusters, by name.
#[utoipa::path(get, path = "/v1/clusters", responses((status = 200, body = Vec<Listed>), Unavailable))]
pub async fn list(State(Shared { sources, .. }): State<Shared>) -> Result<Response, Problem> {
    let appmasters = sources.appmasters;
    let clusters = ask(&sources.handle, move |core, _| Listed::all(core, &appmasters)).await?;
    Ok(Json(clusters).into_response())
}

/// All that is known of a cluster; secrets of its specification are masked.
#[utoipa::path(get, path = "/v1/clusters/{name}", params(("name" = String, Path)), responses(
    (status = 200, body = Described, headers(("ETag" = String, description = "The last revision, in quotes"))),
    Unavailable,
    NotFound,
))]
pub async fn describe(
    State(Shared { sources, .. }): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let description = ask(&sources.handle, move |core, _| core.describe(&name)).await??;
    let description = Described::new(description, &sources.appmasters);
    let tag = description.known.cluster.revision.map(|revision| [(ETAG, etag(revision))]);
    Ok((tag, Json(description)).into_response())
}

/// One of the last specifications of a cluster; secrets are masked.
#[utoipa::path(get, path = "/v1/clusters/{name}/revisions/{number}",
    params(("name" = String, Path), ("number" = u64, Path)),
    responses((status = 200, body = Manifest), Unavailable, NotFound),
)]
pub async fn revision(
    State(Shared { sources, .. }): State<Shared>,
    Path((name, number)): Path<(String, u64)>,
) -> Result<Response, Problem> {
    let manifest = ask(&sources.handle, move |core, _| core.revision(&name, number)).await??;
    Ok(Json(manifest).into_response())
}
