//! Fork and exec.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::{Pid, getpid, pipe2, read};

use super::mask::{set_disposition, set_mask};
use crate::init::signals::Signal;
use crate::init::spawn::{Group, Prepared, Spawn, SpawnError, Step};

/// Starts a program. Returns once it runs or could not be executed; in the second case nothing is left of it.
///
/// Safe to call with signal handlers installed, but only while this process has a single thread.
pub fn spawn(spawn: &Spawn<'_>) -> Result<Pid, SpawnError> {
    let parent = getpid();
    let mut prepared = Prepared::new(spawn, parent)?;
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(SpawnError::Fork)?;
    let before = set_mask(Signal::all().filter(|signal| !signal.belongs_to_libc()).collect());
    // SAFETY: the child only makes system calls and touches memory prepared before, until it execs or exits.
    let forked = Errno::result(unsafe { libc::fork() });
    if forked == Ok(0) {
        let (step, errno) = become_program(spawn, &mut prepared, parent);
        let mut report = [step as u8, 0, 0, 0, 0];
        report[1..].copy_from_slice(&(errno as i32).to_ne_bytes());
        // SAFETY: as above; `report` outlives the call.
        unsafe {
            libc::write(writer.as_raw_fd(), report.as_ptr().cast(), report.len());
            libc::_exit(127);
        }
    }
    drop(writer);
    // Both sides move the child to its group: whichever comes first, a signal to the group finds it.
    if let (Ok(pid), Group::Own | Group::Foreground) = (forked, spawn.group) {
        // SAFETY: no memory is involved. Fails when the child has exec'd, having done it itself.
        unsafe {
            libc::setpgid(pid, pid);
        }
    }
    set_mask(before);
    let pid = Pid::from_raw(forked.map_err(SpawnError::Fork)?);
    match read_report(&reader) {
        None => Ok(pid),
        Some((step, errno)) => {
            wait_for(pid);
            Err(spawn.failure(step, errno))
        }
    }
}

/// `None` when the pipe was closed by a successful exec.
fn read_report(reader: &OwnedFd) -> Option<(Step, Errno)> {
    let mut report = [0; 5];
    loop {
        match read(reader, &mut report) {
            Ok(5) => break,
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return None,
        }
    }
    let [step, errno @ ..] = report;
    Some((Step::from_number(step), Errno::from_raw(i32::from_ne_bytes(errno))))
}

fn wait_for(pid: Pid) {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while Errno::result(unsafe { libc::waitpid(pid.as_raw(), &mut status, 0) }) == Err(Errno::EINTR) {}
}

/// Runs in the child: no allocation, no lock, nothing that could unwind. Returns only on failure.
fn become_program(spawn: &Spawn<'_>, prepared: &mut Prepared, parent: Pid) -> (Step, Errno) {
    // SAFETY: plain system calls; the strings behind the pointers of `prepared` live in this process's copy.
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
        if let Some(cwd) = &prepared.cwd
            && libc::chdir(cwd.as_ptr()) != 0
        {
            return (Step::Directory, Errno::last());
        }
        for (number, file) in [(0, spawn.stdin), (1, spawn.stdout), (2, spawn.stderr)] {
            if let Some(file) = file
                && libc::dup2(file.as_raw_fd(), number) < 0
            {
                return (Step::Redirect, Errno::last());
            }
        }
        // For descriptors of an outer program that were never marked; old kernels go without.
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        for number in spawn.keep_fds {
            if *number > 2 && libc::fcntl(*number, libc::F_SETFD, 0) != 0 {
                return (Step::Keep, Errno::last());
            }
        }
        prepared.set_listen_pid(libc::getpid());
        for signal in Signal::all().filter(|signal| !signal.belongs_to_libc()) {
            let ignored = spawn.signals.ignored.contains(signal);
            set_disposition(signal, if ignored { libc::SIG_IGN } else { libc::SIG_DFL });
        }
        set_mask(spawn.signals.mask);
        // As execvp does: what cannot be entered or read may still be elsewhere in PATH.
        let mut errno = Errno::ENOENT;
        for program in &prepared.programs {
            libc::execve(program.as_ptr(), prepared.argv(), prepared.env());
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR => {}
                Errno::EACCES => errno = Errno::EACCES,
                other => return (Step::Exec, other),
            }
        }
        (Step::Exec, errno)
    }
}
