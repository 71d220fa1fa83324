//! The worker's servers: artifacts on as many threads as there are processors, the status and the operators' socket on
//! another, so that neither files nor whoever asks hold up scheduler, lease and Mesos.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tracing::info;

use crate::cli::WorkerOptions;
use artifact::{Bundles, Configurations};
use base::events::Journal;
use base::exit::Exit;
use scheduler::driver::requests::Requests;
use serve::{Listening, Threads, TlsListener};
use tls::Identity;

use super::home::Caller;
use super::{Fatal, adopt, fatal};

/// What agents fetch, and with whose certificate.
pub struct Artifacts {
    pub listener: StdTcpListener,
    pub configurations: Configurations,
    pub bundles: Bundles,
    pub identity: Option<Arc<Identity>>,
    /// What else is served on that port.
    pub more: Router,
}

/// `caller` asks the dispatcher, if there is one.
pub fn start(
    options: &WorkerOptions,
    artifacts: Artifacts,
    sources: status::Sources,
    caller: Option<Caller>,
) -> Result<(), Fatal> {
    let (requests, journal) = (sources.requests.clone(), Arc::clone(&sources.lookout.journal));
    start_artifacts(artifacts, requests, Arc::clone(&journal))?;
    start_status(options, sources, caller, journal)
}

pub fn start_artifacts(artifacts: Artifacts, requests: Requests, journal: Arc<Journal>) -> Result<(), Fatal> {
    let tls = artifacts.identity.as_ref().map(|identity| identity.server()).transpose();
    let tls = tls.map_err(fatal(Exit::Config))?.map(Arc::new);
    let server = async move |threads: Threads| {
        let serve = async || {
            let listening = Listening::new(serve::asynchronous(&artifacts.listener)?, "artifact server");
            let listening = listening.spread(threads.clone());
            serve_artifacts(listening, &artifacts, tls.clone(), requests.clone(), &journal).await
        };
        match serve::keep("the artifact server", Arc::clone(&journal), serve).await {}
    };
    serve::on_own_threads("artifacts", server).map_err(fatal(Exit::Os))
}

async fn serve_artifacts(
    listening: Listening<TcpListener>,
    artifacts: &Artifacts,
    tls: Option<Arc<ServerConfig>>,
    requests: Requests,
    journal: &Arc<Journal>,
) -> io::Result<Infallible> {
    let Artifacts { configurations, bundles, more, .. } = artifacts;
    let (configurations, bundles) = (Arc::clone(configurations), bundles.clone());
    let routes = artifact::routes(configurations, bundles, requests, Arc::clone(journal)).merge(more.clone());
    match tls {
        None => serve::serve(listening, routes).await,
        Some(tls) => serve::serve(TlsListener::new(listening, tls), routes).await,
    }
}

fn start_status(
    options: &WorkerOptions,
    sources: status::Sources,
    caller: Option<Caller>,
    journal: Arc<Journal>,
) -> Result<(), Fatal> {
    let adopted = |fd: Option<i32>| fd.map(adopt).transpose();
    let port = adopted(options.status_fd)?.map(StdTcpListener::from);
    let socket = adopted(options.socket_fd)?.map(StdUnixListener::from);
    let number = port.as_ref().and_then(|port| port.local_addr().ok()).map(|address| address.port());
    if let Some(number) = number {
        info!("the status page listens on port {number}");
    }
    let servers = async move || {
        let server = status::Server::new(sources);
        let everybody = async {
            let Some(port) = port else { return };
            let serve = async || server.serve_everybody(serve::asynchronous(&port)?).await;
            match serve::keep("the server of the status port", Arc::clone(&journal), serve).await {}
        };
        let operator = async {
            let Some(socket) = socket else { return };
            let serve = async || server.serve_operator(serve::asynchronous_unix(&socket)?).await;
            match serve::keep("the server of the operators' socket", Arc::clone(&journal), serve).await {}
        };
        let dispatcher = async {
            if let Some(caller) = caller {
                caller.keep(server.board(), &journal, number).await;
            }
        };
        tokio::join!(everybody, operator, dispatcher, server.tell_changes());
    };
    serve::on_own_thread("status", servers).map_err(fatal(Exit::Os))
}
