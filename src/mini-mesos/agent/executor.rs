//! The command executor of one task.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::message::Run;
use base::time::{Deadline, Moment};
use mesos::wire::check::{CheckStatusInfo, CheckType};
use mesos::wire::command::CommandInfo;
use mesos::wire::container::ContainerInfo;
use mesos::wire::id::{self, ExecutorId};
use mesos::wire::network::{IpAddress, NetworkInfo};
use mesos::wire::status::{ContainerStatus, Reason, StatusSource, TaskState, TaskStatus};

use super::docker::{self, Engaged};
use super::environment;
use super::fetch::{self, Fetch};
use super::updates::Updates;
use super::watch::{self, Watch};
use super::{ContainerId, Settings};

#[derive(Debug)]
pub struct Executor {
    pub run: Run,
    pub life: Life,
    /// Of the process that plays the executor.
    pub pid: Option<u32>,
    pub updates: Updates,
    /// What its end is told as, whatever it was.
    pub fate: Option<Fate>,
    /// Until when it has to be done by itself.
    pub complete_by: Option<Deadline>,
    /// It was not, and is killed for it.
    pub is_overdue: bool,
    /// Its checks; both, if it has both.
    pub watches: Vec<Watch>,
    pub healthy: Option<bool>,
    pub check_status: Option<CheckStatusInfo>,
    /// It failed its health check too often, and is killed for it.
    pub is_unhealthy: bool,
    /// Its agent is being drained, of which its updates tell.
    pub is_drained: bool,
}

/// How a task is made to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    pub state: TaskState,
    pub reason: Option<Reason>,
    pub source: StatusSource,
    pub message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Starting {
        is_killed: bool,
    },
    Running,
    /// Without a deadline it was killed before it ran and gets no grace.
    Killing {
        since: Moment,
        until: Option<Deadline>,
    },
    Ended,
}

/// What the driver needs to start a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub container: ContainerId,
    /// The task's working directory.
    pub sandbox: PathBuf,
    /// Whom the task runs as, if not as the agent's own user.
    pub user: Option<String>,
    /// What the command waits for and leaves behind.
    pub docker: Option<Engaged>,
    pub environment: Vec<(String, String)>,
    pub command: Command,
    /// Before it starts.
    pub fetches: Vec<Fetch>,
    /// Where fetched files may be kept.
    pub cache: PathBuf,
    /// For what the task leaves behind when it ends, in milliseconds.
    pub grace_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Without a slash it is searched in `PATH`.
    pub program: String,
    /// From the program's own name on.
    pub argv: Vec<String>,
}

/// How a task's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Signalled { number: i32, dumped_core: bool },
}

impl Executor {
    pub fn new(run: Run) -> Self {
        let life = Life::Starting { is_killed: false };
        Self {
            run,
            life,
            pid: None,
            updates: Updates::new(),
            fate: None,
            complete_by: None,
            is_overdue: false,
            watches: Vec::new(),
            healthy: None,
            check_status: None,
            is_unhealthy: false,
            is_drained: false,
        }
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let kill = match &self.life {
            Life::Killing { until, .. } => until.map(Deadline::at),
            Life::Starting { .. } | Life::Running | Life::Ended => None,
        };
        let complete = self.complete_by.map(Deadline::at).filter(|_| self.life == Life::Running);
        let watches = self.watches.iter().filter_map(Watch::poll_timeout);
        kill.into_iter().chain(complete).chain(watches).chain(self.updates.poll_timeout()).min()
    }

    /// A status as the executor sends it.
    pub fn status(&self, container: &ContainerId, settings: &Settings, state: TaskState) -> TaskStatus {
        let task = self.run.task.task_id.clone().unwrap_or_default();
        let address = IpAddress { ip_address: Some(settings.description.ip.clone()), ..IpAddress::default() };
        let network = NetworkInfo { ip_addresses: vec![address], ..NetworkInfo::default() };
        let check = self.run.task.check.as_ref().and_then(|check| CheckType::try_from(check.r#type?).ok());
        TaskStatus {
            check_status: check.map(watch::empty),
            executor_id: Some(ExecutorId { value: task.value.clone() }),
            task_id: Some(task),
            state: Some(state as i32),
            agent_id: Some(settings.id.clone()),
            source: Some(StatusSource::Executor as i32),
            container_status: Some(ContainerStatus {
                network_infos: vec![network],
                executor_pid: self.pid,
                container_id: Some(id::ContainerId { value: Some(container.0.clone()), parent: None }),
                ..ContainerStatus::default()
            }),
            ..TaskStatus::default()
        }
    }
}

/// What to start and how to watch it, or why it cannot be.
pub fn prepare(
    run: &Run,
    container: &ContainerId,
    settings: &Settings,
) -> Result<(Start, Vec<Watch>), String> {
    let in_docker = docker::is_meant(run.task.container.as_ref());
    let socket = settings.containment.docker_socket.as_ref().filter(|_| in_docker);
    if socket.is_none()
        && let Some(set) = run.task.container.as_ref().and_then(isolating)
    {
        return Err(format!("the embedded Mesos isolates nothing (the container's '{set}' is set)"));
    }
    let Some(command) = &run.task.command else {
        return Err("the embedded Mesos runs no custom executors ('executor' is set)".to_owned());
    };
    let sandbox = sandbox(run, container, settings);
    // A task must not outlive the embedded Mesos for long, whatever grace it has against a kill.
    let grace = super::grace(None, run, settings.timing.kill_grace).min(settings.timing.shutdown_grace);
    let watches = watch::of(run, &sandbox, settings)?;
    let engaged = socket.map(|socket| docker::engaged(container, socket));
    let (command, environment) = match &engaged {
        None => (program(command)?, environment::of(run, &sandbox, settings)),
        Some(engaged) => (docker::run(run, command, engaged, &sandbox, settings)?, docker::environment()),
    };
    let uris = run.task.command.as_ref().map(|command| command.uris.as_slice()).unwrap_or_default();
    let start = Start {
        container: container.clone(),
        environment,
        command,
        // What Docker's engine starts has the image's user.
        user: user(run, settings).filter(|_| engaged.is_none()),
        docker: engaged,
        fetches: fetch::plan(uris)?,
        cache: settings.work_dir.join("fetch"),
        sandbox,
        grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
    };
    Ok((start, watches))
}

/// What of a container needs more than a process and a sandbox.
fn isolating(container: &ContainerInfo) -> Option<&'static str> {
    let ContainerInfo { r#type: _, volumes, docker, hostname, mesos, network_infos, .. } = container;
    let has_image = mesos.as_ref().is_some_and(|mesos| mesos.image.is_some());
    let parts = [
        ("docker", docker.is_some()),
        ("mesos.image", has_image),
        ("volumes", !volumes.is_empty()),
        ("network_infos", !network_infos.is_empty()),
        ("hostname", hostname.is_some()),
        ("linux_info", container.linux_info.is_some()),
        ("rlimit_info", container.rlimit_info.is_some()),
        ("tty_info", container.tty_info.is_some()),
    ];
    parts.into_iter().find_map(|(name, is_set)| is_set.then_some(name))
}

/// Whose the sandbox is: the user that the command names, else the framework's.
pub fn user(run: &Run, settings: &Settings) -> Option<String> {
    let of_command = run.task.command.as_ref().and_then(|command| command.user.clone());
    let of_framework = || run.info.user.clone().unwrap_or_default();
    settings.containment.switch_user.then(|| of_command.unwrap_or_else(of_framework))
}

pub fn sandbox(run: &Run, container: &ContainerId, settings: &Settings) -> PathBuf {
    let task = run.task.task_id.as_ref().map(id::TaskId::text).unwrap_or_default();
    let below = [
        "slaves",
        settings.id.text(),
        "frameworks",
        run.framework.text(),
        "executors",
        task,
        "runs",
        &container.0,
    ];
    below.iter().fold(settings.work_dir.clone(), |path: PathBuf, part| path.join(Path::new(part)))
}

pub fn program(command: &CommandInfo) -> Result<Command, String> {
    let Some(value) = command.value.clone() else { return Err("the command has no value".to_owned()) };
    if command.shell.unwrap_or(true) {
        let argv = ["sh", "-c", value.as_str()].map(str::to_owned).to_vec();
        return Ok(Command { program: "sh".to_owned(), argv });
    }
    Ok(Command { program: value, argv: command.arguments.clone() })
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "Command exited with status {status}"),
            Self::Signalled { number, dumped_core } => {
                write!(f, "Command terminated with signal {}", SignalName(*number))?;
                f.write_str(if *dumped_core { " (core dumped)" } else { "" })
            }
        }
    }
}

/// A signal in the words of the C library, which the real executor uses.
struct SignalName(i32);

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 31] = [
            "Hangup",
            "Interrupt",
            "Quit",
            "Illegal instruction",
            "Trace/breakpoint trap",
            "Aborted",
            "Bus error",
            "Floating point exception",
            "Killed",
            "User defined signal 1",
            "Segmentation fault",
            "User defined signal 2",
            "Broken pipe",
            "Alarm clock",
            "Terminated",
            "Stack fault",
            "Child exited",
            "Continued",
            "Stopped (signal)",
            "Stopped",
            "Stopped (tty input)",
            "Stopped (tty output)",
            "Urgent I/O condition",
            "CPU time limit exceeded",
            "File size limit exceeded",
            "Virtual timer expired",
            "Profiling timer expired",
            "Window changed",
            "I/O possible",
            "Power failure",
            "Bad system call",
        ];
        let index = usize::try_from(self.0).ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| NAMES.get(index)) {
            Some(name) => f.write_str(name),
            None => write!(f, "Real-time signal {}", self.0 - 34),
        }
    }
}
