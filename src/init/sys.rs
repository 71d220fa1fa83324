//! Everything init asks of the kernel, and the only unsafe code of the program.

#![expect(unsafe_code, reason = "clone, exec and what surrounds them have no safe form")]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid, getppid};

pub use descriptor::{
    adopt_fd, close_others, is_open, set_cloexec, stdin, unsent_bytes, write_to, write_to_stderr,
};
pub use entry::{Beginning, begin, end};
pub use mask::{CHANGED, block_signals, end_by_signals, ignore_sigpipe, reset_dispositions, set_mask};
pub use memory::trim_heap;
pub use process::{add_niceness, spawn};

use super::action::Target;
use super::oom;
use super::signals::{Signal, SignalSet};
use super::spawn::{Spawn, SpawnError};
use super::status::Ended;
use super::tree::{self, Process};
use base::time::{Clock, Moment};

mod descriptor;
mod entry;
mod mask;
pub mod memory;
mod process;

/// What the loop of init needs; a test double makes each of these fail.
pub trait Sys {
    fn now(&self) -> Moment;
    /// Returns when a signal is pending, `timeout` is over, or early for no reason.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Errno>;
    /// Lets time pass, whatever comes.
    fn pause(&mut self, time: Duration);
    fn take_signal(&mut self) -> Result<Option<Received>, Errno>;
    fn reap(&mut self) -> Result<Reaped, Errno>;
    fn kill(&mut self, target: Target, signal: Signal) -> Result<(), Errno>;
    /// Every process of this PID namespace but init; refused when init is not PID 1.
    fn kill_namespace(&mut self, signal: Signal) -> Result<(), Errno>;
    fn descendants(&mut self) -> io::Result<Vec<Process>>;
    fn spawn(&mut self, spawn: &Spawn<'_>) -> Result<Pid, SpawnError>;
    /// Changes to `/` and returns the directory that was left, for children.
    fn leave_directory(&mut self) -> Result<OwnedFd, Errno>;
    /// Whether a process lives in this group.
    fn is_populated(&mut self, group: Pid) -> bool;
    /// Gives back the memory that only the start needed.
    fn shrink(&mut self);
    /// Stops this process until somebody continues it; the kernel does not do that to PID 1.
    fn suspend(&mut self) -> Result<(), Errno>;
    /// The signals that a process has handlers for.
    fn caught(&mut self, pid: Pid) -> io::Result<SignalSet>;
    /// How many processes of this container the kernel has ever killed for want of memory.
    fn oom_kills(&mut self) -> io::Result<u64>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub signal: Signal,
    /// 0 when the kernel or another PID namespace sent it.
    pub sender: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    Child {
        pid: Pid,
        ended: Ended,
    },
    /// Children are left, none has ended.
    NoneEnded,
    NoneLeft,
}

/// Becomes readable when one of `signals`, which must be blocked, is pending.
pub fn signals_of(signals: SignalSet) -> Result<SignalFd, Errno> {
    let mut set = *SigSet::empty().as_ref();
    for signal in signals.iter() {
        // SAFETY: the set outlives the call.
        unsafe {
            libc::sigaddset(&raw mut set, signal.number());
        }
    }
    // SAFETY: the C library has made it.
    let set = unsafe { SigSet::from_sigset_t_unchecked(set) };
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// The real one.
pub struct Kernel {
    signals: SignalFd,
    clock: Clock,
}

impl Kernel {
    /// All signals must be blocked already.
    pub fn new(clock: Clock) -> Result<Self, Errno> {
        let signals = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, clock })
    }
}

impl Sys for Kernel {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Errno> {
        // Rounded up: a timer that fires early only costs another turn.
        let timeout = timeout.map_or(PollTimeout::NONE, |left| {
            let millis = left.as_nanos().div_ceil(1_000_000);
            PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn take_signal(&mut self) -> Result<Option<Received>, Errno> {
        while let Some(info) = self.signals.read_signal()? {
            let Some(signal) = i32::try_from(info.ssi_signo).ok().and_then(Signal::new) else { continue };
            let sender = i32::try_from(info.ssi_pid).unwrap_or(0);
            // The kernel's answer to a line written to a closed stderr, not an order from anybody.
            if signal == Signal::PIPE && sender == getpid().as_raw() {
                continue;
            }
            // For SIGCHLD and timers the field means something else.
            let sender = if matches!(info.ssi_code, libc::SI_USER | libc::SI_QUEUE) { sender } else { 0 };
            return Ok(Some(Received { signal, sender }));
        }
        Ok(None)
    }

    fn reap(&mut self) -> Result<Reaped, Errno> {
        loop {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::__WALL) };
            match Errno::result(pid) {
                Ok(0) => return Ok(Reaped::NoneEnded),
                Ok(pid) => {
                    if let Some(ended) = Ended::from_raw(status) {
                        return Ok(Reaped::Child { pid: Pid::from_raw(pid), ended });
                    }
                }
                Err(Errno::ECHILD) => return Ok(Reaped::NoneLeft),
                Err(errno) => return Err(errno),
            }
        }
    }

    fn kill(&mut self, target: Target, signal: Signal) -> Result<(), Errno> {
        let number = match target {
            Target::Process(pid) => pid.as_raw(),
            Target::Group(pid) => -pid.as_raw(),
        };
        send_unless_special(number, signal)
    }

    fn kill_namespace(&mut self, signal: Signal) -> Result<(), Errno> {
        // Anywhere else this would end the machine.
        if getpid().as_raw() != 1 {
            return Err(Errno::EPERM);
        }
        send(-1, signal)
    }

    fn descendants(&mut self) -> io::Result<Vec<Process>> {
        tree::descendants(getpid())
    }

    fn spawn(&mut self, spawn: &Spawn<'_>) -> Result<Pid, SpawnError> {
        process::spawn(spawn)
    }

    fn leave_directory(&mut self) -> Result<OwnedFd, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let left = nix::fcntl::open(".", flags, Mode::empty())?;
        nix::unistd::chdir("/")?;
        Ok(left)
    }

    fn is_populated(&mut self, group: Pid) -> bool {
        // Signal 0 only asks. A zombie counts there, and one may stay for as long as its parent likes.
        // SAFETY: no memory is involved.
        let asked = Errno::result(unsafe { libc::kill(-group.as_raw().max(2), 0) });
        asked != Err(Errno::ESRCH) && tree::is_populated(group).unwrap_or(true)
    }

    fn shrink(&mut self) {
        memory::shrink();
    }

    fn suspend(&mut self) -> Result<(), Errno> {
        send_to_self(Signal::STOP)
    }

    fn caught(&mut self, pid: Pid) -> io::Result<SignalSet> {
        tree::caught(pid)
    }

    fn oom_kills(&mut self) -> io::Result<u64> {
        oom::kills()
    }
}

/// Sends one process a signal, real-time ones included.
pub fn send_to(pid: Pid, signal: Signal) -> Result<(), Errno> {
    send_unless_special(pid.as_raw().max(0), signal)
}

/// 0, 1 and their negatives would mean this process's own group, init itself, or everyone.
fn send_unless_special(number: i32, signal: Signal) -> Result<(), Errno> {
    if number.unsigned_abs() < 2 {
        return Err(Errno::EINVAL);
    }
    send(number, signal)
}

fn send(number: i32, signal: Signal) -> Result<(), Errno> {
    // SAFETY: no memory is involved; the callers refuse dangerous numbers.
    Errno::result(unsafe { libc::kill(number, signal.number()) }).map(drop)
}

/// Sends this process a signal, which stays pending while blocked.
pub fn send_to_self(signal: Signal) -> Result<(), Errno> {
    send(getpid().as_raw(), signal)
}

/// Whether and when the kernel signals this process on the death of its parent, which must still be `parent`.
pub fn set_parent_death_signal(signal: Signal, parent: i32) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number()) })?;
    if getppid().as_raw() != parent {
        send_to_self(signal)?;
    }
    Ok(())
}

/// Replaces this process by another run of the same binary. Signals stay blocked and pending.
pub fn exec_self(argv: &[CString]) -> Errno {
    // SAFETY: the kernel keeps the string for the life of the process.
    let executed_as = unsafe {
        let name = libc::getauxval(libc::AT_EXECFN) as *const libc::c_char;
        (!name.is_null()).then(|| CStr::from_ptr(name).to_owned())
    };
    let mut errno = Errno::ENOENT;
    for program in [Some(c"/proc/self/exe".to_owned()), executed_as].into_iter().flatten() {
        errno = match nix::unistd::execve::<_, CString>(&program, argv, &[]) {
            Ok(never) => match never {},
            Err(errno) => errno,
        };
    }
    errno
}
