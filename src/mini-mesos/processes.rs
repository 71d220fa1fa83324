//! Tasks as processes: each below an init of its own, which ends it and all it started when the embedded
//! Mesos is gone, however that came about.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{self, Seek as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{self, kill};
use nix::unistd::{Pid, getpid, pipe2};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use base::descriptors;
use base::passwd;
use init::plan::{Child, ForwardTo, Inherited, Options, Plan, User, Verbosity};
use init::signals::{Signal, SignalSet};
use init::spawn::{Group, Spawn, SpawnError};
use init::status::Ended;
use init::{sys, tree};

use super::agent::{ContainerId, End, Engaged, KillSignal, ProcessEvent, Start};
use super::reaper::Reaper;
use super::tool;

/// Of sandboxes, which hold what is private to a task.
const SANDBOX_MODE: u32 = 0o750;

pub struct Processes {
    /// Their inits.
    running: BTreeMap<ContainerId, Pid>,
    reaper: Reaper,
    ends: mpsc::UnboundedSender<(ContainerId, ProcessEvent)>,
}

#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot use the sandbox")]
    Sandbox(#[source] io::Error),
    #[error("no such user '{0}'")]
    NoUser(String),
    #[error("cannot encode what is to be run")]
    Encode(#[from] postcard::Error),
    #[error("cannot open a descriptor for the process")]
    Descriptor(#[source] io::Error),
    #[error("cannot start the process")]
    Spawn(#[from] SpawnError),
}

impl Processes {
    /// The ends of processes arrive at the receiver.
    pub fn new(reaper: Reaper) -> (Self, mpsc::UnboundedReceiver<(ContainerId, ProcessEvent)>) {
        let (ends, receiver) = mpsc::unbounded_channel();
        (Self { running: BTreeMap::new(), reaper, ends }, receiver)
    }

    pub fn start(&mut self, start: &Start) -> ProcessEvent {
        match self.try_start(start) {
            Ok(pid) => ProcessEvent::Started { pid: pid.as_raw().unsigned_abs() },
            Err(error) => ProcessEvent::FailedToStart { message: base::log::chain(&error) },
        }
    }

    /// To everything below the inits of these tasks, which is looked for once for all of them. An init ends by itself when
    /// nothing is left; one that has started nothing yet is told itself.
    pub fn signal(&self, orders: &[(ContainerId, KillSignal)]) {
        let known =
            orders.iter().filter_map(|(container, signal)| Some((*self.running.get(container)?, *signal)));
        let (inits, signals): (Vec<Pid>, Vec<KillSignal>) = known.unzip();
        if inits.is_empty() {
            return;
        }
        let found = match tree::descendants_of(&inits) {
            Ok(found) => found,
            Err(error) => return tracing::warn!("cannot look for the processes of tasks: {error}"),
        };
        for ((init, signal), processes) in inits.iter().zip(signals).zip(found) {
            let signal = match signal {
                KillSignal::Terminate => signal::Signal::SIGTERM,
                KillSignal::Kill => signal::Signal::SIGKILL,
            };
            let below: Vec<_> = processes.iter().map(|process| process.pid).collect();
            let meant = if below.is_empty() { vec![*init] } else { below };
            for pid in meant {
                // Gone in between is as good.
                let _ = kill(pid, signal);
            }
        }
    }

    pub fn forget(&mut self, container: &ContainerId) {
        self.running.remove(container);
    }

    fn try_start(&mut self, start: &Start) -> Result<Pid, StartError> {
        let user = start.user.as_deref().map(known_user).transpose()?;
        let [stdout, stderr] = outputs(start, user.as_ref()).map_err(StartError::Sandbox)?;
        let stdin = File::open("/dev/null").map_err(StartError::Sandbox)?;
        let descriptor = |errno: Errno| StartError::Descriptor(errno.into());
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(descriptor)?;
        let receiver = pipe::Receiver::from_owned_fd(reader).map_err(StartError::Descriptor)?;
        let plan = postcard::to_stdvec(&plan(start, user, writer.as_raw_fd()))?;
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
        let of_init = self.reaper.end_of(pid);
        let (container, docker) = (start.container.clone(), start.docker.clone());
        let (ends, reaper, sandbox) = (self.ends.clone(), self.reaper.clone(), start.sandbox.clone());
        tokio::spawn(async move {
            let ended = watch(&container, of_init, receiver).await;
            if let Some(engaged) = docker {
                remove(&engaged, &sandbox, &reaper).await;
            }
            let _ = ends.send((container, ProcessEvent::Ended(ended)));
        });
        Ok(pid)
    }
}

/// Makes a sandbox that belongs to `user`, and points `latest` to it. Fails in the real agent's words.
pub fn make_sandbox(path: &Path, user: Option<&str>) -> Result<(), String> {
    let failed = |why: String| {
        let _ = fs::remove_dir(path);
        format!("Failed to create executor directory '{}': {why}", path.display())
    };
    fs::create_dir_all(path)
        .map_err(|error| failed(format!("Failed to create directory: {}", plain(&error))))?;
    fs::set_permissions(path, Permissions::from_mode(SANDBOX_MODE))
        .map_err(|error| failed(format!("Failed to chmod directory: {}", plain(&error))))?;
    if let Some(user) = user {
        let why = match passwd::by_name(user) {
            Ok(Some(known)) => {
                lchown(path, Some(known.uid), Some(known.gid)).err().map(|error| plain(&error))
            }
            Ok(None) => Some(format!("No such user '{user}'")),
            Err(error) => Some(format!("Failed to get user information for '{user}': {}", plain(&error))),
        };
        if let Some(why) = why {
            return Err(failed(format!("Failed to chown directory to '{user}': {why}")));
        }
    }
    point_latest_to(path).map_err(|error| failed(plain(&error)))
}

fn point_latest_to(sandbox: &Path) -> io::Result<()> {
    let Some(runs) = sandbox.parent() else { return Ok(()) };
    let latest = runs.join("latest");
    match fs::remove_file(&latest) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    symlink(sandbox, latest)
}

/// In the C library's words alone.
fn plain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| Errno::from_raw(number).desc().to_owned())
}

fn known_user(name: &str) -> Result<User, StartError> {
    let known = passwd::by_name(name).map_err(StartError::Sandbox)?;
    let passwd::User { uid, gid, groups, .. } = known.ok_or_else(|| StartError::NoUser(name.to_owned()))?;
    Ok(User { uid, gid, groups })
}

/// Opens the two files of output; they and what was fetched become the user's.
fn outputs(start: &Start, user: Option<&User>) -> io::Result<[File; 2]> {
    let open = |name: &str| File::options().append(true).create(true).open(start.sandbox.join(name));
    let files = [open("stdout")?, open("stderr")?];
    if let Some(user) = user {
        hand_over(&start.sandbox, user)?;
    }
    Ok(files)
}

fn hand_over(path: &Path, user: &User) -> io::Result<()> {
    lchown(path, Some(user.uid), Some(user.gid))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            hand_over(&entry?.path(), user)?;
        }
    }
    Ok(())
}

fn plan(start: &Start, user: Option<User>, status_fd: RawFd) -> Plan {
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
            user,
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
    container: &ContainerId,
    of_init: impl Future<Output = Ended>,
    mut status: pipe::Receiver,
) -> End {
    let mut text = String::new();
    if let Err(error) = status.read_to_string(&mut text).await {
        tracing::warn!(container = container.0, "cannot read how the task ended: {error}");
    }
    let of_task = text.trim().parse().ok().and_then(Ended::from_raw);
    end(of_task, of_init.await)
}

/// A container lives on in Docker's engine when the program that waits for it is killed.
async fn remove(engaged: &Engaged, sandbox: &Path, reaper: &Reaper) {
    let Engaged { engine, name } = engaged;
    let argv = ["docker", "-H", engine, "rm", "--force", "--volumes", name].map(OsStr::new);
    if let Err(error) = tool::run_into(&argv, sandbox, Path::new("/dev/null"), reaper).await {
        tracing::warn!(container = name, "cannot remove it: {}", base::log::chain(&error));
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
