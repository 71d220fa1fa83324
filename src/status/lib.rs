//! What the AppMaster tells about itself, over TCP for everybody and over a unix socket for its operator.
//!
//! Reports are read and events are sent, nothing is changed here; orders are taken on the socket only.

#![forbid(unsafe_code)]

pub mod api;
pub mod board;
pub mod client;
pub mod exposition;
mod fresh;
pub mod jobmanager;
mod logs;
pub mod lookout;
mod metrics;
pub mod orders;
mod page;
mod peers;
mod stream;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::routing::get;
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UnixListener};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use scheduler::driver::requests::Requests;
use serve::{Closing, Listening};

use board::Board;
use jobmanager::Watch;
pub use logs::{Logs, OWN_OUTPUT};
use lookout::Lookout;
use peers::OwnersOnly;

/// What is known besides the scheduler's report.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub framework_name: String,
    /// Flink's Web UI, as others reach it.
    pub flink_ui: Option<String>,
    /// Whether others reach the master's; that of `local` is for this machine alone.
    pub mesos_ui: bool,
    /// What was odd when the cluster started.
    pub warnings: Vec<String>,
    /// Without secrets.
    pub configuration: Vec<Setting>,
}

/// A key of the effective configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    pub key: String,
    /// Masked if it is a secret.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Where reports are asked for and orders go.
pub struct Sources {
    pub requests: Requests,
    pub jobmanager: Watch,
    pub about: About,
    pub lookout: Arc<Lookout>,
    /// Where TaskManagers' logs are, where that can be asked.
    pub logs: Option<Logs>,
    /// Before the process ends.
    pub closing: Closing,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "flink-on-mesos",
    description = "The status of an AppMaster. Fields may be added to version 1, none is renamed or removed.",
))]
struct Description;

#[derive(Clone)]
struct Shared {
    board: Arc<Board>,
    pages: Arc<stream::OpenStreams>,
    logs: Option<Logs>,
    closing: Closing,
}

/// What the ports of the status have in common.
#[derive(Clone)]
pub struct Server(Shared);

impl Server {
    pub fn new(sources: Sources) -> Self {
        let Sources { requests, jobmanager, about, lookout, logs, closing } = sources;
        let board = Arc::new(Board::new(requests, about, jobmanager, lookout));
        Self(Shared { board, pages: Arc::default(), logs, closing })
    }

    /// For whoever else reports and orders.
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.0.board)
    }

    /// Serves reports to everybody, until the socket no longer listens.
    pub async fn serve_everybody(&self, listener: TcpListener) -> io::Result<Infallible> {
        let routes = described(for_everybody()).with_state(self.0.clone());
        serve::serve(Listening::new(listener, "status port"), routes).await
    }

    /// Serves reports, and takes orders, of who owns this process. None is left without an answer when this process ends.
    pub async fn serve_operator(&self, listener: UnixListener) -> io::Result<Infallible> {
        let routes = described(for_operator()).with_state(self.0.clone());
        let listening = Listening::new(OwnersOnly(listener), "operator's socket");
        serve::serve(listening.until(self.0.closing.clone()), routes).await
    }

    /// Tells those who stay what changes, as long as there are any.
    pub async fn tell_changes(&self) {
        self.0.board.tell_changes().await;
    }
}

/// What over TCP can be asked: none of it changes anything, and none costs the scheduler more the oftener it is asked.
fn for_everybody() -> OpenApiRouter<Shared> {
    reading().routes(routes!(api::explain))
}

fn for_operator() -> OpenApiRouter<Shared> {
    reading()
        .routes(routes!(api::suppose))
        .routes(routes!(logs::logs))
        .routes(routes!(orders::scale))
        .routes(routes!(orders::teardown))
        .routes(routes!(orders::restart))
}

fn reading() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(page::page))
        .routes(routes!(api::health))
        .routes(routes!(api::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(api::status))
        .routes(routes!(api::events))
        .routes(routes!(api::configuration))
        .routes(routes!(stream::stream))
}

/// With the document that says what is there.
fn described(routes: OpenApiRouter<Shared>) -> Router<Shared> {
    let (routes, document) = routes.split_for_parts();
    // Once: each request has a copy of what its handler owns.
    let document = board::json(&document);
    routes
        .route("/v1/openapi.json", get(async || api::json(document)))
        .layer(middleware::map_response(async |response| serve::guarded(response)))
        .layer(middleware::from_fn(serve::whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_not_among_what_tcp_offers() {
        let document = for_everybody().into_openapi();
        for (path, item) in document.paths.paths {
            assert!(item.get.is_some() && item.post.is_none(), "{path}");
        }
    }

    #[test]
    fn suppositions_are_not_among_what_tcp_offers() {
        let parameters = |routes: OpenApiRouter<Shared>| {
            let explain = routes.into_openapi().paths.paths.remove("/v1/explain").and_then(|item| item.get);
            explain.expect("it is there").parameters.map_or(0, |parameters| parameters.len())
        };
        assert_eq!((parameters(for_everybody()), parameters(for_operator())), (0, 1));
    }
}
