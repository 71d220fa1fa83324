//! The HTTP interface of the dispatcher: specifications come in, and what is known of clusters goes out, without secrets. Who asks
//! is told by whoever serves it ([`Caller`]).

#![forbid(unsafe_code)]

mod answer;
mod apply;
mod appmasters;
mod artifacts;
mod ask;
mod audit;
pub mod caller;
pub mod client;
mod clusters;
mod condition;
mod events;
mod explain;
mod extract;
mod health;
mod jobs;
mod logs;
mod metrics;
mod orders;
mod page;
mod permission;
pub mod scheduling;
pub mod standing;
mod taskmanagers;
#[cfg(test)]
mod tests;
mod ui;
mod versions;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use bytes::Bytes;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::Components;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use dispatcher::driver::Handle;
use manifest::{Circumstances, FlinkVersion, MAX_BYTES};
use serve::Closing;

pub use answer::Problem;
pub use apply::{Applied, Document};
pub use appmasters::{AppMaster, AppMasters, Described, Listed};
pub use artifacts::{Artifact, Artifacts, Elsewhere, PushQuery, Pushed, content};
pub use audit::AuditQuery;
pub use caller::{Caller, Tokens};
pub use events::EventsQuery;
pub use explain::{Explanation, Queue, Waiting};
pub use logs::{AtMesos, Sandboxes};
use scheduling::Schedulings;
use standing::DispatcherStandings;

pub use orders::{EndQuery, OrderQuery, Ordered, Patch};
pub use taskmanagers::Scale;
use ui::Ui;
pub use ui::{JobManagers, Opened};
pub use versions::FlinkVersions;

/// Where an operator finds the dispatcher of this machine, unless it is told otherwise.
pub const SOCKET: &str = "/run/flink-on-mesos/dispatcher.sock";

/// Followers of events. A few hundred cost little, and nobody needs more.
const MAX_STREAMS: usize = 500;

/// Where what is known is asked for and orders go.
#[derive(Clone)]
pub struct Sources {
    pub handle: Handle,
    /// Whether this dispatcher leads.
    pub standings: DispatcherStandings,
    /// Under which specifications are accepted. The previous one is looked up for each.
    pub circumstances: Circumstances<'static>,
    /// The versions of Flink that clusters without an image can have; none where any will do.
    pub flinks: Option<Arc<[FlinkVersion]>>,
    pub appmasters: AppMasters,
    pub scheduling: Schedulings,
    pub jobmanagers: JobManagers,
    pub artifacts: Artifacts,
    pub sandboxes: Arc<dyn Sandboxes>,
    /// Before the process ends.
    pub closing: Closing,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "flink-on-mesos dispatcher",
    description = "Clusters of a dispatcher. Fields may be added to version 1, none is renamed or removed.",
))]
struct Description;

/// What clients show, where the port asks for that.
const TOKEN: &str = "token";

/// Who watches whether a dispatcher lives needs no token.
const FOR_EVERYBODY: [&str; 2] = ["/healthz", "/readyz"];

fn secured(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(TOKEN, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        if FOR_EVERYBODY.contains(&path.as_str()) {
            continue;
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let none = SecurityRequirement::default();
            let token = SecurityRequirement::new(TOKEN, <[&str; 0]>::default());
            operation.security = Some(vec![none, token]);
        }
    }
    document
}

#[derive(Clone)]
struct Shared {
    sources: Sources,
    streams: Arc<Semaphore>,
    ui: Ui,
}

/// All of it. Whoever serves it says who asks: see [`caller`].
pub fn router(sources: Sources) -> Router {
    let (routes, document) = described().split_for_parts();
    let document = Bytes::from(serde_json::to_vec(&secured(document)).expect("all keys are texts"));
    let standings = sources.standings.clone();
    let shared = Shared { sources, streams: Arc::new(Semaphore::new(MAX_STREAMS)), ui: Ui::default() };
    let handed_on = ui::routes(shared.clone());
    routes
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], document)))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        })
        .layer(Extension(standings))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(middleware::map_response(async |response| serve::guarded(response)))
        .with_state(shared)
        // JobManagers say themselves what of theirs may be kept.
        .merge(handed_on)
}

fn described() -> OpenApiRouter<Shared> {
    let for_callers = OpenApiRouter::new()
        .routes(routes!(clusters::list, apply::apply))
        .routes(routes!(clusters::describe, apply::put, orders::patch, orders::delete))
        .routes(routes!(clusters::revision))
        .routes(routes!(explain::explain))
        .routes(routes!(explain::queue))
        .routes(routes!(versions::versions))
        .routes(routes!(metrics::metrics))
        .routes(routes!(orders::restart))
        .routes(routes!(taskmanagers::scale))
        .routes(routes!(taskmanagers::restart))
        .routes(routes!(artifacts::list))
        .routes(routes!(artifacts::get, artifacts::put, artifacts::delete))
        .routes(routes!(jobs::submit, jobs::one))
        .routes(routes!(jobs::list))
        .routes(routes!(audit::audit))
        .routes(routes!(events::events))
        .route_layer(middleware::from_fn(standing::led))
        .route_layer(middleware::from_fn(caller::required));
    let for_the_leader = OpenApiRouter::new()
        .routes(routes!(logs::logs))
        .route_layer(middleware::from_fn(standing::by_the_leader))
        .route_layer(middleware::from_fn(caller::required));
    let for_lookers = OpenApiRouter::new()
        .routes(routes!(ui::open))
        .routes(routes!(ui::close))
        .route_layer(middleware::from_fn(standing::led))
        .route_layer(middleware::from_fn(caller::known_at_least));
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(page::page))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .merge(for_callers)
        .merge(for_the_leader)
        .merge(for_lookers)
}
