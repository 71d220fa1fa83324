//! `/mini/<fault>`

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::cluster::Input;
use crate::fault::{self, FaultError};
use base::log;
use serve::Peer;

use super::Server;

pub async fn call(
    State(server): State<Server>,
    ConnectInfo(Peer(caller)): ConnectInfo<Peer>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    if !caller.ip().is_loopback() {
        return (StatusCode::FORBIDDEN, "faults are for callers on this machine").into_response();
    }
    let fault = match fault::parse(&name, &body) {
        Ok(fault) => fault,
        Err(error) => return refuse(&error),
    };
    let (reply, done) = oneshot::channel();
    if server.cluster.send(Input::Faulted { fault: Box::new(fault), reply }).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match done.await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(error)) => refuse(&error),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn refuse(error: &FaultError) -> Response {
    (StatusCode::BAD_REQUEST, log::chain(error)).into_response()
}
