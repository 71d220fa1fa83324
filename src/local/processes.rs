//! Tasks as processes: each below an init of its own, which ends it and all it started when the embedded
//! Mesos is gone, however that came about.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{self, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, pipe2};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::descriptors;
use crate::init::plan::{Child, ForwardTo, Inherited, Options, Plan, Verbosity};
use crate::init::signals::{Signal, SignalSet};
use crate::init::spawn::{Group, Spawn, SpawnError};
use crate::init::status::Ended;
use crate::init::{sys, tree};

use super::agent::{ContainerId, End, KillSignal, ProcessEvent, Start};

/// Between two looks at an init that has told its task's end and is about to end itself.
const REAP_INTERVAL: Duration = Duration::from_millis(5);

pub struct Processes {
    /// Their inits.
    running: BTreeMap<ContainerId, Pid>,
    ends: mpsc::UnboundedSender<(ContainerId, ProcessEvent)>,
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot create the sandbox")]
    Sandbox(#[source] io::Error),
    #[error("cannot encode what is to be run")]
    Encode(#[from] postcard::Error),
    #[error("no descriptor for the process")]
    Descriptor(#[source] io::Error),
    #[error("cannot start the process")]
    Spawn(#[from] SpawnError),
}

impl Processes {
    /// The ends of processes arrive at the receiver.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<(ContainerId, ProcessEvent)>) {
        let (ends, receiver) = mpsc::unbounded_channel();
        (Self { running: BTreeMap::new(), ends }, receiver)
    }

    pub fn start(&mut self, start: &Start) -> ProcessEvent {
        match self.try_start(start) {
            Ok(pid) => ProcessEvent::Started { pid: pid.as_raw().unsigned_abs() },
            Err(error) => ProcessEvent::FailedToStart { message: crate::log::chain(&error) },
        }
    }

    /// To everything below the task's init; that one ends by itself when nothing is left.
    pub fn signal(&self, container: &ContainerId, signal: KillSignal) {
        let Some(init) = self.running.get(container) else { return };
        let signal = match signal {
            KillSignal::Terminate => signal::Signal::SIGTERM,
            KillSignal::Kill => signal::Signal::SIGKILL,
        };
        match tree::descendants(*init) {
            Ok(processes) => {
                for process in processes {
                    // Gone in between is as good.
                    let _ = kill(process.pid, signal);
                }
            }
            Err(error) => tracing::warn!(container = container.0, "cannot look for processes: {error}"),
        }
    }

    pub fn forget(&mut self, container: &ContainerId) {
        self.running.remove(container);
    }

    fn try_start(&mut self, start: &Start) -> Result<Pid, StartError> {
        let [stdout, stderr] = sandbox(start).map_err(StartError::Sandbox)?;
        let stdin = File::open("/dev/null").map_err(StartError::Sandbox)?;
        let descriptor = |errno: Errno| StartError::Descriptor(errno.into());
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(descriptor)?;
        let receiver = pipe::Receiver::from_owned_fd(reader).map_err(StartError::Descriptor)?;
        let plan = postcard::to_stdvec(&plan(start, writer.as_raw_fd()))?;
        let plan = memory_file(&plan).map_err(StartError::Descriptor)?;
        let number = plan.as_raw_fd();
        let argv = ["flink-on-mesos", "init", "--plan-fd", &number.to_string()].map(OsString::from);
        let spawn = Spawn {
            program: "/proc/self/exe".as_ref(),
            argv: &argv,
            env: &[],
            directory: None,
            cwd: Some(start.sandbox.as_os_str()),
            group: Group::Session,
            death_signal: Some(Signal::TERM),
            stdin: Some(stdin.as_fd()),
            stdout: Some(stdout.as_fd()),
            stderr: Some(stderr.as_fd()),
            keep_fds: &[number, writer.as_raw_fd()],
            signals: &Inherited::default(),
            changed: SignalSet::ALL,
        };
        let pid = descriptors::as_inherited(|| sys::spawn(&spawn))?;
        self.running.insert(start.container.clone(), pid);
        tokio::spawn(watch(start.container.clone(), pid, receiver, self.ends.clone()));
        Ok(pid)
    }
}

/// Makes the sandbox, points `latest` to it, and opens the two files of output.
fn sandbox(start: &Start) -> io::Result<[File; 2]> {
    DirBuilder::new().recursive(true).mode(0o700).create(&start.sandbox)?;
    if let Some(runs) = start.sandbox.parent() {
        let latest = runs.join("latest");
        match fs::remove_file(&latest) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        symlink(&start.sandbox, latest)?;
    }
    let open = |name: &str| File::options().append(true).create(true).open(start.sandbox.join(name));
    Ok([open("stdout")?, open("stderr")?])
}

fn plan(start: &Start, status_fd: RawFd) -> Plan {
    let pairs = start.environment.iter().map(|(name, value)| (name.into(), value.into()));
    let argv = start.command.argv.iter().map(OsString::from).collect();
    let main = Child::alone("task", &start.command.program, argv, pairs.collect());
    Plan {
        children: vec![main],
        grace_ms: start.grace_ms,
        options: Options {
            forward_to: ForwardTo::Group,
            parent_death_signal: Some(Signal::TERM),
            verbosity: Verbosity::Quiet,
            ..Options::default()
        },
        inherited: Inherited { parent: getpid().as_raw(), ..Inherited::default() },
        status_fd: Some(status_fd),
        cleanup: Vec::new(),
    }
}

fn memory_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"plan", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

async fn watch(
    container: ContainerId,
    init: Pid,
    mut status: pipe::Receiver,
    ends: mpsc::UnboundedSender<(ContainerId, ProcessEvent)>,
) {
    let mut text = String::new();
    if let Err(error) = status.read_to_string(&mut text).await {
        tracing::warn!(container = container.0, "cannot read how the task ended: {error}");
    }
    let of_init = reap(init).await;
    let of_task = text.trim().parse().ok().and_then(Ended::from_raw);
    let _ = ends.send((container, ProcessEvent::Ended(end(of_task, of_init))));
}

/// Waits for the end of a child.
pub async fn reap(pid: Pid) -> Ended {
    loop {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => return Ended::Exited(code.to_le_bytes()[0]),
            Ok(WaitStatus::Signaled(_, signal, core_dumped)) => {
                return Signal::new(signal as i32)
                    .map_or(Ended::Unknown, |signal| Ended::Killed { signal, core_dumped });
            }
            Ok(_) => tokio::time::sleep(REAP_INTERVAL).await,
            Err(_) => return Ended::Unknown,
        }
    }
}

/// The task's end; if its init has none to tell, the init's own.
fn end(of_task: Option<Ended>, of_init: Ended) -> End {
    match of_task.unwrap_or(of_init) {
        // The program was not found or could not be executed, of which the real executor makes a 1.
        Ended::Exited(126 | 127) if of_task.is_none() => End::Exited(1),
        Ended::Exited(code) => End::Exited(i32::from(code)),
        Ended::Killed { signal, core_dumped } => {
            End::Signalled { number: signal.number(), dumped_core: core_dumped }
        }
        Ended::Unknown => End::Exited(1),
    }
}
