//! What the configuration makes of a TaskManager's task.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cli::exec;
use base::exit::Exit;
use conf::settings::{self, Container, Network, Runtime, Scaling, Settings, Tasks};
use domain::group::GroupName;
use domain::need::{Milli, Need};
use flink::memory;
use mesos::wire::label::Label;
use scheduler::spec::{GroupSpec, Host, Own, Patience, Placement, Shell, Spec, Template, TooMany};

use super::delivery::{Fetchable, Server};
use super::{Fatal, access, container};
use crate::role::setup::Setup;
use crate::role::task::{self, PROGRAM};
use crate::role::{children, plugins, taskmanager};

/// The ports that every TaskManager listens on and that others must reach.
const OWN_PORTS: [&str; 2] = ["taskmanager.rpc.port", "taskmanager.data.port"];

/// What the embedded Mesos does not know has ended with an earlier one: its agents never come back, and the JobManager
/// is only the last to notice.
const LOCAL_LOST: Duration = Duration::from_secs(1);

/// `epoch` is the time since 1970 at the start of the worker's clock.
pub fn of(
    setup: &Setup,
    settings: &Settings,
    local: bool,
    server: &Server,
    sources: &[Fetchable],
    epoch: Duration,
) -> Result<Spec, Fatal> {
    let tasks = &settings.tasks;
    // All TaskManagers of the embedded Mesos share one host with everybody else: the kernel picks free ports.
    let port_keys = if local { Vec::new() } else { port_keys(tasks) };
    let taskmanagers = GroupSpec {
        noun: TASKMANAGER,
        generation: 0,
        is_paused: false,
        waits_for_ends: false,
        role: None,
        need: taskmanager_need(tasks, taskmanager_memory_mb(setup), port_keys.len()),
        template: template(setup, settings, local, &port_keys, server, sources)?.into(),
        placement: match settings.placement {
            settings::Placement::Spread => Placement::Spread,
            settings::Placement::Pack => Placement::Pack,
        },
        target: first_target(settings),
        follows_jobs: settings.scaling != Scaling::Fixed,
        hard: settings.constraints.hard.clone(),
        soft: settings.constraints.soft.clone(),
        gang: settings.gang_timeout,
        relaunch: GroupSpec::RELAUNCH,
        max_failures: settings.failed_tasks_max,
        failures_within: settings.failed_tasks_interval,
        after_too_many: TooMany::EndFramework,
        final_codes: Vec::new(),
    };
    Ok(Spec {
        groups: BTreeMap::from([(GroupName::TASKMANAGERS, taskmanagers)]),
        has_jobmanager: true,
        roles: settings.framework.roles.clone(),
        identity: access::identity_told(settings),
        silence: access::silence_told(settings),
        refuse: settings.offers.refuse,
        kill_grace: tasks.kill_grace,
        patience: patience(settings, local),
        epoch,
    })
}

/// What a cluster's own tasks are called.
pub const TASKMANAGER: &str = "TaskManager";

/// How many TaskManagers there are before any job asks for some.
pub fn first_target(settings: &Settings) -> u32 {
    match &settings.scaling {
        Scaling::Fixed => settings.tasks.initial,
        Scaling::Demand(demand) => demand.bounds.least,
    }
}

/// Keys of Flink that each get a port from the offer.
pub fn port_keys(tasks: &Tasks) -> Vec<String> {
    OWN_PORTS.iter().map(ToString::to_string).chain(tasks.port_keys.iter().cloned()).collect()
}

/// What one TaskManager takes from an agent.
pub fn taskmanager_need(tasks: &Tasks, memory_mb: u64, ports: usize) -> Need {
    let scalars = [
        ("cpus", Milli::of(tasks.cpus)),
        ("mem", Milli::whole(memory_mb)),
        ("disk", Milli::whole(tasks.disk_mib.into())),
        ("gpus", Milli::whole(tasks.gpus.into())),
        (tasks.bandwidth_resource.as_str(), Milli::whole(tasks.bandwidth.into())),
    ];
    let scalars = scalars.into_iter().filter(|(_, amount)| amount.0 > 0);
    Need { scalars: scalars.map(|(name, amount)| (name.to_owned(), amount)).collect(), ports }
}

pub fn patience(settings: &Settings, local: bool) -> Patience {
    let common = Patience {
        registration: settings.registration_timeout,
        unreachable: settings.tasks.unreachable_wait,
        heartbeat_interval: settings.hearing.heartbeat_interval,
        heartbeat_timeout: settings.hearing.heartbeat_timeout,
        register: settings.hearing.register,
        ..Patience::default()
    };
    if local { Patience { lost: LOCAL_LOST, kept: Duration::ZERO, ..common } } else { common }
}

/// Mesos counts memory in MB, meaning 2^20 bytes.
pub fn taskmanager_memory_mb(setup: &Setup) -> u64 {
    memory::taskmanager(&setup.loaded.table, &setup.environment, setup.distribution.version)
        .map_or(0, |memory| memory.process.bytes().div_ceil(1 << 20))
}

fn template(
    setup: &Setup,
    settings: &Settings,
    local: bool,
    port_keys: &[String],
    server: &Server,
    sources: &[Fetchable],
) -> Result<Template, Fatal> {
    let tasks = &settings.tasks;
    let text = |path: &std::path::Path| {
        path.to_str().map(ToOwned::to_owned).ok_or_else(|| {
            let error = format!("{} is not UTF-8, which Mesos requires of paths", path.display());
            Fatal::new(Exit::Config, error)
        })
    };
    let is_delivered = |name: &str| sources.iter().any(|source| source.name() == name);
    let shell = (tasks.command.is_some() || tasks.bootstrap_command.is_some())
        .then(|| Shell { bootstrap: tasks.bootstrap_command.clone(), command: tasks.command.clone() });
    let (program, container, is_entrypoint) = match is_delivered(PROGRAM) {
        true => delivered(&tasks.container, shell.is_some()),
        false => (text(&children::own_path()?)?, tasks.container.clone(), false),
    };
    let mut environment = Vec::new();
    // Where nothing is delivered the agent has what the AppMaster has; where Flink is, java is the agent's own.
    if sources.is_empty() {
        environment.push(("FLINK_HOME".to_owned(), text(&setup.distribution.home)?));
        environment.push(("JAVA_HOME".to_owned(), text(&setup.java.path)?));
    }
    for name in ["HADOOP_USER_NAME", plugins::VARIABLE] {
        let value = setup.environment.text(name);
        environment.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    // One value for both who wait, unless the user has another for init.
    if !tasks.environment.iter().any(|(name, _)| name == exec::GRACE) {
        environment.push((exec::GRACE.to_owned(), exec::Grace::within(tasks.kill_grace).to_string()));
    }
    environment.extend(tasks.environment.clone());
    if !local {
        let succession = settings.succession().to_string();
        environment.push((taskmanager::SUCCESSION_VARIABLE.to_owned(), succession));
    }
    let labels =
        tasks.labels.iter().map(|(key, value)| Label { key: Some(key.clone()), value: Some(value.clone()) });
    let mut arguments =
        ["flink-on-mesos", "taskmanager", "--artifacts", &server.url].map(ToOwned::to_owned).to_vec();
    if let Some(identity) = &server.identity {
        arguments.extend(["--artifacts-certificate".to_owned(), identity.fingerprint().to_string()]);
    }
    let host = match (&tasks.hostname, &tasks.container.network) {
        (Some(pattern), _) => Some(Host::Pattern(pattern.clone())),
        // The container has an address of its own, which only it knows.
        (None, Network::Named(_)) => None,
        (None, Network::Host | Network::Bridge) => Some(Host::Agent),
    };
    Ok(Template {
        program,
        is_entrypoint,
        arguments,
        environment,
        token_variable: task::TOKEN_VARIABLE.to_owned(),
        own: Own::of_taskmanager(host, port_keys),
        // Masters keep the user with which a framework registered first.
        user: tasks.user.clone().or(settings.framework.user.clone()),
        labels: labels.collect(),
        container: container::info(&container),
        shell,
        delivery: None,
    })
}

/// Where the delivered program is, what that makes of the container, and whether it is begun with by itself.
fn delivered(container: &Container, in_shell: bool) -> (String, Container, bool) {
    if !matches!(container.runtime, Runtime::Docker { .. }) {
        return (format!("./{PROGRAM}"), container.clone(), false);
    }
    let program = format!("{}/{PROGRAM}", container::SANDBOX);
    let is_entrypoint = !in_shell && !container::has_entrypoint(container);
    let container = container::in_sandbox(container.clone(), is_entrypoint.then_some(&program));
    (program, container, is_entrypoint)
}
