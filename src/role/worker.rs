//! `worker`: the scheduler with its servers, started and started again by init.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use crate::cli::WorkerOptions;
use artifact::{self, Bundles, Configuration};
use base::descriptors;
use base::events::Journal;
use base::exit::Exit;
use base::lease::Lease;
use base::log;
use base::time::Clock;
use conf::environment::Environment;
use domain::state::State;
use domain::store::{Store, StoreError};
use domain::succession::Succession;
use flink::pulse::Endpoint;
use ha::memory::MemoryStore;
use init::plan::Inherited;
use mesos::client::{self, Config, Credentials, Masters, Trust};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::FrameworkId;
use scheduler::driver::{Driver, Message, Observer, RunError};
use scheduler::spec::Spec;
use scheduler::{Failure, Scheduler};
use serve::{Listening, TlsListener};
use status::jobmanager::Watch;
use status::lookout::Lookout;
use tls::Identity;

use super::error::{Fatal, fatal};
use super::handover::Handover;

mod access;
mod alone;
mod cleanup;
pub mod container;
mod delivery;
mod desk;
mod ensemble;
mod farewell;
mod framework;
mod jobmanager;
mod keeper;
mod neighbours;
mod pulse;
mod spec;
mod watches;

use access::{credentials, identity, masters, trust};
use alone::Alone;
use delivery::{Files, Server};
use desk::Desk;
use farewell::{Ended, Leaves};
use jobmanager::JobManagerEnd;
use keeper::{Keeper, Origin};
use watches::{endpoints, spawn_scaling, watch_jobmanager, watch_taskmanagers};

pub use access::{check, unusable_state_dir};
pub use delivery::configuration as delivered;
pub use spec::taskmanager_memory_mb;

/// Messages of other rooms that wait for the scheduler; more means that it is stuck.
const INBOX_WAITING_MOST: usize = 64;

/// All signals are blocked: an order to stop that comes before anybody waits for it is kept.
pub fn run(options: &WorkerOptions, environment: &Environment, inherited: &Inherited) -> Result<u8, Fatal> {
    log::start(log::level(environment.text(log::LEVEL_VARIABLE)), "worker", init::write_to_stderr);
    descriptors::raise();
    let runtime = super::runtime()?;
    runtime.spawn(log::catch_up("worker"));
    let ended = runtime.block_on(work(options, environment, inherited));
    // What is still being read for agents keeps nobody from hearing why this ends.
    runtime.shutdown_background();
    ended.map(|()| Exit::Ok.code())
}

async fn work(
    options: &WorkerOptions,
    environment: &Environment,
    inherited: &Inherited,
) -> Result<(), Fatal> {
    let mut term = signal(SignalKind::terminate()).map_err(fatal(Exit::Os))?;
    init::unblock_signals(inherited);
    let state = adopt(options.state_fd)?;
    let again = || state.try_clone().map_err(fatal(Exit::Os));
    let opened = match open(options, environment) {
        Ok(opened) => opened,
        Err(fatal) => {
            farewell::tell_rest(&mut MemoryStore::new(state)).await;
            return Err(fatal);
        }
    };
    let within = Duration::from_millis(options.farewell_ms);
    match opened.handover.settings.succession() {
        Succession::Elected => {
            if options.farewell {
                // As if init had told a worker that runs.
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).map_err(fatal(Exit::Os))?;
            }
            let ended = serve(&opened, options, state, &mut term).await;
            ended.map_err(|ended| ended.fatal)
        }
        Succession::Kept => {
            let ended = match options.farewell {
                true => keeper::said_farewell(adopt(options.jobmanager_end_fd)?),
                false => serve(&opened, options, again()?, &mut term).await,
            };
            keeper::end(ended, &opened, state, within).await
        }
        Succession::Nobody => {
            let ended =
                if options.farewell { Ok(()) } else { serve(&opened, options, again()?, &mut term).await };
            let leaves = ended.as_ref().err().map_or(Leaves::Framework, |ended| ended.leaves);
            farewell::tear_down_rest(&opened, &mut MemoryStore::new(state), leaves, within).await;
            ended.map_err(|ended| ended.fatal)
        }
    }
}

/// What the AppMaster has found, and what follows from it.
struct Opened {
    handover: Handover,
    masters: Masters,
    /// The embedded Mesos and its tasks end with this container.
    local: bool,
}

fn open(options: &WorkerOptions, environment: &Environment) -> Result<Opened, Fatal> {
    let mut handover = Handover::read(adopt(options.settings_fd)?).map_err(fatal(Exit::Software))?;
    handover.setup.environment = environment.clone();
    let masters = masters(&handover.settings)?;
    Ok(Opened { handover, masters, local: options.local })
}

/// Until the cluster has ended, for this worker or for all.
async fn serve(
    opened: &Opened,
    options: &WorkerOptions,
    state: OwnedFd,
    term: &mut Signal,
) -> Result<(), Ended> {
    let Opened { handover, masters, .. } = opened;
    let Handover { setup, settings, delivered: configuration, .. } = handover;
    let clock = Clock::start();
    let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let artifacts = StdTcpListener::from(adopt(options.artifacts_fd)?);
    let address = artifacts.local_addr().map_err(fatal(Exit::Os))?;
    let identity = identity(settings)?.map(Arc::new);
    let server = Server::new(settings, address.port(), identity.as_ref());
    let sources = delivery::sources(setup, settings, options.local)?;
    let spec = spec::of(setup, settings, options.local, &server, &sources, epoch)?;
    let files = Files::new(sources, settings, &server.url);
    let framework = framework::info(settings, &spec.roles);
    let (masters, credentials) = (masters.clone(), credentials(settings)?);
    let (inbox, messages) = mpsc::channel(INBOX_WAITING_MOST);
    let (rpc, rest) = endpoints(settings, identity.as_deref())?;
    let clients =
        rest.as_ref().map(Endpoint::clients).transpose().map_err(fatal(Exit::Software))?.unwrap_or_default();
    let jobmanager = watch_taskmanagers(clients.clone(), inbox.clone());
    let lookout = Arc::new(Lookout::default());
    let journal = Arc::clone(&lookout.journal);
    let about = about(options, handover, &framework);
    let status = status::Sources {
        inbox: inbox.clone(),
        jobmanager: Watch::new(rest.clone(), clients.clone()),
        about,
        lookout: Arc::clone(&lookout),
    };
    let delivery = files.delivery();
    let trust = trust(settings);
    let work = Work { spec, delivery, framework, masters, credentials, trust, jobmanager, lookout, clock };
    let origin =
        Origin { digest: keeper::digest(setup, &work.spec, configuration), artifact_port: address.port() };
    let served = Served {
        configuration: configuration.clone(),
        bundles: files.bundles(),
        identity: server.identity,
        journal: Arc::clone(&journal),
    };
    spawn_servers(options, artifacts, served, &inbox, status)?;
    neighbours::spawn(&work, settings, inbox.clone())?;
    spawn_scaling(&settings.scaling, clients.clone(), clock, inbox.clone());
    tokio::spawn(watch_jobmanager(rpc, rest, inbox.clone(), Arc::clone(&journal)));
    let reading = files.read(inbox.clone(), journal);
    if settings.succession() == Succession::Nobody {
        let within = Duration::from_millis(options.farewell_ms);
        let alone = Alone { work: &work, inbox, messages, term, within };
        return alone.run(MemoryStore::new(state), reading).await;
    }
    let end = JobManagerEnd::new(adopt(options.jobmanager_end_fd)?);
    let Some(ha) = &settings.high_availability else {
        let keeper = Keeper::open(settings, options, state, origin, messages, end);
        return tokio::select! {
            ended = keeper.work(&work, term) => ended,
            Err(unread) = reading => Err(unread.into()),
        };
    };
    let ensemble = ensemble::open(setup, ha)?;
    let journal = Arc::clone(&work.lookout.journal);
    let desk = Desk::open(settings, ha, ensemble, messages, term, end, clients, journal);
    tokio::select! {
        ended = desk.work(&work) => Ok(ended?),
        Err(unread) = reading => Err(unread.into()),
    }
}

/// What a scheduler needs besides the state, whoever keeps that.
struct Work {
    spec: Spec,
    /// Of the spec, when it is known.
    delivery: watch::Receiver<Option<scheduler::spec::Delivery>>,
    /// Without id.
    framework: FrameworkInfo,
    masters: Masters,
    trust: Trust,
    credentials: Option<Credentials>,
    /// Whom to ask which TaskManagers the JobManager hears.
    jobmanager: mpsc::Sender<()>,
    lookout: Arc<Lookout>,
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
        let state = named(state.unwrap_or_else(fresh_state));
        let mut registered = self.framework.clone();
        registered.id = state.framework_id.as_ref().map(FrameworkId::new);
        let (calls, reports) = client::start(Config {
            masters: self.masters.clone(),
            framework: registered,
            suppressed_roles: self.spec.roles.clone(),
            credentials: self.credentials.clone(),
            lease,
            trust: self.trust.clone(),
        })?;
        let mut spec = self.spec.clone();
        spec.template.delivery.clone_from(&self.delivery.borrow());
        let scheduler = Scheduler::new(spec, state, fastrand::u64(..), self.clock.now());
        let (clock, framework, jobmanager) = (self.clock, self.framework.clone(), self.jobmanager.clone());
        let observer = Arc::clone(&self.lookout) as Arc<dyn Observer>;
        Driver { scheduler, clock, calls, reports, inbox, jobmanager, store, observer, framework }.run().await
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

/// Letters and digits that neither make words nor look like each other.
const NONCE_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Of 387 million, so that clusters that follow each other at one address never have the same.
const NONCE_LENGTH: usize = 6;

/// A state that has none yet gets a nonce; it is stored with the next task's number.
fn named(state: State) -> State {
    if !state.nonce.is_empty() {
        return state;
    }
    let random = *uuid::Uuid::new_v4().as_bytes();
    let letter = |byte: &u8| char::from(NONCE_LETTERS[usize::from(*byte) % NONCE_LETTERS.len()]);
    State { nonce: random[..NONCE_LENGTH].iter().map(letter).collect(), ..state }
}

fn adopt(fd: i32) -> Result<OwnedFd, Fatal> {
    init::adopt_fd(fd).map_err(fatal(Exit::Software))
}

/// What the status tells besides reports.
fn about(options: &WorkerOptions, handover: &Handover, framework: &FrameworkInfo) -> status::About {
    status::About {
        framework_name: framework.name.clone().unwrap_or_default(),
        flink_ui: framework.webui_url.clone(),
        mesos_ui: !options.local,
        warnings: handover.warnings.clone(),
        configuration: handover.shown.clone(),
    }
}

/// What agents fetch.
struct Served {
    configuration: Configuration,
    bundles: Bundles,
    identity: Option<Arc<Identity>>,
    journal: Arc<Journal>,
}

fn spawn_servers(
    options: &WorkerOptions,
    artifacts: StdTcpListener,
    served: Served,
    inbox: &mpsc::Sender<Message>,
    sources: status::Sources,
) -> Result<(), Fatal> {
    let tls = served.identity.as_ref().map(|identity| identity.server()).transpose();
    let tls = tls.map_err(fatal(Exit::Config))?;
    let artifacts = asynchronous(artifacts)?;
    let status = options.status_fd.map(|fd| asynchronous(adopt(fd)?.into())).transpose()?;
    if let Some(address) = status.as_ref().and_then(|status| status.local_addr().ok()) {
        info!("status page on port {}", address.port());
    }
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
            serve_artifacts(artifacts, tls, &served, inbox),
            status::serve(status, socket, sources)
        );
        if let Err(failure) = ended {
            error!("a server has ended: {}", log::chain(&failure));
        }
    });
    Ok(())
}

async fn serve_artifacts(
    listener: TcpListener,
    tls: Option<ServerConfig>,
    served: &Served,
    inbox: mpsc::Sender<Message>,
) -> io::Result<()> {
    let (bundles, journal) = (served.bundles.clone(), Arc::clone(&served.journal));
    let listener = Listening::new(listener, "artifact server");
    match tls {
        None => artifact::serve(listener, &served.configuration, bundles, inbox, journal).await,
        Some(tls) => {
            let listener = TlsListener::new(listener, tls)?;
            artifact::serve(listener, &served.configuration, bundles, inbox, journal).await
        }
    }
}

fn asynchronous(listener: StdTcpListener) -> Result<TcpListener, Fatal> {
    listener.set_nonblocking(true).map_err(fatal(Exit::Os))?;
    TcpListener::from_std(listener).map_err(fatal(Exit::Os))
}
