//! PID 1: starts the plan's children, forwards signals, reaps everything, stops all in order.
//!
//! One thread, no async runtime, no signal handlers: all signals are blocked from the first line of `main`
//! on and read from a descriptor. The exit code of a container is
//!
//! | code | meaning |
//! |---|---|
//! | 0–255 | the main child's own, unchanged |
//! | 128 + n | the main child was killed by signal n; 137 also when it outlived SIGKILL |
//! | 128 + n | signal n told init to stop before the main child was started |
//! | a helper's | a helper ended with one of its ending codes while the main child lived |
//! | 70 | a helper kept crashing, or the plan cannot be read |
//! | 71 | the operating system refused a fork or a signal descriptor at the start |
//! | 73 | a file for a child's output cannot be opened |
//! | 126, 127 | a program cannot be executed, or was not found |
//!
//! The remap list of the options is applied last.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Gid, Uid, getpgrp, getpid, setgid, setgroups, setuid, tcgetpgrp, tcsetpgrp};
use tracing::Level;

use action::Outcome;
use base::exit::Exit;
use base::log;
use base::time::Clock;
use journal::Journal;
use plan::{Inherited, Plan, Subreaper, Terminal, User};
use run::{Foreground, InitKind};
pub use sys::Beginning;

mod action;
mod child;
mod executable;
pub mod guard;
mod journal;
mod machine;
mod note;
mod oom;
pub mod plan;
mod run;
pub mod signals;
pub mod spawn;
pub mod status;
pub mod sys;
pub mod tree;

/// Blocks all signals, so that none is lost, and returns what was inherited, for the plan. To be called
/// before anything else in `main`.
pub fn block_signals() -> Inherited {
    sys::block_signals()
}

/// Undoes [`block_signals`], for the roles that are no init; to them a closed pipe is an error like any other.
pub fn unblock_signals(inherited: &Inherited) {
    sys::ignore_sigpipe();
    if getpid().as_raw() == 1 {
        sys::end_by_signals();
    }
    sys::set_mask(inherited.mask);
}

/// Gives back what memory a process that now waits for long does not need meanwhile.
pub fn shrink() {
    sys::memory::shrink();
}

/// Whether a descriptor of this number is open.
pub fn is_open(number: RawFd) -> bool {
    sys::is_open(number)
}

/// Writes to stderr what can be written without waiting for a reader, and returns how many bytes that was.
pub fn write_to_stderr(bytes: &[u8]) -> usize {
    sys::write_to_stderr(bytes)
}

/// Takes over a descriptor that init handed to this process by number; nobody gets it twice.
pub fn adopt_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    sys::adopt_fd(number)
}

/// How much of what was written to a socket the other end has yet to take.
pub fn unsent_bytes(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    sys::unsent_bytes(socket)
}

/// Gives memory back to the kernel that this process has freed and keeps for later.
pub fn give_back_memory() {
    sys::trim_heap();
}

/// The calling thread is so much nicer to others from here on, 19 being the most. A sandbox may forbid it; then all stay alike.
pub fn give_way(niceness: i32) {
    sys::add_niceness(niceness);
}

#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    #[error("the plan cannot be encoded")]
    Encode(#[from] postcard::Error),
    #[error("cannot create a memfd for the plan")]
    Memory(#[source] std::io::Error),
    #[error("cannot execute this program again")]
    Exec(#[source] Errno),
}

/// Becomes init: executes this program again as `init --plan-fd N`, so that no memory of the configuration
/// work is left. The pid, blocked and pending signals stay. After an error [`run_plan`] does without.
pub fn enter(plan: &Plan) -> Result<Infallible, EnterError> {
    guard::disarm();
    execute(plan)
}

fn execute(plan: &Plan) -> Result<Infallible, EnterError> {
    let bytes = postcard::to_stdvec(plan)?;
    let memory =
        memfd_create(c"plan", MFdFlags::empty()).map_err(|errno| EnterError::Memory(errno.into()))?;
    let mut file = File::from(memory);
    file.write_all(&bytes).and_then(|()| file.rewind()).map_err(EnterError::Memory)?;
    let number = CString::new(file.as_raw_fd().to_string()).unwrap_or_default();
    // A link by which this program was called would be a command.
    let name = c"flink-on-mesos".into();
    Err(EnterError::Exec(sys::exec_self(&[name, c"init".into(), c"--plan-fd".into(), number])))
}

/// The `init` role: runs the plan that [`enter`] left on a descriptor and returns the exit code.
pub fn run(plan_fd: RawFd, beginning: Beginning) -> u8 {
    log::never_wait(sys::write_to_stderr);
    match read_plan(plan_fd) {
        Ok(plan) => run_plan(&plan, beginning),
        Err(error) => {
            log::line(Level::ERROR, "init", &format!("cannot read the plan: {}", log::chain(&error)));
            Exit::Software.code()
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadPlanError {
    #[error("descriptor {0} is not open")]
    Closed(RawFd, #[source] Errno),
    #[error("descriptor {0} cannot be read")]
    Read(RawFd, #[source] std::io::Error),
    #[error("descriptor {0} does not hold a plan: this process uses it already")]
    InUse(RawFd),
    #[error("descriptor {0} does not hold a plan")]
    Decode(RawFd, #[source] postcard::Error),
}

fn read_plan(number: RawFd) -> Result<Plan, ReadPlanError> {
    let fd = sys::adopt_fd(number).map_err(|errno| match errno {
        Errno::EBUSY => ReadPlanError::InUse(number),
        errno => ReadPlanError::Closed(number, errno),
    })?;
    let mut bytes = Vec::new();
    File::from(fd).read_to_end(&mut bytes).map_err(|error| ReadPlanError::Read(number, error))?;
    let plan = postcard::from_bytes(&bytes).map_err(|error| ReadPlanError::Decode(number, error))?;
    Ok(plan)
}

/// Runs a plan in this process, which must have all signals blocked. Descriptors the plan does not name are closed.
pub fn run_plan(plan: &Plan, beginning: Beginning) -> u8 {
    plan.options.log_format.choose();
    log::never_wait(sys::write_to_stderr);
    let journal = Journal::new(plan.options.verbosity);
    if let Err(error) = plan.check() {
        journal.say(Level::ERROR, error);
        return Exit::Software.code();
    }
    let clock = Clock::start();
    sys::reset_dispositions();
    let kept: Vec<_> =
        plan.children.iter().flat_map(|child| child.keep_fds.iter().copied()).chain(plan.status_fd).collect();
    sys::close_others(beginning, &kept);
    // The next descriptor of ours would get its number, and be handed down.
    if let Some((child, number)) = missing_descriptor(plan) {
        let text = format_args!("descriptor {number}, which {child} has to inherit, is not open");
        journal.say(Level::ERROR, text);
        return Exit::Os.code();
    }
    if let Some(user) = &plan.options.user
        && let Err(errno) = become_user(user)
    {
        journal.say(Level::ERROR, format_args!("cannot become user {}: {errno}", user.uid));
        return Exit::Os.code();
    }
    let standing = take_standing(plan, &journal);
    let mut kernel = match sys::Kernel::new(clock) {
        Ok(kernel) => kernel,
        Err(errno) => {
            journal.say(Level::ERROR, format_args!("cannot create a signalfd: {errno}"));
            return Exit::Os.code();
        }
    };
    let foreground = foreground(plan.options.terminal);
    let outcome = run::run(plan, standing, foreground, &mut kernel);
    if foreground == Foreground::Hand {
        // Whoever started init from this terminal may want to read from it again.
        let _ = tcsetpgrp(sys::stdin(), getpgrp());
    }
    finish(plan, &outcome, &journal);
    outcome.code
}

fn missing_descriptor(plan: &Plan) -> Option<(&str, RawFd)> {
    let kept =
        plan.children.iter().flat_map(|child| child.keep_fds.iter().map(|number| (&*child.name, *number)));
    kept.chain(plan.status_fd.map(|number| ("init", number))).find(|(_, number)| !sys::is_open(*number))
}

fn become_user(user: &User) -> Result<(), Errno> {
    let groups: Vec<_> =
        std::iter::once(user.gid).chain(user.groups.iter().copied()).map(Gid::from_raw).collect();
    match setgroups(&groups) {
        // Who is that user already need not be allowed to become it.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(errno),
    }
    setgid(Gid::from_raw(user.gid))?;
    setuid(Uid::from_raw(user.uid))
}

fn take_standing(plan: &Plan, journal: &Journal) -> InitKind {
    // After an exec through /proc the kernel calls the process `exe`.
    let _ = nix::sys::prctl::set_name(c"flink-on-mesos");
    if let Some(signal) = plan.options.parent_death_signal
        && let Err(errno) = sys::set_parent_death_signal(signal, plan.inherited.parent)
    {
        journal.say(Level::WARN, format_args!("cannot set the parent death signal: {errno}"));
    }
    if getpid().as_raw() == 1 {
        return InitKind::First;
    }
    match plan.options.subreaper {
        Subreaper::Off => InitKind::Plain,
        Subreaper::On => match nix::sys::prctl::set_child_subreaper(true) {
            Ok(()) => InitKind::Subreaper,
            Err(errno) => {
                journal.say(
                    Level::WARN,
                    format_args!("cannot become a subreaper, orphans will not be reaped: {errno}"),
                );
                InitKind::Plain
            }
        },
    }
}

/// The terminal is only handed on by who has it.
fn foreground(terminal: Terminal) -> Foreground {
    match (terminal, tcgetpgrp(sys::stdin())) {
        (Terminal::HandToMain, Ok(group)) if group == getpgrp() => Foreground::Hand,
        (Terminal::HandToMain | Terminal::Keep, _) => Foreground::Leave,
    }
}

fn finish(plan: &Plan, outcome: &Outcome, journal: &Journal) {
    for path in plan.cleanup.iter().map(Path::new) {
        match remove(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => journal.say(Level::WARN, format_args!("cannot remove {}: {error}", path.display())),
        }
    }
    if let Some(path) = &plan.options.reason_file
        && let Err(error) = write_reason(path, outcome)
    {
        journal.say(Level::WARN, format_args!("cannot write to {}: {error}", path.display()));
    }
    journal.say(Level::INFO, outcome);
}

fn remove(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Without waiting: a pipe may have no reader.
fn write_reason(path: &OsStr, record: &Outcome) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path)?.write_all(format!("{record}\n").as_bytes())
}
