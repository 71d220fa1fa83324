//! The children of init, as plans describe them.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use base::exit::Exit;
use conf::environment::Environment;
use flink::command::Command;
use init::plan::{Child, Kind, Plan, Restart};

use super::error::{Fatal, fatal};
use super::rundir::RunDir;

/// A JVM has 5 s for its shutdown hooks before Flink itself ends it.
const JVM_SHARE_MS: u64 = 7_000;

/// Tearing the framework down is one HTTP call.
const WORKER_SHARE_MS: u64 = 3_000;

/// Codes with which a helper says that starting it again would not help, or that the cluster has ended.
const ENDING: [Exit; 12] = [
    Exit::Ok,
    Exit::Usage,
    Exit::Data,
    Exit::NoInput,
    Exit::Unavailable,
    Exit::Software,
    Exit::Os,
    Exit::NoFlink,
    Exit::CannotCreate,
    Exit::TooManyFailures,
    Exit::Deposed,
    Exit::Config,
];

/// One of them after which nothing may go on, not even to end in order: two JobManagers lead, and what a JVM does while it
/// shuts down can undo what the other one does.
const URGENT: [Exit; 1] = [Exit::Deposed];

/// How a JobManager's JVM ends when SIGTERM meets it while it starts or when it loses a race in its own shutdown: 165 is
/// Flink's code for "unknown" (1445), which its main thread may still report although the JVM is ending with 143 already;
/// 239 (-17) is the end that Flink makes itself when its shutdown hooks take longer than five seconds.
pub const JOBMANAGER_INTERRUPTED: [u8; 2] = [165, 239];

/// The same of a TaskManager, which has 1 for "the JVM is shutting down".
pub const TASKMANAGER_INTERRUPTED: [u8; 2] = [1, 239];

/// A JVM to start.
pub struct Jvm {
    pub name: &'static str,
    pub command: Command,
    pub kind: Kind,
    pub stop_order: u8,
}

/// This program in another role.
pub struct Own {
    pub name: &'static str,
    pub arguments: Vec<OsString>,
    pub keep_fds: Vec<RawFd>,
    pub stop_order: u8,
}

pub fn jvm(jvm: Jvm, environment: &Environment) -> Child {
    let Jvm { name, command, kind, stop_order } = jvm;
    let mut environment = environment.clone();
    for (variable, value) in command.env {
        environment.set(variable, value);
    }
    let program = command.program.into_os_string();
    let mut argv = vec![program.clone()];
    argv.extend(command.args);
    Child {
        name: name.to_owned(),
        kind,
        program,
        argv,
        env: environment.into_pairs(),
        cwd: None,
        keep_fds: Vec::new(),
        stdout: None,
        stderr: None,
        stop_order,
        stop_share_ms: JVM_SHARE_MS,
    }
}

/// What watches over a TaskManager's claim. Nothing that befalls it ends the TaskManager but its own word.
pub fn claim(words: Vec<OsString>, environment: &Environment) -> Result<Child, Fatal> {
    let mut arguments = vec![OsString::from("claim")];
    arguments.extend(words);
    let watcher = own(Own { name: "claim", arguments, keep_fds: Vec::new(), stop_order: 0 }, environment)?;
    let restart = Restart { crashes_most: u32::MAX, ..Restart::default() };
    let ending_codes = vec![Exit::NotPermitted.code()];
    Ok(Child {
        kind: Kind::Helper { restart, ending_codes, urgent_codes: Vec::new(), farewell: None },
        ..watcher
    })
}

/// An embedded Mesos with these agents; its files are below the run's directory.
pub fn mesos(
    (agents, resources): (u32, String),
    listener: TcpListener,
    run: &RunDir,
    stop_order: u8,
    environment: &Environment,
) -> Result<Child, Fatal> {
    let fd = hand_down(listener)?;
    let work_dir = run.path().join("mesos");
    let mut arguments: Vec<OsString> = vec!["mesos".into(), "--listen-fd".into(), fd.to_string().into()];
    arguments.extend(["--agents".into(), agents.to_string().into()]);
    arguments.extend(["--resources".into(), resources.into()]);
    arguments.extend(["--work-dir".into(), work_dir.into()]);
    arguments.extend(["--hostname".into(), "localhost".into()]);
    // Whoever starts this need not be root, nor somebody whom this machine knows by name.
    arguments.push("--no-switch_user".into());
    own(Own { name: "mesos", arguments, keep_fds: vec![fd], stop_order }, environment)
}

pub fn own(own: Own, environment: &Environment) -> Result<Child, Fatal> {
    let Own { name, arguments, keep_fds, stop_order } = own;
    let mut argv = vec![OsString::from("flink-on-mesos")];
    argv.extend(arguments);
    Ok(Child {
        name: name.to_owned(),
        kind: Kind::Helper {
            restart: Restart::default(),
            ending_codes: ENDING.map(Exit::code).into(),
            urgent_codes: URGENT.map(Exit::code).into(),
            farewell: None,
        },
        program: own_path()?.into_os_string(),
        argv,
        env: environment.clone().into_pairs(),
        cwd: None,
        keep_fds,
        stdout: None,
        stderr: None,
        stop_order,
        stop_share_ms: WORKER_SHARE_MS,
    })
}

/// Where this program is.
pub fn own_path() -> Result<PathBuf, Fatal> {
    std::env::current_exe().map_err(fatal(Exit::Os))
}

/// Becomes init, with nothing left of the work on the configuration. Returns only when that failed.
pub fn enter(plan: &Plan) -> Result<Infallible, Fatal> {
    let Err(error) = init::enter(plan);
    Err(Fatal::new(Exit::Os, error))
}

/// Keeps a descriptor open for children of init, over the exec that becomes init.
pub fn hand_down(fd: impl Into<OwnedFd>) -> Result<RawFd, Fatal> {
    let fd = fd.into();
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::empty())).map_err(fatal(Exit::Os))?;
    Ok(fd.into_raw_fd())
}
