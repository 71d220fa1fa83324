//! `worker`: the scheduler with its servers, started and started again by init.

use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::WorkerOptions;
use artifact::{Configuration, Configurations};
use axum::Router;
use base::descriptors;
use base::exit::Exit;
use base::lease::Lease;
use base::log;
use base::random;
use base::time::Clock;
use conf::environment::Environment;
use domain::state::State;
use domain::store::{Store, StoreError};
use domain::succession::Succession;
use flink::pulse::Endpoint;
use flink::rest::RestClient;
use ha::memory::MemoryStore;
use init::plan::Inherited;
use mesos::client::{self, Config, Credentials, Masters, Trust};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::FrameworkId;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests::Request;
use scheduler::driver::{Driver, Observer, RunError};
use scheduler::spec::Spec;
use scheduler::{Failure, Scheduler};
use serve::Closing;
use status::jobmanager::Watch;
use status::lookout::Lookout;

use super::error::{Fatal, fatal};
use super::handover::Handover;

mod access;
mod alone;
mod cleanup;
pub mod container;
mod delivery;
mod ensemble;
mod farewell;
mod framework;
mod ha_worker;
mod home;
mod jobmanager;
mod keeper;
mod logs;
mod neighbours;
mod pulse;
mod reception;
pub mod servers;
mod spec;
mod submission;
mod watches;

use access::identity;
use alone::Alone;
use delivery::{Files, Server};
use farewell::{Ended, Leaves};
use ha_worker::{HaWorker, Parts};
use jobmanager::JobManagerEnd;
use keeper::{Keeper, Origin};
use reception::Reception;
use watches::{endpoints, spawn_scaling, watch_jobmanager, watch_taskmanagers};

pub use access::{check, unusable_state_dir};
pub use access::{credentials, identity_told, masters, silence_told, trust};
pub use container::info as container_info;
pub use delivery::configuration as delivered;
pub use delivery::{delivery_of, flink_plan, java_plan, program_plan};
pub use ensemble::{security_without_flink, with as ensemble_with};
pub use farewell::tear_down_as as tear_down;
pub use framework::info as framework_info;
pub use home::create as create_orders;
pub use servers::{Artifacts, start_artifacts};
pub use spec::{TASKMANAGER, first_target, patience, port_keys, taskmanager_memory_mb, taskmanager_need};

/// All signals are blocked: an order to stop that comes before anybody waits for it is kept.
pub fn run(options: &WorkerOptions, environment: &Environment, inherited: &Inherited) -> Result<u8, Fatal> {
    log::start(log::level(environment.text(log::LEVEL_VARIABLE)), "worker", init::write_to_stderr);
    descriptors::raise();
    let runtime = super::runtime()?;
    runtime.spawn(log::catch_up("worker"));
    let closing = Closing::default();
    let ended = runtime.block_on(work(options, environment, inherited, &closing));
    runtime.block_on(closing.close());
    // What is still being read for agents keeps nobody from hearing why this ends.
    runtime.shutdown_background();
    ended.map(|()| Exit::Ok.code())
}

async fn work(
    options: &WorkerOptions,
    environment: &Environment,
    inherited: &Inherited,
    closing: &Closing,
) -> Result<(), Fatal> {
    let mut term = signal(SignalKind::terminate()).map_err(fatal(Exit::Os))?;
    init::unblock_signals(inherited);
    let state = adopt(options.state_fd)?;
    let again = || state.try_clone().map_err(fatal(Exit::Os));
    let opened = match open(options, environment, closing) {
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
    closing: Closing,
}

fn open(options: &WorkerOptions, environment: &Environment, closing: &Closing) -> Result<Opened, Fatal> {
    let mut handover = Handover::read(adopt(options.settings_fd)?).map_err(fatal(Exit::Software))?;
    handover.setup.environment = environment.clone();
    let masters = masters(&handover.settings)?;
    Ok(Opened { handover, masters, local: options.local, closing: closing.clone() })
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
    let (clock, epoch) = (Clock::start(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
    let artifacts = StdTcpListener::from(adopt(options.artifacts_fd)?);
    let address = artifacts.local_addr().map_err(fatal(Exit::Os))?;
    let identity = identity(settings)?.map(Arc::new);
    let server = Server::new(settings, address.port(), identity.as_ref());
    let sources = delivery::sources(setup, settings, &handover.files, options.local)?;
    let spec = spec::of(setup, settings, options.local, &server, &sources, epoch)?;
    let facts = Facts::default();
    let files = Files::new(sources, settings, &server.url, facts.delivery.clone());
    let framework = framework::info(settings, &spec.roles);
    let (masters, credentials, trust) = (masters.clone(), credentials(settings)?, trust(settings));
    let (requests, reception) = Reception::open(&facts, settings.succession());
    let (rpc, rest) = endpoints(settings, identity.as_deref())?;
    let clients = rest_clients(rest.as_ref())?;
    let jobmanager = watch_taskmanagers(clients.clone(), facts.heard.clone());
    let lookout = Arc::new(Lookout::default());
    let journal = Arc::clone(&lookout.journal);
    let status = status::Sources {
        requests,
        // On a thread of their own: connections belong to the runtime that opened them.
        jobmanager: Watch::new(rest.clone(), rest_clients(rest.as_ref())?),
        about: about(options, handover, &framework),
        lookout: Arc::clone(&lookout),
        logs: Some(logs::of(&setup.environment, &masters, &trust, credentials.as_ref())?),
        closing: opened.closing.clone(),
    };
    let work = Work { spec, facts, framework, masters, credentials, trust, jobmanager, lookout, clock };
    let origin =
        Origin { digest: keeper::digest(setup, &work.spec, configuration), artifact_port: address.port() };
    let artifacts = Artifacts {
        listener: artifacts,
        configurations: the_same(configuration),
        bundles: files.bundles(),
        identity: server.identity,
        more: Router::new(),
    };
    let (caller, told) = home::open(options, handover)?;
    servers::start(options, artifacts, status, caller)?;
    neighbours::spawn(&work, settings)?;
    spawn_scaling(&settings.scaling, clients.clone(), clock, &work.facts);
    tokio::spawn(watch_jobmanager(rpc, rest, work.facts.jobmanager_listens.clone(), Arc::clone(&journal)));
    let reading = files.read(Arc::clone(&journal));
    let ending = home::ending(reading, told);
    if settings.succession() == Succession::Nobody {
        let within = Duration::from_millis(options.farewell_ms);
        let alone = Alone { work: &work, reception, term, within };
        return alone.run(MemoryStore::new(state), ending).await;
    }
    let jobmanager_end = JobManagerEnd::new(adopt(options.jobmanager_end_fd)?);
    let Some(ha) = &settings.high_availability else {
        let keeper = Keeper::open(handover, options, state, origin, reception, jobmanager_end);
        return tokio::select! {
            ended = keeper.work(&work, term) => ended,
            ended = ending => Err(ended),
        };
    };
    let ensemble = ensemble::open(setup, ha)?;
    let rest = clients;
    let ha_worker =
        HaWorker::open(Parts { handover, ha, ensemble, reception, term, jobmanager_end, rest, journal });
    ha_worker.work_until(&work, ending).await
}

/// Each TaskManager gets the same.
fn the_same(configuration: &Configuration) -> Configurations {
    let encoded = configuration.encode();
    Arc::new(move |_: &str| Some(encoded.clone()))
}

fn rest_clients(rest: Option<&Endpoint>) -> Result<Vec<RestClient>, Fatal> {
    let clients = rest.map(Endpoint::clients).transpose().map_err(fatal(Exit::Software))?;
    Ok(clients.unwrap_or_default())
}

/// What a scheduler needs besides the state, whoever keeps that.
pub struct Work {
    pub spec: Spec,
    pub facts: Facts,
    /// Without id.
    pub framework: FrameworkInfo,
    pub masters: Masters,
    pub trust: Trust,
    pub credentials: Option<Credentials>,
    /// Whom to ask which TaskManagers the JobManager hears.
    pub jobmanager: mpsc::Sender<()>,
    pub lookout: Arc<Lookout>,
    pub clock: Clock,
}

impl Work {
    /// Until the framework is torn down.
    pub async fn schedule<S: Store>(
        &self,
        store: S,
        state: Option<State>,
        lease: Lease,
        requests: mpsc::Receiver<Request>,
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
        let scheduler = Scheduler::new(self.spec.clone(), state, fastrand::u64(..), self.clock.now());
        let (clock, framework, jobmanager) = (self.clock, self.framework.clone(), self.jobmanager.clone());
        let observer = Arc::clone(&self.lookout) as Arc<dyn Observer>;
        let facts = self.facts.clone();
        let driver = Driver {
            scheduler,
            clock,
            calls,
            reports,
            facts,
            requests,
            jobmanager,
            store,
            observer,
            framework,
        };
        driver.run().await
    }
}

pub fn stopped(error: RunError) -> Fatal {
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

pub fn fresh_state() -> State {
    State { token_secret: random::bytes(), ..State::default() }
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
    let letter = |byte: &u8| char::from(NONCE_LETTERS[usize::from(*byte) % NONCE_LETTERS.len()]);
    State { nonce: random::bytes::<NONCE_LENGTH>().iter().map(letter).collect(), ..state }
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
