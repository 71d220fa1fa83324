//! The dispatcher's ports: what agents and AppMasters reach, the API on a port, and the operators' socket.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use api::{Sources, caller};
use base::events::Journal;
use base::exit::Exit;
use conf::environment::Environment;
use conf::keys;
use conf::settings::Settings;
use rustls::ServerConfig;
use scheduler::driver::requests::Requests;
use serve::{Listening, TlsListener};

use super::configuration::Configured;
use super::files::Files;
use super::home::{self, Others, Reports};
use super::metrics::Metrics;
use super::opened::{self, Opened};
use super::tokens::TokenFile;
use super::{PART, admission, artifacts as uploaded};
use crate::role::appmaster::listening::{self, cannot_bind};
use crate::role::error::{Fatal, fatal};
use crate::role::setup;
use crate::role::sockets;
use crate::role::worker::{self, Artifacts};

/// In which commands find the dispatcher too.
pub const SOCKET_VARIABLE: &str = "FLINK_ON_MESOS_DISPATCHER";

/// Bound before anything is launched.
pub struct Ports {
    artifacts: TcpListener,
    api: TcpListener,
    /// Of the API's port.
    tls: Option<Arc<ServerConfig>>,
    tokens: Option<TokenFile>,
    socket: UnixListener,
    pub socket_path: PathBuf,
}

/// What is served.
pub struct Served {
    pub requests: Requests,
    pub files: Files,
    pub configured: Configured,
    pub reports: Reports,
    pub others: Others,
    pub journal: Arc<Journal>,
    pub metrics: Arc<Metrics>,
}

/// `before`: where agents reached the dispatcher before this one.
pub fn bind(opened: &Opened, environment: &Environment, before: Option<u16>) -> Result<Ports, Fatal> {
    let (settings, dispatcher) = (&opened.settings, &opened.dispatcher);
    let artifacts = listening::bind_artifacts(PART, settings, false, before)?;
    let host = dispatcher.bind_address.to_string();
    let api = sockets::bind(keys::dispatcher::PORT.name, &host, dispatcher.port).map_err(cannot_bind)?;
    let socket_path = socket_path(environment);
    if let Some(directory) = socket_path.parent() {
        opened::create(directory)?;
    }
    let socket = sockets::bind_socket(&socket_path).map_err(cannot_bind)?;
    let (tls, tokens) = (admission::server(dispatcher)?, opened.tokens.clone());
    Ok(Ports { artifacts, api, tls, tokens, socket, socket_path })
}

/// Where operators find it, unless the environment says otherwise.
fn socket_path(environment: &Environment) -> PathBuf {
    let named = environment.text(SOCKET_VARIABLE).and_then(|text| text.strip_prefix("unix:"));
    named.map_or_else(|| api::SOCKET.into(), PathBuf::from)
}

impl Ports {
    pub fn artifact_port(&self) -> Option<u16> {
        self.artifacts.local_addr().ok().map(|address| address.port())
    }

    pub fn artifacts_url(&self, settings: &Settings) -> String {
        let port = self.artifact_port().unwrap_or_default();
        format!("http://{}:{port}", settings.job_manager.address)
    }

    /// Where others reach the API.
    pub fn api_url(&self, opened: &Opened) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &opened.dispatcher.address {
            Some(url) if url.contains("://") => url.clone(),
            Some(address) => format!("{scheme}://{address}"),
            None => {
                let port = self.api.local_addr().map_or(opened.dispatcher.port, |address| address.port());
                format!("{scheme}://{}:{port}", setup::host_name())
            }
        }
    }

    /// On threads of their own.
    pub fn serve(self, sources: Sources, served: Served) -> Result<(), Fatal> {
        let Self { artifacts, api: port, tls, tokens, socket, socket_path } = self;
        let Served { requests, files, configured, reports, others, journal, metrics } = served;
        let rules = sources.artifacts.rules.clone().unwrap_or_default();
        let artifacts = Artifacts {
            listener: artifacts,
            configurations: Arc::new(move |task_id: &str| configured.of_task(task_id)),
            bundles: files.bundles(),
            identity: None,
            more: home::routes(requests.clone(), sources.handle.clone(), reports, others.clone(), rules)
                .merge(uploaded::routes(
                    requests.clone(),
                    sources.handle.clone(),
                    sources.artifacts.clone(),
                    others.peers,
                )),
        };
        worker::start_artifacts(artifacts, requests, Arc::clone(&journal))?;
        let tokens = tokens.map(|file| file.watched(Arc::clone(&journal)));
        let servers = async move || {
            let everybody = async {
                let serve = async || {
                    let listening = Listening::new(serve::asynchronous(&port)?, "API port");
                    let listening = listening.until(sources.closing.clone());
                    let routes = caller::by_port(api::router(sources.clone()), tokens.clone());
                    let routes = metrics.counted(routes);
                    match &tls {
                        None => serve::serve(listening, routes).await,
                        Some(tls) => serve::serve(TlsListener::new(listening, Arc::clone(tls)), routes).await,
                    }
                };
                match serve::keep("the API's port", Arc::clone(&journal), serve).await {}
            };
            let operator = async {
                let serve = async || {
                    let listening = Listening::new(serve::asynchronous_unix(&socket)?, "operators' socket");
                    let listening = listening.until(sources.closing.clone());
                    let routes = caller::by_user(api::router(sources.clone()));
                    serve::serve(listening, metrics.counted(routes)).await
                };
                match serve::keep("the operators' socket", Arc::clone(&journal), serve).await {}
            };
            let () = tokio::join!(everybody, operator).0;
            drop(socket_path);
        };
        serve::on_own_thread("api", servers).map_err(fatal(Exit::Os))
    }
}
