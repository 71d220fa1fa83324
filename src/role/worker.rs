//! `worker`: the scheduler with its servers, started and started again by init.

use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{debug, error};

use crate::artifact::bundle::Bundle;
use crate::artifact::{self, Configuration, overlay};
use crate::cli::{ClusterOptions, WorkerOptions};
use crate::conf::environment::Environment;
use crate::conf::settings::{Delivery, SecretSource, Settings};
use crate::conf::{Mode, write};
use crate::exit::Exit;
use crate::flink::pulse::Endpoint;
use crate::flink::rest::RestClient;
use crate::ha::memory::MemoryStore;
use crate::ha::{Store, StoreError};
use crate::lease::Lease;
use crate::mesos::address::MasterAddress;
use crate::mesos::client::{self, Config, Credentials, Masters};
use crate::mesos::detector;
use crate::mesos::wire::framework::FrameworkInfo;
use crate::mesos::wire::id::FrameworkId;
use crate::scheduler::driver::{Driver, Message, RunError};
use crate::scheduler::spec::Spec;
use crate::scheduler::state::State;
use crate::scheduler::{Failure, Scheduler};
use crate::time::Clock;
use crate::{init, log, status};

use super::error::{Fatal, fatal};
use super::setup::Setup;

mod cleanup;
mod container;
mod delivery;
mod desk;
mod ensemble;
mod framework;
mod jobmanager;
mod spec;

use desk::Desk;
use jobmanager::JobManagerEnd;

pub use spec::taskmanager_memory_mb;

/// Messages of other rooms that wait for the scheduler; more means that it is stuck.
const INBOX_WAITING_MOST: usize = 64;

/// How often the JobManager's port is tried until it is open.
const LISTENING_POLL: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
#[error("failed to read {}, which mesos.master names", path.display())]
struct MasterFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("failed to read mesos.resourcemanager.framework.secret-file {path}")]
    Unreadable {
        path: String,
        #[source]
        source: io::Error,
    },
}

pub fn run(options: &WorkerOptions, environment: &Environment) -> Result<u8, Fatal> {
    log::start(log::level(environment.text(log::LEVEL_VARIABLE)), "worker");
    super::runtime()?.block_on(work(options, environment))?;
    Ok(Exit::Ok.code())
}

async fn work(options: &WorkerOptions, environment: &Environment) -> Result<(), Fatal> {
    let clock = Clock::start();
    let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut environment = environment.clone();
    environment.set("FLINK_HOME", &options.flink_home);
    environment.set("JAVA_HOME", &options.java_home);
    let cluster = ClusterOptions { properties: Vec::new(), conf_dir: Some(options.conf_dir.clone()) };
    let setup = Setup::open(&cluster, environment, Mode::Effective)?;
    let settings = setup.settings()?;

    let artifacts = StdTcpListener::from(adopt(options.artifacts_fd)?);
    let address = artifacts.local_addr().map_err(fatal(Exit::Os))?;
    let artifacts_url = format!("http://{}:{}", settings.job_manager.address, address.port());
    let bundles = delivery::bundles(&setup, &settings, options.local)?;
    let spec = spec::of(&setup, &settings, options.local, &artifacts_url, &bundles, epoch)?;
    let framework = framework::info(&settings, &spec.roles, &setup.loaded.table, &setup.environment);
    let (masters, credentials) = (masters(&settings)?, credentials(&settings)?);
    let (inbox, messages) = mpsc::channel(INBOX_WAITING_MOST);
    let (rpc, rest) = endpoints(&settings);
    let jobmanager = watch_taskmanagers(rest.as_ref().filter(|_| !options.local), inbox.clone())?;
    let work = Work { spec, framework, masters, credentials, jobmanager, clock };
    let surroundings = status::Surroundings { rest, warnings: options.warning.clone() };
    let served = Served { configuration: served_configuration(&setup, &settings, options)?, bundles };
    spawn_servers(options, artifacts, served, &inbox, surroundings)?;
    tokio::spawn(watch_jobmanager(rpc, inbox.clone()));

    match &settings.high_availability {
        None => {
            let mut store = MemoryStore::new(adopt(options.state_fd)?);
            tokio::spawn(watch_signals(inbox)?);
            let state = store.load().await.map_err(|error| stopped(error.into()))?;
            work.schedule(store, state, Lease::unlimited(), messages).await.map_err(stopped)
        }
        Some(ha) => {
            let end = JobManagerEnd::new(adopt(options.jobmanager_end_fd)?);
            let ensemble = ensemble::open(&setup, ha)?;
            Desk::open(&settings, ha, ensemble, messages, end, endpoints(&settings).1)?.work(&work).await
        }
    }
}

/// What a scheduler needs besides the state, whoever keeps that.
struct Work {
    spec: Spec,
    /// Without id.
    framework: FrameworkInfo,
    masters: Masters,
    credentials: Option<Credentials>,
    /// Whom to ask which TaskManagers the JobManager hears.
    jobmanager: mpsc::Sender<()>,
    clock: Clock,
}

impl Work {
    /// Until the framework is torn down.
    async fn schedule<S: Store>(
        &self,
        store: S,
        state: Option<State>,
        lease: Lease,
        inbox: mpsc::Receiver<Message>,
    ) -> Result<(), RunError> {
        let state = state.unwrap_or_else(fresh_state);
        let mut registered = self.framework.clone();
        registered.id = state.framework_id.as_ref().map(FrameworkId::new);
        let (calls, reports) = client::start(Config {
            masters: self.masters.clone(),
            framework: registered,
            suppressed_roles: self.spec.roles.clone(),
            credentials: self.credentials.clone(),
            lease,
        })?;
        let scheduler = Scheduler::new(self.spec.clone(), state, fastrand::u64(..), self.clock.now());
        let (clock, framework, jobmanager) = (self.clock, self.framework.clone(), self.jobmanager.clone());
        Driver { scheduler, clock, calls, reports, inbox, jobmanager, store, framework }.run().await
    }
}

fn stopped(error: RunError) -> Fatal {
    let exit = match &error {
        RunError::Failed(Failure::NoMaster { .. } | Failure::Refused { .. } | Failure::Superseded) => {
            Exit::Unavailable
        }
        RunError::Start(_) => Exit::Config,
        RunError::Store(StoreError::Node { .. } | StoreError::Record(_)) => Exit::Data,
        RunError::Failed(Failure::TooManyFailures { .. }) => Exit::TooManyFailures,
        RunError::Store(_) | RunError::Client(_) => Exit::Software,
    };
    Fatal::new(exit, error)
}

fn fresh_state() -> State {
    let mut token_secret = [0; 32];
    token_secret[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    token_secret[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    State { token_secret, ..State::default() }
}

fn adopt(fd: i32) -> Result<OwnedFd, Fatal> {
    init::adopt_fd(fd).map_err(fatal(Exit::Software))
}

/// Finds what the worker would end over, before anything is started.
pub fn check(setup: &Setup, settings: &Settings) -> Result<(), Fatal> {
    master(settings)?;
    if let Some(ha) = &settings.high_availability {
        ensemble::security(setup, ha)?;
    }
    credentials(settings)?;
    Ok(())
}

fn master(settings: &Settings) -> Result<MasterAddress, Fatal> {
    match &settings.master {
        MasterAddress::File(path) => {
            let content = std::fs::read_to_string(path)
                .map_err(|source| MasterFileError { path: path.clone(), source })
                .map_err(fatal(Exit::NoInput))?;
            MasterAddress::from_file(&content).map_err(fatal(Exit::Config))
        }
        address @ (MasterAddress::Masters(_) | MasterAddress::ZooKeeper(_)) => Ok(address.clone()),
    }
}

fn masters(settings: &Settings) -> Result<Masters, Fatal> {
    match master(settings)? {
        MasterAddress::Masters(masters) => Ok(Masters::Known(masters)),
        MasterAddress::ZooKeeper(address) => Ok(Masters::Detected(detector::start(&address))),
        MasterAddress::File(_) => Err(Fatal::new(Exit::Config, "mesos.master names no master as host:port")),
    }
}

fn credentials(settings: &Settings) -> Result<Option<Credentials>, Fatal> {
    let Some(identity) = &settings.framework.identity else { return Ok(None) };
    let secret = match &identity.secret {
        None => return Ok(None),
        Some(SecretSource::Value(secret)) => secret.expose().to_owned(),
        Some(SecretSource::File(path)) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|source| SecretError::Unreadable { path: path.display().to_string(), source })
            .map_err(fatal(Exit::NoInput))?,
    };
    Ok(Some(Credentials { principal: identity.principal.clone(), secret }))
}

/// What TaskManagers get: the effective configuration without what concerns the framework alone, its secret above
/// all.
fn served_configuration(
    setup: &Setup,
    settings: &Settings,
    options: &WorkerOptions,
) -> Result<Configuration, Fatal> {
    let mut configuration = Configuration::read(&options.conf_dir).map_err(fatal(Exit::NoInput))?;
    let mut table = setup.loaded.table.clone();
    let own: Vec<_> =
        table.iter().map(|(key, _)| key.to_owned()).filter(|key| key.starts_with("mesos.")).collect();
    for key in own {
        table.remove(&key);
    }
    if settings.tasks.delivery == Delivery::Everything && !options.local {
        // It is where the task unpacks it.
        table.remove("env.java.home");
    }
    if settings.tasks.delivery != Delivery::Nothing && !options.local {
        let hadoop = setup.environment.text("HADOOP_CONF_DIR");
        overlay::add(&mut table, hadoop, &mut configuration.files).map_err(fatal(Exit::NoInput))?;
    }
    let grammar = setup.loaded.grammar;
    let text = write::render(&table, grammar).map_err(fatal(Exit::Config))?;
    configuration.files.insert(grammar.file_name().to_owned(), text.into_bytes());
    Ok(configuration)
}

/// What agents fetch.
struct Served {
    configuration: Configuration,
    bundles: Vec<Bundle>,
}

fn spawn_servers(
    options: &WorkerOptions,
    artifacts: StdTcpListener,
    served: Served,
    inbox: &mpsc::Sender<Message>,
    surroundings: status::Surroundings,
) -> Result<(), Fatal> {
    let artifacts = asynchronous(artifacts)?;
    let status = options.status_fd.map(|fd| asynchronous(adopt(fd)?.into())).transpose()?;
    let socket = options
        .socket_fd
        .map(|fd| {
            let socket = StdUnixListener::from(adopt(fd)?);
            socket.set_nonblocking(true).map_err(fatal(Exit::Os))?;
            UnixListener::from_std(socket).map_err(fatal(Exit::Os))
        })
        .transpose()?;
    let inbox = inbox.clone();
    tokio::spawn(async move {
        let ended = tokio::try_join!(
            artifact::serve(artifacts, &served.configuration, served.bundles, inbox.clone()),
            status::serve(status, socket, inbox, surroundings)
        );
        if let Err(failure) = ended {
            error!("a server has ended: {}", log::chain(&failure));
        }
    });
    Ok(())
}

/// The JobManager's, of RPC and REST. Of a range or any free port nobody can tell from outside which one it will be.
fn endpoints(settings: &Settings) -> (Option<Endpoint>, Option<Endpoint>) {
    let jobmanager = &settings.job_manager;
    let at = |port: Option<u16>| port.map(|port| Endpoint::here(&jobmanager.address, port));
    (at(jobmanager.rpc_ports.single()), at(jobmanager.rest_ports.single()))
}

fn asynchronous(listener: StdTcpListener) -> Result<TcpListener, Fatal> {
    listener.set_nonblocking(true).map_err(fatal(Exit::Os))?;
    TcpListener::from_std(listener).map_err(fatal(Exit::Os))
}

/// Tells the scheduler when TaskManagers can register: at once where nobody can tell.
async fn watch_jobmanager(rpc: Option<Endpoint>, inbox: mpsc::Sender<Message>) {
    if let Some(rpc) = rpc {
        while !rpc.listens().await {
            tokio::time::sleep(LISTENING_POLL).await;
        }
    }
    let _ = inbox.send(Message::JobManagerListening).await;
}

/// Asks the JobManager which TaskManagers it hears, whenever the scheduler wants to know. Tasks of an embedded Mesos
/// end with it: there the JobManager would only be the last to notice, and nobody is asked.
fn watch_taskmanagers(
    rest: Option<&Endpoint>,
    inbox: mpsc::Sender<Message>,
) -> Result<mpsc::Sender<()>, Fatal> {
    let (ask, mut asked) = mpsc::channel(1);
    let Some(rest) = rest else { return Ok(ask) };
    let clients = rest.urls().map(|url| RestClient::new(&url));
    let clients = clients.collect::<Result<Vec<_>, _>>().map_err(fatal(Exit::Software))?;
    tokio::spawn(async move {
        while let Some(()) = asked.recv().await {
            if let Some(heard) = heard_taskmanagers(&clients).await
                && inbox.send(Message::TaskManagersHeard(heard)).await.is_err()
            {
                return;
            }
        }
    });
    Ok(ask)
}

async fn heard_taskmanagers(clients: &[RestClient]) -> Option<BTreeSet<String>> {
    for client in clients {
        match client.taskmanagers().await {
            Ok(heard) => return Some(heard.into_iter().map(|taskmanager| taskmanager.id).collect()),
            Err(error) => debug!("the JobManager does not answer: {}", log::chain(&error)),
        }
    }
    None
}

/// SIGTERM ends the cluster: without high availability nobody could go on with it.
fn watch_signals(inbox: mpsc::Sender<Message>) -> Result<impl Future<Output = ()>, Fatal> {
    let mut term = signal(SignalKind::terminate()).map_err(fatal(Exit::Os))?;
    Ok(async move {
        while term.recv().await.is_some() {
            if inbox.send(Message::End).await.is_err() {
                return;
            }
        }
    })
}
