//! Everything init asks of the kernel, and the only unsafe code of the program.

#![expect(unsafe_code, reason = "fork, exec and what surrounds them have no safe form")]

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpid, getppid, pipe2, read};

use super::action::Target;
use super::plan::Inherited;
use super::signals::{Signal, SignalSet};
use super::spawn::{Group, Prepared, Spawn, SpawnError, Step};
use super::status::Ended;
use super::tree::{self, Process};
use crate::time::{Clock, Moment};

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
    /// Changes to `/`.
    fn leave_directory(&mut self) -> Result<(), Errno>;
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
        self::spawn(spawn)
    }

    fn leave_directory(&mut self) -> Result<(), Errno> {
        nix::unistd::chdir("/")
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

/// Rust's runtime ignores SIGPIPE before `main` runs and leaves no trace of what was inherited.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

extern "C" fn remember_pipe() {
    PIPE_WAS_IGNORED.store(disposition(Signal::PIPE) == libc::SIG_IGN, Ordering::Relaxed);
}

// SAFETY: the function has the type the loader calls and uses nothing that needs the runtime.
#[unsafe(link_section = ".init_array")]
#[used]
static REMEMBER_PIPE: extern "C" fn() = remember_pipe;

/// Blocks every signal and tells what was blocked and ignored before.
pub fn block_signals() -> Inherited {
    let blockable = Signal::all().filter(|signal| !signal.belongs_to_libc()).collect();
    let mask = set_mask(blockable);
    let mut ignored: SignalSet = Signal::all()
        .filter(|&signal| signal != Signal::PIPE && disposition(signal) == libc::SIG_IGN)
        .collect();
    if PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
        ignored.insert(Signal::PIPE);
    }
    Inherited { mask, ignored, parent: getppid().as_raw() }
}

/// Sets the signal mask and returns the one before. The system call itself is used, since the C library
/// quietly changes what is asked for in the signals it keeps for itself.
pub fn set_mask(mask: SignalSet) -> SignalSet {
    let mut before = 0u64;
    // SAFETY: both point to the 8 bytes that the kernel takes as a signal set. It cannot fail then.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const mask.0,
            &raw mut before,
            8usize,
        );
    }
    SignalSet(before)
}

fn disposition(signal: Signal) -> libc::sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `action` is valid for writes; all zeros is a valid value of it should the call fail.
    unsafe {
        libc::sigaction(signal.number(), std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

fn set_disposition(signal: Signal, handler: libc::sighandler_t) {
    // SAFETY: `handler` is SIG_DFL or SIG_IGN, so no code of ours is called.
    unsafe {
        libc::signal(signal.number(), handler);
    }
}

/// Makes the dispositions of init those that its loop relies on: no handlers (Rust's runtime has two, for a
/// message on stack overflow), and SIGCHLD not ignored, which would make the kernel throw statuses away.
pub fn reset_dispositions() {
    for signal in Signal::all() {
        let handler = disposition(signal);
        if signal == Signal::CHLD || (handler != libc::SIG_DFL && handler != libc::SIG_IGN) {
            set_disposition(signal, libc::SIG_DFL);
        }
    }
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

/// Takes over a descriptor that was handed to this process by number.
///
/// Fails with `EBADF` when it is not open. The caller must be the only owner of that number.
pub fn adopt_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    set_cloexec(number)?;
    // SAFETY: the descriptor is open, and it was handed over to be owned here.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

pub fn set_cloexec(number: RawFd) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Descriptors are looked for up to here when the kernel cannot list them.
const FDS_MOST: RawFd = 65_536;

/// Closes all descriptors from 3 on but those of `keep`, which get close-on-exec.
pub fn close_others(keep: &[RawFd]) {
    let mut keep: Vec<_> = keep.iter().copied().filter(|number| *number > 2).collect();
    keep.sort_unstable();
    keep.dedup();
    for number in &keep {
        // One that is not open is told when the child that wants it is started.
        let _ = set_cloexec(*number);
    }
    let mut first = 3;
    for number in keep.iter().copied().chain([RawFd::MAX]) {
        if first < number && close_range(first, number - 1).is_err() {
            close_one_by_one(first, number - 1);
        }
        first = number.saturating_add(1);
    }
}

fn close_range(first: RawFd, last: RawFd) -> Result<(), Errno> {
    // SAFETY: no memory is involved; nothing in this process owns the descriptors of the range.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn close_one_by_one(first: RawFd, last: RawFd) {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect::<Vec<RawFd>>()
    });
    let numbers = listed.unwrap_or_else(|_| (first..=last.min(FDS_MOST)).collect());
    for number in numbers.into_iter().filter(|number| (first..=last).contains(number)) {
        // SAFETY: as above.
        unsafe {
            libc::close(number);
        }
    }
}

/// Whether a line can be written to stderr without waiting for its reader.
pub fn stderr_is_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
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
