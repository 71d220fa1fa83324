//! `flink-on-mesos mesos`: the embedded Mesos alone, with the option names of the real one: a master with agents, or
//! one agent of a master elsewhere.

mod agent;
mod agent_options;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::Level;

use crate::cli::mesos::{MAX_AGENTS, Options};
use base::descriptors;
use base::exit::Exit;
use base::log;
use base::time::{Clock, Moment};
use conf::environment::Environment;
use init::plan::Inherited;
use mini_mesos::agent::Agent;
use mini_mesos::cluster::{Cluster, MAX_INPUTS_WAITING, Pace};
use mini_mesos::credentials::{Credentials, CredentialsError};
use mini_mesos::http::guard::Guards;
use mini_mesos::http::{self, Server};
use mini_mesos::ids::Ids;
use mini_mesos::link::DialError;
use mini_mesos::master::{self, AgentDescription, Master};
use mini_mesos::reaper::Reaper;
use mini_mesos::sandboxes::Sandboxes;
use mini_mesos::timing::Timing;
use serve::{Listening, Peer};

use agent_options::AgentOptions;

const PORT: u16 = 5050;

#[derive(Debug, thiserror::Error)]
pub enum MesosError {
    #[error("cannot understand --resources")]
    Resources(#[source] mini_mesos::resources::ParseError),
    #[error("cannot understand --attributes")]
    Attributes(#[source] mini_mesos::resources::ParseError),
    #[error("{option} was given {given} times for {agents} agents, expected once or once for each")]
    Count { option: &'static str, given: usize, agents: u16 },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot understand {}", path.display())]
    Credentials { path: PathBuf, source: CredentialsError },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot use the work directory {}", path.display())]
    WorkDir { path: PathBuf, source: io::Error },
    #[error("cannot find out from which address this host reaches {master}: set --ip")]
    Route { master: String, source: io::Error },
    #[error("this agent cannot join a master")]
    Master(#[source] DialError),
    #[error("cannot set up an event loop or a signal handler")]
    Runtime(#[source] io::Error),
}

impl MesosError {
    fn exit(&self) -> Exit {
        match self {
            Self::Resources(_) | Self::Attributes(_) | Self::Count { .. } => Exit::Usage,
            Self::Credentials { .. } => Exit::Data,
            Self::Read { .. } => Exit::NoInput,
            Self::Listen { .. } | Self::Write { .. } | Self::WorkDir { .. } => Exit::CannotCreate,
            Self::Route { .. } | Self::Master(_) => Exit::Unavailable,
            Self::Runtime(_) => Exit::Os,
        }
    }
}

/// Runs until SIGTERM or SIGINT and returns the exit code.
pub fn run(options: &Options, environment: &Environment, inherited: &Inherited) -> u8 {
    log::start(log::level(environment.text(log::LEVEL_VARIABLE)), "mesos", init::write_to_stderr);
    match try_run(options, inherited) {
        Ok(()) => Exit::Ok.code(),
        Err(error) => {
            log::line(Level::ERROR, "mesos", &log::chain(&error));
            error.exit().code()
        }
    }
}

fn try_run(options: &Options, inherited: &Inherited) -> Result<(), MesosError> {
    // Tasks are started with the limit that this process was started with.
    descriptors::raise();
    // One thread, for only such a process may fork.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(MesosError::Runtime)?;
    runtime.spawn(log::catch_up("mesos"));
    match &options.master {
        Some(master) => runtime.block_on(agent::serve(options, master, inherited)),
        None => runtime.block_on(serve(options, inherited)),
    }
}

async fn serve(options: &Options, inherited: &Inherited) -> Result<(), MesosError> {
    let given = agent_options::read(options)?;
    let credentials = credentials(options, options.authenticate_http_frameworks)?;
    let guards = guards(options)?;
    let stop = stop_signal(inherited)?;
    let ip = options.ip.unwrap_or(Ipv4Addr::LOCALHOST);
    let (listener, address) = listen(options, SocketAddr::from((ip, options.port.unwrap_or(PORT)))).await?;
    let reaper = Reaper::start().map_err(MesosError::Runtime)?;
    let (cluster, sandboxes) = assemble(options, given, ip, address.port(), &reaper)?;
    announce(options, address)?;
    let (inputs, receiver) = mpsc::channel(MAX_INPUTS_WAITING);
    let hostname = hostname(options, ip);
    let leadership = cluster.leadership();
    let router = http::router(Server {
        cluster: inputs,
        address,
        hostname,
        credentials,
        leadership,
        sandboxes,
        guards,
    });
    let service = router.into_make_service_with_connect_info::<Peer>();
    let server = tokio::spawn(axum::serve(Listening::new(listener, "mesos"), service).into_future());
    cluster.run(receiver, stop).await;
    server.abort();
    Ok(())
}

/// Waits for SIGTERM or SIGINT, which nobody takes but this, also as PID 1.
fn stop_signal(inherited: &Inherited) -> Result<impl Future<Output = ()>, MesosError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(MesosError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(MesosError::Runtime)?;
    init::unblock_signals(inherited);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

/// Answers the port as well that was picked.
async fn listen(options: &Options, address: SocketAddr) -> Result<(TcpListener, SocketAddr), MesosError> {
    let listener = match options.listen_fd {
        Some(number) => adopt_listener(number),
        None => TcpListener::bind(address).await,
    };
    let listener = listener.map_err(|source| MesosError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| MesosError::Listen { address, source })?;
    Ok((listener, address))
}

fn announce(options: &Options, address: SocketAddr) -> Result<(), MesosError> {
    if let Some(path) = &options.port_file {
        write_port(path, address.port())
            .map_err(|source| MesosError::Write { path: path.clone(), source })?;
    }
    tracing::info!("listening on http://{address}");
    Ok(())
}

/// A reader finds the whole number or no file.
fn write_port(path: &Path, port: u16) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    std::fs::write(&unfinished, format!("{port}\n"))?;
    std::fs::rename(unfinished, path)
}

fn guards(options: &Options) -> Result<Guards, MesosError> {
    Ok(Guards {
        readonly: credentials(options, options.authenticate_http_readonly)?,
        readwrite: credentials(options, options.authenticate_http_readwrite)?,
    })
}

/// None where nobody is asked for them.
fn credentials(options: &Options, are_asked_for: bool) -> Result<Option<Arc<Credentials>>, MesosError> {
    let Some(path) = options.credentials.as_ref().filter(|_| are_asked_for) else {
        return Ok(None);
    };
    let text =
        std::fs::read_to_string(path).map_err(|source| MesosError::Read { path: path.clone(), source })?;
    let credentials = Credentials::parse(&text);
    let credentials = credentials.map_err(|source| MesosError::Credentials { path: path.clone(), source })?;
    Ok(Some(Arc::new(credentials)))
}

fn hostname(options: &Options, ip: Ipv4Addr) -> String {
    options.hostname.clone().unwrap_or_else(|| ip.to_string())
}

fn adopt_listener(number: i32) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(init::adopt_fd(number)?);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn assemble(
    options: &Options,
    given: Vec<AgentOptions>,
    ip: Ipv4Addr,
    port: u16,
    reaper: &Reaper,
) -> Result<(Cluster, Sandboxes), MesosError> {
    let epoch = epoch();
    let clock = Clock::start();
    let mut ids = ids(options);
    let timing = Timing {
        agent_ping: options.agent_ping_timeout,
        agent_pings_missed_most: options.max_agent_ping_timeouts,
        agent_reregister: options.agent_reregister_timeout,
        offer_timeout: options.offer_timeout,
        ..Timing::REAL
    };
    let settings = master::Settings {
        ip,
        port,
        hostname: hostname(options, ip),
        domain: options.domain.clone(),
        roles: (!options.roles.is_empty()).then(|| options.roles.iter().cloned().collect::<BTreeSet<_>>()),
        timing,
        epoch,
    };
    let mut master = Master::new(settings, ids.fork(), Moment::START);
    let work_dir = absolute(&options.work_dir)?;
    let several = given.len() > 1;
    let (mut agents, mut work_dirs) = (BTreeMap::new(), Vec::new());
    for (number, agent) in (1..=MAX_AGENTS).zip(given) {
        let work_dir = if several { work_dir.join(number.to_string()) } else { work_dir.clone() };
        make(&work_dir)?;
        work_dirs.push(work_dir.clone());
        let ip_text = ip.to_string();
        let description = AgentDescription {
            hostname: hostname(options, ip),
            ip: ip_text,
            // All in this process share its port, as in `mesos-local`.
            port,
            number,
            attributes: agent.attributes,
            domain: agent.domain,
            resources: agent.resources,
        };
        let id = master.handle_agent_registered(description.clone(), Moment::START);
        let containment = options.containment();
        let settings =
            mini_mesos::agent::Settings { id: id.clone(), description, work_dir, timing, epoch, containment };
        agents.insert(id, Agent::new(settings, ids.fork(), Moment::START));
    }
    let sandboxes = Sandboxes::new(work_dirs);
    Ok((Cluster::new(master, agents, ids, Pace::new(clock, options.time_scale), reaper), sandboxes))
}

/// Seconds since 1970, now.
fn epoch() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

fn ids(options: &Options) -> Ids {
    Ids::seeded(options.seed.unwrap_or_else(|| fastrand::u64(..)))
}

fn absolute(work_dir: &Path) -> Result<PathBuf, MesosError> {
    std::path::absolute(work_dir).map_err(|source| MesosError::WorkDir { path: work_dir.to_owned(), source })
}

fn make(work_dir: &Path) -> Result<(), MesosError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        // Tasks of other users reach their sandboxes through it.
        .mode(0o711)
        .create(work_dir)
        .map_err(|source| MesosError::WorkDir { path: work_dir.to_owned(), source })
}
