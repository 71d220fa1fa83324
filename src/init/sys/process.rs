//! Starting programs.

use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Pid, getpid};

use super::mask::{set_disposition, set_mask};
use crate::executable::SHELL;
use crate::signals::Signal;
use crate::spawn::{Failure, Group, Prepared, Spawn, SpawnError, Step};

/// Starts a program. Returns once it runs or could not be executed; in the second case nothing is left of it.
///
/// Other threads and handlers of signals may be there: the child uses only what is its own or what the thread that waits
/// for it lends it, and runs no handler.
pub fn spawn(spawn: &Spawn<'_>) -> Result<Pid, SpawnError> {
    let (prepared, failure) = match start(spawn)? {
        Ok(pid) => return Ok(pid),
        Err(failed) => failed,
    };
    let Some(script) = spawn.script(&prepared, failure) else {
        return Err(spawn.failure(&prepared, failure));
    };
    // As execvp does.
    let argv: Vec<_> = [SHELL.into(), script].into_iter().chain(spawn.argv.iter().skip(1).cloned()).collect();
    start(&Spawn { program: SHELL.as_ref(), argv: &argv, ..*spawn })?
        .map_err(|(_, of_shell)| spawn.failure(&prepared, of_shell))
}

/// Of the calling thread.
pub fn add_niceness(more: i32) {
    // SAFETY: no memory is involved.
    unsafe { libc::nice(more) };
}

type Failed = (Prepared, Failure);

fn start(spawn: &Spawn<'_>) -> Result<Result<Pid, Failed>, SpawnError> {
    let parent = getpid();
    let mut start = Start { spawn, prepared: Prepared::new(spawn, parent)?, parent, failure: None };
    let before = set_mask(Signal::all().filter(|signal| !signal.belongs_to_libc()).collect());
    let cloned = clone(&mut start);
    set_mask(before);
    let pid = cloned.map_err(SpawnError::Fork)?;
    Ok(match start.failure {
        None => Ok(pid),
        Some(failure) => {
            wait_for(pid);
            Err((start.prepared, failure))
        }
    })
}

/// What the child works with, in memory that it shares with its parent.
struct Start<'a> {
    spawn: &'a Spawn<'a>,
    prepared: Prepared,
    parent: Pid,
    failure: Option<Failure>,
}

/// Ten times what the child was seen to use without optimization.
const STACK_BYTES: usize = 32 * 1024;

/// A new process that shares this one's memory, which therefore need not be copied; this one stands still until the
/// new one has executed its program or ended.
fn clone(start: &mut Start<'_>) -> Result<Pid, Errno> {
    // Not zeroed: only what is used of it shall take memory.
    let mut stack: Vec<MaybeUninit<u128>> = Vec::with_capacity(STACK_BYTES / size_of::<u128>());
    let top = stack.spare_capacity_mut().as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack grows down from its aligned end; it and `start` outlive the child's use of them, and nobody
    // else uses them meanwhile. Signals are blocked, so no handler runs twice in the same memory.
    let pid = unsafe { libc::clone(run_child, top.cast(), flags, (&raw mut *start).cast()) };
    Errno::result(pid).map(Pid::from_raw)
}

/// The child's code; what it returns is its exit code, which nobody reads.
extern "C" fn run_child(start: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `clone` passes this, and the parent stands still.
    let start = unsafe { &mut *start.cast::<Start<'_>>() };
    start.failure = Some(become_program(start.spawn, &mut start.prepared, start.parent));
    127
}

fn wait_for(pid: Pid) {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while Errno::result(unsafe { libc::waitpid(pid.as_raw(), &mut status, 0) }) == Err(Errno::EINTR) {}
}

/// Runs in the child, whose parent goes on in the same memory afterwards: no allocation, no lock, nothing that could
/// unwind. Returns only on failure.
fn become_program(spawn: &Spawn<'_>, prepared: &mut Prepared, parent: Pid) -> Failure {
    let failed = |step| Failure { step, errno: Errno::last(), at: 0 };
    // SAFETY: plain system calls; the strings behind the pointers of `prepared` outlive them.
    unsafe {
        match spawn.group {
            Group::Session => drop(libc::setsid()),
            Group::Own => drop(libc::setpgid(0, 0)),
            Group::Foreground => {
                libc::setpgid(0, 0);
                // A terminal that refuses is no reason not to run. SIGTTOU is blocked here.
                libc::tcsetpgrp(0, libc::getpid());
            }
        }
        if let Some(signal) = spawn.death_signal {
            libc::prctl(libc::PR_SET_PDEATHSIG, signal.number());
            if libc::getppid() != parent.as_raw() {
                libc::_exit(128 + signal.number());
            }
        }
        if let Some(directory) = spawn.directory
            && libc::fchdir(directory.as_raw_fd()) != 0
        {
            return failed(Step::Directory);
        }
        if let Some(cwd) = &prepared.cwd
            && libc::chdir(cwd.as_ptr()) != 0
        {
            return failed(Step::Directory);
        }
        for (number, file) in [(0, spawn.stdin), (1, spawn.stdout), (2, spawn.stderr)] {
            if let Some(file) = file
                && libc::dup2(file.as_raw_fd(), number) < 0
            {
                return failed(Step::Redirect);
            }
        }
        // For descriptors of an outer program that were never marked; old kernels go without.
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        for number in spawn.keep_fds {
            if *number > 2 && libc::fcntl(*number, libc::F_SETFD, 0) != 0 {
                return failed(Step::Keep);
            }
        }
        prepared.set_listen_pid(libc::getpid());
        for signal in spawn.changed.iter().filter(|signal| !signal.belongs_to_libc()) {
            let ignored = spawn.signals.ignored.contains(signal);
            set_disposition(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
        }
        set_mask(spawn.signals.mask);
        // As execvp does: what cannot be entered or read may still be elsewhere in PATH.
        let mut failure = Failure { step: Step::Exec, errno: Errno::ENOENT, at: 0 };
        for (at, program) in prepared.programs.iter().enumerate() {
            libc::execve(program.as_ptr(), prepared.argv(), prepared.env());
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR => {}
                Errno::EACCES => failure = Failure { errno: Errno::EACCES, at, ..failure },
                errno => return Failure { errno, at, ..failure },
            }
        }
        failure
    }
}
