//! `dispatcher`: a framework whose tasks are the AppMasters of other clusters. Under init it is one process, which knows from its
//! records what is wanted, has the scheduler keep one group of tasks for each cluster, and serves the API.

mod admission;
mod artifacts;
mod asked;
mod configuration;
mod elected;
mod files;
mod groups;
mod home;
mod house;
pub mod local;
mod metrics;
mod opened;
pub mod purge;
pub(super) mod serving;
mod template;
mod tokens;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{ClusterOptions, exec};
use base::descriptors;
use base::events::since_1970_ms;
use base::exit::Exit;
use base::lease::Lease;
use base::log;
use conf::environment::Environment;
use dispatcher::{Action, Dispatcher, Limits, Timestamp};
use domain::group::GroupName;
use domain::store::Store as _;
use ha::directory::{DirectoryStore, Hold};
use init::plan::{Child, Inherited, Kind};
use records::Records as _;
use records::directory::DirectoryRecords;
use scheduler::spec::{GroupSpec, Spec};

use super::children::{self, Own};
use super::error::{Fatal, fatal};
use super::patient::Patient;
use super::worker;
use artifacts::Peers;
use home::Others;
use house::{Ended, House, Kept};
use opened::Opened;
use template::Makings;

/// The instance of records: one dispatcher has one directory.
const INSTANCE: &str = "dispatcher";

/// In the state directory: the scheduler's state, and the records of clusters.
const SCHEDULER: &str = "scheduler";
const CLUSTERS: &str = "clusters";

/// While the scheduler's state cannot be stored.
const MEANWHILE: &str = "; this dispatcher launches and ends no AppMaster until it can store its state";

const LEAVES: &str = "this dispatcher leaves its clusters to the next one";

/// Whom it runs as in the log.
const PART: &str = "dispatcher";

/// Everything is checked here, then init takes over.
pub fn run(options: &ClusterOptions, environment: &Environment, inherited: Inherited) -> Result<u8, Fatal> {
    let opened = Opened::read(options, environment)?;
    opened.tell();
    let init = exec::Options::for_jvm(environment).map_err(fatal(Exit::Usage))?;
    let child = child(options, environment)?;
    let Err(fatal) = children::enter(&init.plan(vec![child], inherited));
    Err(fatal)
}

/// Whose end is the container's.
fn child(options: &ClusterOptions, environment: &Environment) -> Result<Child, Fatal> {
    let mut arguments = vec!["dispatch".into()];
    if let Some(directory) = &options.conf_dir {
        arguments.extend(["--configDir".into(), directory.clone().into_os_string()]);
    }
    for (key, value) in &options.properties {
        arguments.extend(["-D".into(), format!("{key}={value}").into()]);
    }
    let own = Own { name: PART, arguments, keep_fds: Vec::new(), stop_order: 0 };
    let mut child = children::own(own, environment)?;
    child.kind = Kind::Main;
    Ok(child)
}

/// The child of init.
pub fn dispatch(
    options: &ClusterOptions,
    environment: &Environment,
    inherited: &Inherited,
) -> Result<u8, Fatal> {
    log::start(log::level(environment.text(log::LEVEL_VARIABLE)), PART, init::write_to_stderr);
    descriptors::raise();
    let runtime = super::runtime()?;
    runtime.spawn(log::catch_up(PART));
    let ended = runtime.block_on(work(options, environment, inherited));
    runtime.shutdown_background();
    ended.map(|()| Exit::Ok.code())
}

async fn work(
    options: &ClusterOptions,
    environment: &Environment,
    inherited: &Inherited,
) -> Result<(), Fatal> {
    let mut term = signal(SignalKind::terminate()).map_err(fatal(Exit::Os))?;
    init::unblock_signals(inherited);
    let opened = Opened::read(options, environment)?;
    let ended = match &opened.dispatcher.zookeeper {
        None => alone(&opened, environment, &mut term).await,
        Some(ha) => elected::work(&opened, ha, environment, &mut term).await,
    };
    opened.closing.close().await;
    ended
}

/// A dispatcher beside which there is no other.
async fn alone(opened: &Opened, environment: &Environment, term: &mut Signal) -> Result<(), Fatal> {
    let Kept { state, store, records, core } = open(opened).await?;
    let before = state.as_ref().and_then(|state| state.artifact_port);
    let ports = serving::bind(opened, environment, before)?;
    let url = ports.artifacts_url(&opened.settings);
    let others = Others {
        standings: api::standing::alone(),
        dispatchers: watch::channel(vec![url]).1,
        peers: Peers::none(),
    };
    let house = House::open(opened, ports, None, others).await?;
    let (trouble, journal) = (house.facts.not_stored.clone(), Arc::clone(&house.lookout.journal));
    let store = Patient { store, trouble, journal, meanwhile: MEANWHILE };
    tokio::select! {
        // What runs goes on, and the next dispatcher finds it.
        _ = term.recv() => {
            log::line(tracing::Level::INFO, PART, LEAVES);
            Ok(())
        }
        ended = house.reign(Kept { state, store, records, core }, Lease::unlimited()) => ended.map_err(Ended::fatal),
    }
}

/// What an earlier dispatcher has left in the directory.
async fn open(opened: &Opened) -> Result<Kept<DirectoryStore, DirectoryRecords>, Fatal> {
    let directory = &opened.dispatcher.state_dir;
    opened::create(directory)?;
    let since = humantime::format_rfc3339_seconds(SystemTime::now());
    let holder = format!("process {}, since {since}", std::process::id());
    let scheduler = directory.join(SCHEDULER);
    let hold = Hold::take(&scheduler, &holder).map_err(|error| {
        let exit = error.exit();
        Fatal::new(exit, opened::StateDirError { source: Box::new(error) })
    })?;
    let lock: OwnedFd = hold.into_lock();
    let mut store = DirectoryStore::new(scheduler, lock);
    let state = store.load().await.map_err(fatal(Exit::Data))?;
    let opening = DirectoryRecords::open(&directory.join(CLUSTERS), INSTANCE).await;
    let mut records = opening.map_err(fatal(Exit::Data))?;
    let loaded = records.load(None).await.map_err(fatal(Exit::Data))?;
    let core = Dispatcher::restore(&loaded, Limits::default());
    Ok(Kept { state, store, records, core })
}

/// Takes what the core has to order first: the scheduler begins with that. The number of the last order too.
fn begin(core: &mut Dispatcher, makings: &Makings) -> (BTreeMap<GroupName, GroupSpec>, u64) {
    let (mut groups, mut carried_out) = (BTreeMap::new(), 0);
    while let Some(action) = core.next_action() {
        carried_out = action.order().unwrap_or(carried_out);
        match action {
            Action::Define(definition) => {
                let name = template::group(&definition.cluster);
                groups.extend(name.map(|name| (name, makings.define(&definition))));
            }
            Action::Keep { cluster, .. } => {
                groups.extend(template::group(&cluster).map(|name| (name, GroupSpec::paused())));
            }
            Action::Commit(_)
            | Action::Renew { .. }
            | Action::Replace { .. }
            | Action::Remove { .. }
            | Action::Event(_) => {}
        }
    }
    (groups, carried_out)
}

fn spec(opened: &Opened, groups: BTreeMap<GroupName, GroupSpec>) -> Spec {
    let settings = &opened.settings;
    Spec {
        groups,
        has_jobmanager: false,
        roles: settings.framework.roles.clone(),
        identity: worker::identity_told(settings),
        silence: worker::silence_told(settings),
        refuse: settings.offers.refuse,
        kill_grace: settings.tasks.kill_grace,
        patience: worker::patience(settings, false),
        epoch: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
    }
}

fn now() -> Timestamp {
    Timestamp(since_1970_ms())
}
