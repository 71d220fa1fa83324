//! `taskmanager`: inside a Mesos task, one TaskManager under init.

use std::path::PathBuf;

use std::convert::Infallible;

use tracing::Level;

use crate::cli::exec;
use crate::cli::{ClaimOptions, ClusterOptions, TaskmanagerOptions};
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use flink::{archive, command};
use init::plan::{Child, Inherited, Kind};

use super::children::{self, Jvm};
use super::error::{Fatal, fatal};
use super::plugins;
use super::rundir::RunDir;
use super::setup::{Layers, Setup};
use super::task::{self, Origin, TOKEN_VARIABLE, Unpacked};

/// The variable that tells a task who can go on with its framework. Where its AppMaster says nothing, as on the embedded
/// Mesos, whose tasks end with it, nobody watches over its claim.
pub const SUCCESSION_VARIABLE: &str = "FLINK_ON_MESOS_SUCCESSION";

#[derive(Debug, thiserror::Error)]
#[error("-D taskmanager.resource-id is missing, which names the task")]
struct NoId;

pub fn run(
    options: &TaskmanagerOptions,
    mut environment: Environment,
    inherited: Inherited,
) -> Result<u8, Fatal> {
    let run = RunDir::create(&environment).map_err(fatal(Exit::CannotCreate))?;
    let mut unpacked = Unpacked::default();
    task::receive(&options.task.delivered, &mut environment, &mut unpacked).map_err(fatal(Exit::NoInput))?;
    let mut cluster = options.cluster.clone();
    let mut claim = None;
    if let Some(base) = &options.task.artifacts {
        let token = environment.text(TOKEN_VARIABLE).unwrap_or_default().to_owned();
        claim = claimed(base, options, &environment, &token)?;
        // The JVM and what it starts need not know it.
        environment.remove(TOKEN_VARIABLE);
        environment.remove(SUCCESSION_VARIABLE);
        let id = task_id(&cluster).map_err(fatal(Exit::NoInput))?;
        let source = Origin { base, certificate: options.task.artifacts_certificate };
        let configuration = super::runtime()?
            .block_on(task::fetch("taskmanager", &source, id, &token))
            .map_err(fatal(Exit::NoInput))?;
        let fetched = run.path().join(task::FETCHED);
        configuration.store(&fetched).map_err(fatal(Exit::CannotCreate))?;
        cluster.conf_dir = Some(fetched);
    } else if let Some(address) = environment.text("JOB_MANAGER_RPC_ADDRESS") {
        cluster.properties.insert(0, ("jobmanager.rpc.address".to_owned(), address.to_owned()));
    }
    let setup = Setup::open(&cluster, environment, Layers::Delivered)?;
    let Err(fatal) = start(&setup, run, unpacked, claim, inherited);
    Err(fatal)
}

/// What asks the AppMaster whether the TaskManager is still wanted.
fn claimed(
    base: &str,
    options: &TaskmanagerOptions,
    environment: &Environment,
    token: &str,
) -> Result<Option<Child>, Fatal> {
    let Some(succession) = environment.text(SUCCESSION_VARIABLE) else { return Ok(None) };
    // One that a newer AppMaster speaks of is none to guess at.
    let Ok(succession) = succession.parse() else { return Ok(None) };
    let task_id = task_id(&options.cluster).map_err(fatal(Exit::NoInput))?.to_owned();
    let certificate = options.task.artifacts_certificate;
    let claim = ClaimOptions { task_id, succession, artifacts: base.to_owned(), certificate };
    let mut own = Environment::default();
    own.set(TOKEN_VARIABLE, token);
    if let Some(format) = environment.get(log::FORMAT_VARIABLE) {
        own.set(log::FORMAT_VARIABLE, format);
    }
    children::claim(claim.words(), &own).map(Some)
}

fn task_id(cluster: &ClusterOptions) -> Result<&str, NoId> {
    let id = cluster.properties.iter().rev().find(|(key, _)| key == "taskmanager.resource-id");
    id.map(|(_, id)| id.as_str()).ok_or(NoId)
}

fn start(
    setup: &Setup,
    run: RunDir,
    unpacked: Unpacked,
    claim: Option<Child>,
    inherited: Inherited,
) -> Result<Infallible, Fatal> {
    setup.tell("taskmanager");
    let table = &setup.loaded.table;
    if let Some(warning) = setup.noexec(&run) {
        log::line(Level::WARN, "taskmanager", &warning);
    }
    let dirs = setup.write_conf(&run)?;
    let properties: Vec<_> = dirs.tmp_property(table).into_iter().collect();
    let memory = flink::memory::taskmanager(table, &setup.environment, setup.distribution.version)
        .map_err(fatal(Exit::Config))?;
    let launch = setup.launch(&dirs, memory.cpu_cores, &properties);
    let mut command = command::taskmanager(&launch).map_err(fatal(Exit::Config))?;
    archive::apply(&mut command, setup.cds_archives.taskmanager.as_deref());
    plugins::apply(&mut command, &setup.environment, &setup.distribution, &run.plugins())
        .map_err(fatal(Exit::NoInput))?;
    for warning in &command.warnings {
        log::line(Level::WARN, "taskmanager", warning);
    }
    let jvm = Jvm { name: "taskmanager", command, kind: Kind::Main, stop_order: 0 };
    let options = exec::Options::for_jvm(&setup.environment).map_err(fatal(Exit::Usage))?;
    let children = std::iter::once(children::jvm(jvm, &setup.environment)).chain(claim).collect();
    let mut plan = options.plan(children, inherited);
    plan.options.interrupted_codes = children::TASKMANAGER_INTERRUPTED.to_vec();
    plan.cleanup.push(run.keep().into_os_string());
    plan.cleanup.extend(dirs.link().map(PathBuf::into_os_string));
    plan.cleanup.extend(unpacked.hand_on());
    children::enter(&plan)
}
