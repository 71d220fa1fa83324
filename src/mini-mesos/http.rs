//! HTTP: the scheduler API and the few operator endpoints that tools ask first.

mod agent;
#[cfg(feature = "faults")]
mod fault;
pub mod guard;
mod leadership;
mod operator;
mod page;
pub mod sandboxes;
mod scheduler;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use super::cluster::Input;
use super::credentials::Credentials;
use super::leadership::Leadership;
use super::link;
use super::master;
use super::sandboxes::Sandboxes;
use super::state::{Question, SlavesQuery, TasksQuery};

use guard::{Guards, Realm};

/// Largest request body: as large as the largest event a scheduler must be ready for.
const MAX_BODY_BYTES: usize = 256 << 20;

#[derive(Clone)]
pub struct Server {
    pub cluster: mpsc::Sender<Input>,
    /// Where this server listens.
    pub address: SocketAddr,
    pub hostname: String,
    /// Whom schedulers must prove to be; without them anybody may call.
    pub credentials: Option<Arc<Credentials>>,
    pub leadership: watch::Receiver<Leadership>,
    /// Of the agents in this process.
    pub sandboxes: Sandboxes,
    pub guards: Guards,
}

pub fn router(server: Server) -> Router {
    let (guards, sandboxes) = (server.guards.clone(), server.sandboxes.clone());
    let (mut router, mut readonly, mut readwrite) = (Router::new(), Router::new(), Router::new());
    for prefix in ["", "/master"] {
        let at = |path: &str| format!("{prefix}{path}");
        router = router
            .route(&at("/api/v1/scheduler"), any(scheduler::call))
            .route(&at("/health"), get(StatusCode::OK))
            .route(&at("/redirect"), get(redirect));
        readwrite = readwrite
            .route(&at("/api/v1"), post(operator::call))
            .route(&at("/teardown"), post(operator::teardown));
        readonly = readonly
            .route(&at("/roles"), get(roles))
            .route(&at("/tasks"), get(tasks))
            .route(&at("/slaves"), get(slaves));
        for (path, question) in [
            ("/state", Question::State),
            ("/state.json", Question::State),
            ("/state-summary", Question::Summary),
            ("/frameworks", Question::Frameworks),
        ] {
            let show = |State(server): State<Server>| async move { ask(&server, question).await };
            readonly = readonly.route(&at(path), get(show));
        }
    }
    #[cfg(feature = "faults")]
    let router = router.route("/mini/{fault}", post(fault::call));
    let readonly = readonly.route("/metrics/snapshot", get(metrics));
    router
        .route(link::PATH, post(agent::join))
        .route("/version", get(version))
        .merge(guards.guard(Realm::MasterReadonly, readonly))
        .merge(guards.guard(Realm::MasterReadwrite, readwrite))
        .fallback((StatusCode::NOT_FOUND, "404 Not Found."))
        .with_state(server)
        .merge(sandboxes::routes(sandboxes, &guards))
}

/// Where the leader is: here, as long as this one leads.
async fn redirect(State(server): State<Server>) -> Response {
    if let Some(response) = leadership::refuse(&server, "") {
        return response;
    }
    let location = format!("//{}:{}", server.hostname, server.address.port());
    let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

async fn version() -> Response {
    let version = json!({
        "build_date": "2026-01-01",
        "build_time": 1_767_225_600.0,
        "build_user": env!("CARGO_PKG_NAME"),
        "version": master::VERSION,
    });
    answer_json(&version)
}

async fn tasks(State(server): State<Server>, Query(query): Query<TasksQuery>) -> Response {
    ask(&server, Question::Tasks(query)).await
}

async fn slaves(State(server): State<Server>, Query(query): Query<SlavesQuery>) -> Response {
    ask(&server, Question::Slaves(query)).await
}

async fn roles(State(server): State<Server>) -> Response {
    match leadership::refuse(&server, "/master/roles") {
        Some(response) => response,
        None => ask(&server, Question::Roles).await,
    }
}

async fn metrics(State(server): State<Server>) -> Response {
    ask(&server, Question::Metrics).await
}

async fn ask(server: &Server, question: Question) -> Response {
    let (reply, answer) = oneshot::channel();
    if server.cluster.send(Input::Asked { question, reply }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(answer) => answer_json(&answer),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn answer_json(value: &serde_json::Value) -> Response {
    let body = Body::from(value.to_string());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
