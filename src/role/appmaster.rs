//! `appmaster`, `jobmanager`, their one-job forms and `local`: everything is prepared and checked here, then init takes over.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tracing::Level;

use crate::cli::exec;
use crate::cli::{AppmasterJobOptions, AppmasterOptions, ClusterOptions};
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::keys;
use conf::settings::Settings;
use conf::table::Origin;
use conf::warning::Warning;
use conf::{Loaded, Mode, redact};
use flink::archive;
use flink::command::{self, Entrypoint};
use ha::directory::Hold;
use init::plan::{Child, Inherited, Kind};

use super::check::{self, Beside, Checked};
use super::children::{self, Jvm, Own};
use super::error::{Fatal, fatal};
use super::handover::Handover;
use super::plugins;
use super::rundir::RunDir;
use super::setup::{self, Dirs, Layers, Setup};
use super::sockets;
use super::{user, worker};

pub(super) mod download;
pub(super) mod given;
pub(super) mod listening;

use given::Given;
use listening::{await_ports, bind_artifacts, cannot_bind, operators_socket};

/// On stop the worker goes first and tears the framework down, then the JobManager; the embedded Mesos, which the
/// first needs, goes last.
const WORKER_ORDER: u8 = 0;
const JOBMANAGER_ORDER: u8 = 1;
const MESOS_ORDER: u8 = 2;

const LOOPBACK: &str = "127.0.0.1";
/// What runs beside the JobManager.
pub enum Cluster {
    /// A framework on the Mesos that the configuration names.
    Mesos,
    /// A framework on a Mesos of our own.
    Embedded { agents: u32, resources: Option<String> },
    /// Nothing.
    Alone,
}

/// A session cluster on Mesos, which may be a Mesos task itself.
pub fn run_session(
    options: &AppmasterOptions,
    mut environment: Environment,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    let mut cluster = options.cluster.clone();
    let given = given::take(&options.task, &mut cluster, &mut environment)?;
    run_given(&Cluster::Mesos, &Entrypoint::Session, &cluster, environment, given, inherited)
}

/// A cluster on Mesos for one job; it may be a Mesos task itself, whose launcher says what the job is.
pub fn run_job(
    options: &AppmasterJobOptions,
    mut environment: Environment,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    let mut cluster = options.job.cluster.clone();
    let mut given = given::take(&options.task, &mut cluster, &mut environment)?;
    let application = given.job.take().unwrap_or_else(|| options.job.application());
    let entrypoint = Entrypoint::Application(application);
    run_given(&Cluster::Mesos, &entrypoint, &cluster, environment, given, inherited)
}

pub fn run(
    cluster: &Cluster,
    entrypoint: &Entrypoint,
    options: &ClusterOptions,
    environment: Environment,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    run_given(cluster, entrypoint, options, environment, Given::default(), inherited)
}

fn run_given(
    cluster: &Cluster,
    entrypoint: &Entrypoint,
    options: &ClusterOptions,
    environment: Environment,
    mut given: Given,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    let mode = match cluster {
        Cluster::Embedded { .. } => Mode::Local,
        Cluster::Mesos | Cluster::Alone => Mode::Cluster,
    };
    let mut setup = Setup::open(options, environment, Layers::All(mode))?;
    if given.serves_files {
        setup.loaded.table.remove(keys::ARTIFACT_BASE_URL.name);
    }
    let embedded = embed(cluster, &mut setup.loaded)?;
    if matches!(cluster, Cluster::Alone) {
        // Without a framework nobody asks for it, but the settings are read as a whole.
        setup.loaded.table.set_default(keys::MASTER.name, LOOPBACK);
    }
    let beside = match cluster {
        Cluster::Mesos => Beside::Framework,
        Cluster::Embedded { .. } => Beside::FrameworkOnEmbeddedMesos,
        Cluster::Alone => Beside::Nothing,
    };
    let checked = check::check(&setup, beside, entrypoint, given.run.take());
    setup.tell("appmaster");
    let checked = checked?;
    for warning in &checked.warnings {
        log::line(Level::WARN, "appmaster", warning);
    }
    for line in decisions(cluster, &setup, &checked.settings) {
        log::line(Level::INFO, "appmaster", &line);
    }
    let Err(fatal) = start(cluster, entrypoint, embedded, setup, checked, given, inherited);
    Err(fatal)
}

/// What was found, and what follows from it.
fn decisions(cluster: &Cluster, setup: &Setup, settings: &Settings) -> Vec<String> {
    let Setup { distribution, java, conf_dir, .. } = setup;
    let mut lines = vec![format!(
        "Flink {} in {}, java {} in {}, configuration in {}",
        distribution.version,
        distribution.home.display(),
        java.feature,
        java.path.display(),
        conf_dir.display()
    )];
    if matches!(cluster, Cluster::Alone) {
        return lines;
    }
    let table = &setup.loaded.table;
    let master = table.get(keys::MASTER.name).unwrap_or_default();
    let leadership = match &settings.high_availability {
        None => match &settings.state_dir {
            None => "no high availability".to_owned(),
            Some(directory) => format!("state in {}", directory.display()),
        },
        Some(ha) => format!("high availability by ZooKeeper, cluster id {}", ha.cluster_id),
    };
    lines.push(format!(
        "framework {} on Mesos at {}, {leadership}",
        settings.framework.name,
        redact::shown(keys::MASTER.name, master)
    ));
    lines.push(format!(
        "TaskManagers: {} at first, each of {} cpus and {} MiB",
        settings.tasks.initial,
        settings.tasks.cpus,
        worker::taskmanager_memory_mb(setup)
    ));
    if matches!(cluster, Cluster::Mesos) {
        lines.push(user::tell(table));
    }
    lines
}

/// Points the configuration at the embedded Mesos, whose listener is returned.
fn embed(cluster: &Cluster, loaded: &mut Loaded) -> Result<Option<TcpListener>, Fatal> {
    match cluster {
        Cluster::Embedded { .. } => {
            let listener = sockets::bind(keys::MASTER.name, LOOPBACK, 0).map_err(cannot_bind)?;
            let port = listener.local_addr().map_err(fatal(Exit::Os))?.port();
            let why = "the embedded Mesos".to_owned();
            loaded.table.set(keys::MASTER.name, format!("{LOOPBACK}:{port}"), Origin::Rewritten { why });
            if loaded.table.remove(keys::STATE_DIR.name).is_some() {
                let key = keys::STATE_DIR.name;
                let text = format!("`{key}` is not used: the embedded Mesos ends with the AppMaster");
                loaded.warnings.push(Warning::about(key, text));
            }
            Ok(Some(listener))
        }
        Cluster::Mesos | Cluster::Alone => Ok(None),
    }
}

fn start(
    cluster: &Cluster,
    entrypoint: &Entrypoint,
    embedded: Option<TcpListener>,
    setup: Setup,
    checked: Checked,
    given: Given,
    inherited: Inherited,
) -> Result<Infallible, Fatal> {
    let Checked { settings, run, dirs, warnings: warned } = checked;
    let options = exec::Options::for_jvm(&setup.environment).map_err(fatal(Exit::Usage))?;
    let hold = match cluster {
        Cluster::Mesos => hold(&settings)?,
        Cluster::Embedded { .. } | Cluster::Alone => None,
    };
    await_ports(&settings, hold.is_some())?;
    let (mut children, mut cleanup, mut jobmanager_end) = (Vec::new(), Vec::new(), None);
    if let (Cluster::Embedded { agents, resources }, Some(listener)) = (cluster, embedded) {
        let resources = resources.clone().unwrap_or_else(|| enough_resources(&setup, &settings, *agents));
        children.push(children::mesos(
            (*agents, resources),
            listener,
            &run,
            MESOS_ORDER,
            &setup.environment,
        )?);
    }
    let (child, warnings) = jobmanager(entrypoint, &setup, &settings, &run, &dirs, &warned)?;
    children.push(Child { cwd: given.directory.map(PathBuf::into_os_string), ..child });
    if !matches!(cluster, Cluster::Alone) {
        let end = children::hand_down(ha::memory::create().map_err(fatal(Exit::Os))?)?;
        let farewell = options.grace.0 * 2 / 3;
        let told = Told { jobmanager_end: end, hold, farewell };
        let local = matches!(cluster, Cluster::Embedded { .. });
        let delivered = worker::delivered(&setup, &settings, &dirs.conf, local)?;
        let (files, home) = (given.files, given.home);
        let (shown, scratch) = (setup.shown(), run.path().to_owned());
        let handover = Handover { shown, setup, settings, delivered, files, scratch, home, warnings };
        let (child, socket) = worker_child(local, &handover, told)?;
        children.push(child);
        cleanup.extend(socket.map(PathBuf::into_os_string));
        jobmanager_end = Some(end);
    }
    let mut plan = options.plan(children, inherited);
    plan.options.interrupted_codes = children::JOBMANAGER_INTERRUPTED.to_vec();
    plan.status_fd = jobmanager_end;
    plan.cleanup = cleanup;
    plan.cleanup.push(run.keep().into_os_string());
    plan.cleanup.extend(dirs.link().map(PathBuf::into_os_string));
    plan.cleanup.extend(given.unpacked.hand_on());
    children::enter(&plan)
}

/// The directory of the state, if there is to be one, from here on until init ends.
fn hold(settings: &Settings) -> Result<Option<Hold>, Fatal> {
    let Some(directory) = &settings.state_dir else { return Ok(None) };
    let since = humantime::format_rfc3339_seconds(SystemTime::now());
    let holder = format!("process {} on host {}, since {since}", std::process::id(), setup::host_name());
    Hold::take(directory, &holder).map(Some).map_err(worker::unusable_state_dir)
}

/// With what is odd about it.
fn jobmanager(
    entrypoint: &Entrypoint,
    setup: &Setup,
    settings: &Settings,
    run: &RunDir,
    dirs: &Dirs,
    told: &[Warning],
) -> Result<(Child, Vec<String>), Fatal> {
    let properties: Vec<_> = dirs.tmp_property(&setup.loaded.table).into_iter().collect();
    let launch = setup.launch(dirs, super::available_cpus(), &properties);
    let mut command = command::jobmanager(&launch, entrypoint).map_err(fatal(Exit::Config))?;
    archive::apply(&mut command, setup.cds_archives.jobmanager.as_deref());
    plugins::apply(&mut command, &setup.environment, &setup.distribution, &run.plugins())
        .map_err(fatal(Exit::NoInput))?;
    for warning in command.warnings.iter().filter(|warning| !told.iter().any(|known| known == *warning)) {
        log::line(Level::WARN, "appmaster", warning);
    }
    let warnings = command.warnings.clone();
    let jvm = Jvm { name: "jobmanager", command, kind: Kind::Main, stop_order: JOBMANAGER_ORDER };
    let mut environment = setup.environment.clone();
    for (name, value) in &settings.job_manager.environment {
        environment.set(name, value);
    }
    Ok((children::jvm(jvm, &environment), warnings))
}

/// What only the worker is told.
struct Told {
    jobmanager_end: RawFd,
    /// Of the state's directory, if it has one.
    hold: Option<Hold>,
    /// For the framework's end, so that what came of it is still told within the grace.
    farewell: Duration,
}

/// With the path of its operators' socket, if it has one.
fn worker_child(local: bool, handover: &Handover, told: Told) -> Result<(Child, Option<PathBuf>), Fatal> {
    let Handover { setup, settings, .. } = handover;
    let before = told.hold.as_ref().and_then(|hold| hold.state.as_ref()?.artifact_port);
    let artifacts = bind_artifacts("appmaster", settings, local, before)?;
    let status_host = settings.status.bind_address.to_string();
    let status =
        sockets::bind(keys::STATUS_PORT.name, &status_host, settings.status.port).map_err(cannot_bind)?;
    let state = match told.hold {
        Some(hold) => hold.into_lock(),
        None => ha::memory::create().map_err(fatal(Exit::Os))?,
    };
    let handed = handover.write().map_err(fatal(Exit::Os))?;
    // The last, for it leaves a file behind.
    let (path, socket) = operators_socket(&setup.environment)?.unzip();

    let orders = handover.home.as_ref().map(|_| worker::create_orders()).transpose()?;
    let fds: [(&str, Option<RawFd>); 7] = [
        ("--orders-fd", orders.map(children::hand_down).transpose()?),
        ("--settings-fd", Some(children::hand_down(handed)?)),
        ("--state-fd", Some(children::hand_down(state)?)),
        ("--jobmanager-end-fd", Some(told.jobmanager_end)),
        ("--artifacts-fd", Some(children::hand_down(artifacts)?)),
        ("--status-fd", Some(children::hand_down(status)?)),
        ("--socket-fd", socket.map(children::hand_down).transpose()?),
    ];
    let mut arguments: Vec<OsString> = vec!["worker".into()];
    if local {
        arguments.push("--local".into());
    }
    arguments.extend(["--farewell-ms".into(), told.farewell.as_millis().to_string().into()]);
    let mut keep_fds = Vec::new();
    for (option, fd) in fds {
        if let Some(fd) = fd {
            arguments.extend([option.into(), fd.to_string().into()]);
            keep_fds.push(fd);
        }
    }
    let own = Own { name: "worker", arguments, keep_fds, stop_order: WORKER_ORDER };
    let mut child = children::own(own, &setup.environment)?;
    if let Kind::Helper { farewell, .. } = &mut child.kind {
        *farewell = Some("--farewell".into());
    }
    Ok((child, path))
}

/// What all TaskManagers take, shared out among the agents, with room for as many again: the embedded Mesos keeps
/// books, it does not limit anybody.
fn enough_resources(setup: &Setup, settings: &Settings, agents: u32) -> String {
    let memory = worker::taskmanager_memory_mb(setup);
    let each = (settings.tasks.initial.max(1) * 2).div_ceil(agents.max(1));
    let cpus = settings.tasks.cpus * f64::from(each);
    let mem = memory.saturating_mul(u64::from(each));
    let disk = u64::from(settings.tasks.disk_mib.max(1024)) * u64::from(each);
    format!("cpus:{cpus};mem:{mem};disk:{disk}")
}
