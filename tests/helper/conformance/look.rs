//! What can be seen of processes from outside.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use init::signals::Signal as Any;
use init::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

use super::stage::{Fault, Outcome, check, failed};

/// Far above what any case takes that has an end, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// No orphan has come to this process, which would adopt those that the program under test does not.
pub fn expect_adopted_none() -> Outcome {
    let count = children(Pid::this()).len();
    check(count == 1, format!("{} processes went past it", count - 1))
}

/// Nothing that the program under test has adopted or started lives on.
pub fn expect_nothing_left() -> Outcome {
    match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
        Err(Errno::ECHILD) => Ok(()),
        found => failed(format!("a process is left: {found:?}")),
    }
}

/// Ends whatever a case has left.
pub fn clean_up() {
    let begin = Instant::now();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => {
                let own = Pid::this();
                for child in children(own) {
                    let _ = kill(child, Signal::SIGKILL);
                }
                std::thread::sleep(LOOK_EVERY);
            }
            Ok(_) | Err(_) => {}
        }
        assert!(begin.elapsed() < PATIENCE, "processes that cannot be killed");
    }
}

pub fn send(pid: Pid, signal: Any) -> Outcome {
    sys::send_to(pid, signal).or_else(|errno| failed(format!("cannot send {signal}: {errno}")))
}

/// Waits until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Fault> {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begin.elapsed() > PATIENCE {
            return failed(format!("waited too long for {what}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The children of a process, zombies included.
pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("a pid"))).collect()
}

/// A field of `/proc/PID/status`.
pub fn status(pid: Pid, field: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t").map(str::to_owned));
    line.ok_or_else(|| Fault::Failed(format!("no {field} of {pid}")))
}

pub fn is_alive(pid: Pid) -> bool {
    status(pid, "State").is_ok_and(|state| !state.starts_with(['Z', 'X']))
}

pub fn is_stopped(pid: Pid) -> bool {
    status(pid, "State").is_ok_and(|state| state.starts_with('T'))
}

pub fn link(path: impl AsRef<Path>) -> String {
    fs::read_link(path).map(|path| path.display().to_string()).unwrap_or_default()
}

/// A directory that goes with its end.
pub fn directory() -> Result<tempfile::TempDir, Fault> {
    tempfile::tempdir().map_err(|error| Fault::Unable(error.to_string()))
}

pub fn pipe() -> (OwnedFd, OwnedFd) {
    pipe2(OFlag::O_CLOEXEC).expect("a pipe")
}
