//! The loop: brings facts from the kernel to the stage machine and carries out its orders.
//!
//! After the first child was started nothing here ends the process but the machine: errors are logged and
//! the loop goes on.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::fd::{AsFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::Pid;
use tracing::Level;

use super::action::{Action, Outcome, Rest, Target};
use super::journal::Journal;
use super::machine::Machine;
use super::plan::{Child, Kind, Plan};
use super::signals::Signal;
use super::spawn::{Group, Spawn};
use super::status::Ended;
use super::sys::{self, Reaped, Sys};
use super::tree::Process;
use base::exit::Exit;
use base::time::Moment;

mod rest;

/// A call that fails where it cannot is tried again after this, instead of at once and for ever.
const FAILED_PAUSE: Duration = Duration::from_millis(50);

/// A program that has not ended after this is one to have a small init for; giving back memory takes others longer to
/// end.
const SETTLING: Duration = Duration::from_millis(50);

/// How init stands to the other processes it did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitKind {
    /// PID 1: everything in the namespace is to be ended with it.
    First,
    /// Orphans are adopted, so everything below is to be ended.
    Subreaper,
    /// Orphans go to somebody else.
    Plain,
}

/// Runs the plan to its end.
pub fn run<S: Sys>(plan: &Plan, standing: InitKind, foreground: Foreground, sys: &mut S) -> Outcome {
    let machine = Machine::new(plan, sys.now());
    let journal = Journal::new(plan.options.verbosity);
    let mut driver = Driver {
        plan,
        standing,
        foreground,
        sys,
        machine,
        journal,
        groups: BTreeSet::new(),
        told: BTreeSet::new(),
        directory: None,
        life: Life::Starting,
        oom_kills: None,
        status_fd: plan.status_fd,
    };
    driver.run()
}

/// Whether the main child becomes the terminal's foreground group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreground {
    Leave,
    Hand,
}

struct Driver<'a, S> {
    plan: &'a Plan,
    standing: InitKind,
    foreground: Foreground,
    sys: &'a mut S,
    machine: Machine,
    journal: Journal,
    /// The process groups that were started and may have members, for the end without `/proc` or orphans.
    groups: BTreeSet<Pid>,
    /// Processes of the rest that were told to stop.
    told: BTreeSet<Process>,
    /// Where this process was started, until all children are.
    directory: Option<OwnedFd>,
    life: Life,
    /// Of this container, up to the first rest.
    oom_kills: Option<u64>,
    /// Until the main child's status is written to it.
    status_fd: Option<RawFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Starting,
    /// All children were started.
    Settling {
        until: Moment,
    },
    Settled,
}

impl<S: Sys> Driver<'_, S> {
    fn run(&mut self) -> Outcome {
        let outcome = self.run_to_the_end();
        // Only then it is of interest: reading it twice takes as long as a fork.
        let was_killed = matches!(outcome.main, Some(Ended::Killed { signal: Signal::KILL, .. }));
        let oom_kills = match self.oom_kills {
            Some(before) if was_killed => {
                self.sys.oom_kills().map_or(0, |after| after.saturating_sub(before))
            }
            Some(_) | None => 0,
        };
        Outcome { oom_kills, ..outcome }
    }

    fn run_to_the_end(&mut self) -> Outcome {
        self.leave_directory();
        loop {
            self.take_signals();
            self.act();
            self.machine.handle_timeout(self.sys.now());
            self.act();
            self.reap();
            if let Some(outcome) = self.machine.outcome() {
                return outcome;
            }
            let settles_at = self.rest();
            let now = self.sys.now();
            let timeout = self.machine.poll_timeout().into_iter().chain(settles_at).min();
            if let Err(errno) = self.sys.wait(timeout.map(|at| at.since(now))) {
                self.failed("wait for signals", errno);
                self.sys.pause(FAILED_PAUSE);
            }
        }
    }

    /// Before each wait: what is done once, as soon as there is nothing to do, and what is done after that has lasted
    /// for a while. Returns when it will have.
    fn rest(&mut self) -> Option<Moment> {
        let now = self.sys.now();
        match self.life {
            Life::Starting => {
                self.oom_kills = self.sys.oom_kills().ok();
                self.life = Life::Settling { until: now + SETTLING };
            }
            Life::Settling { until } if now >= until => {
                self.sys.shrink();
                self.life = Life::Settled;
            }
            Life::Settling { .. } | Life::Settled => {}
        }
        match self.life {
            Life::Settling { until } => Some(until),
            Life::Starting | Life::Settled => None,
        }
    }

    fn take_signals(&mut self) {
        loop {
            match self.sys.take_signal() {
                Ok(Some(received)) => {
                    self.machine.handle_signal(received.signal, received.sender, self.sys.now());
                }
                Ok(None) => return,
                Err(Errno::EINTR) => {}
                Err(errno) => return self.failed("read a signal", errno),
            }
        }
    }

    /// Until nothing more has ended: one SIGCHLD stands for any number of them.
    fn reap(&mut self) {
        loop {
            match self.sys.reap() {
                Ok(Reaped::Child { pid, ended }) => {
                    // Without members its number may be given to somebody else's.
                    if self.groups.contains(&pid) && !self.sys.is_populated(pid) {
                        self.groups.remove(&pid);
                    }
                    self.machine.handle_ended(pid, ended, fastrand::f64(), self.sys.now());
                    // Before others are told to stop, who may read it then.
                    self.tell_status();
                    self.act();
                }
                Ok(Reaped::NoneEnded) => break self.machine.handle_reaped(Rest::Some, self.sys.now()),
                Ok(Reaped::NoneLeft) => {
                    let rest = self.rest_of_groups();
                    break self.machine.handle_reaped(rest, self.sys.now());
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return self.failed("wait for children", errno),
            }
        }
        self.act();
    }

    fn tell_status(&mut self) {
        let Some(status) = self.machine.main_end().and_then(Ended::to_raw) else { return };
        let Some(number) = self.status_fd.take() else { return };
        // It stays open for a helper that is started once more.
        if let Err(error) = sys::write_to(number, status.to_string().as_bytes()) {
            let text = format_args!("cannot write the wait status to descriptor {number}: {error}");
            self.journal.say(Level::WARN, text);
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::StartForFarewell(index) => self.start(index, self.plan.children[index].farewell()),
                Action::Start(index) => {
                    self.start(index, None);
                    // An order to stop that came meanwhile keeps the next child from being started.
                    self.take_signals();
                }
                Action::Settle => self.directory = None,
                Action::Signal { target, signal } => self.kill(target, signal),
                Action::Suspend => {
                    if let Err(errno) = self.sys.suspend() {
                        self.failed("stop", errno);
                    }
                }
                Action::LookAtHandlers(pid) => {
                    let caught = self.sys.caught(pid).ok();
                    self.machine.handle_handlers(pid, caught, self.sys.now());
                }
                Action::SignalRest(signal) => self.signal_rest(signal),
                Action::Say(note) => self.journal.say(note.level(), note),
            }
        }
    }

    fn start(&mut self, index: usize, more: Option<&OsStr>) {
        let child = &self.plan.children[index];
        let started = self.spawn(child, more);
        let now = self.sys.now();
        match started {
            Ok(pid) => {
                self.groups.insert(pid);
                self.machine.handle_started(index, pid, now);
            }
            Err((exit, text)) => {
                self.journal.say(Level::ERROR, format_args!("cannot start {}: {text}", child.name));
                self.machine.handle_start_failed(index, exit, fastrand::f64(), now);
            }
        }
    }

    fn spawn(&mut self, child: &Child, more: Option<&OsStr>) -> Result<Pid, (Exit, String)> {
        let [stdout, stderr] =
            [&child.stdout, &child.stderr].map(|path| path.as_deref().map(append_to).transpose());
        let (stdout, stderr) = (stdout?, stderr?);
        let group = match (&child.kind, self.foreground) {
            (Kind::Main, Foreground::Hand) => Group::Foreground,
            (Kind::Main | Kind::Helper { .. }, _) => Group::Own,
        };
        let argv: Cow<'_, [OsString]> = match more {
            None => Cow::Borrowed(&child.argv),
            Some(more) => child.argv.iter().cloned().chain([more.to_owned()]).collect(),
        };
        let spawn = Spawn {
            program: &child.program,
            argv: &argv,
            env: &child.env,
            directory: self.directory.as_ref().map(OwnedFd::as_fd),
            cwd: child.cwd.as_deref(),
            group,
            death_signal: Some(Signal::KILL),
            stdin: None,
            stdout: stdout.as_ref().map(OwnedFd::as_fd),
            stderr: stderr.as_ref().map(OwnedFd::as_fd),
            keep_fds: &child.keep_fds,
            signals: &self.plan.inherited,
            changed: sys::CHANGED,
        };
        self.sys.spawn(&spawn).map_err(|error| (error.exit(), error.to_string()))
    }

    /// A working directory would keep a mount busy for as long as the container lives.
    fn leave_directory(&mut self) {
        match self.sys.leave_directory() {
            Ok(left) => self.directory = Some(left),
            Err(errno) => {
                self.journal.say(Level::DEBUG, format_args!("cannot leave the working directory: {errno}"));
            }
        }
    }

    fn kill(&mut self, target: Target, signal: Signal) {
        match self.sys.kill(target, signal) {
            Ok(()) => self.journal.say(Level::DEBUG, format_args!("sent {signal} to {}", Aim(target))),
            // It has ended, which SIGCHLD tells; a group may be gone before its leader is reaped.
            Err(Errno::ESRCH) => {}
            Err(errno) => self.failed(&format!("send {signal} to {}", Aim(target)), errno),
        }
    }

    fn failed(&mut self, what: &str, errno: Errno) {
        self.journal.say_once(Level::WARN, errno, &format!("cannot {what}: {errno}"));
    }
}

/// A file that output is appended to.
fn append_to(path: &OsStr) -> Result<OwnedFd, (Exit, String)> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
        .map(OwnedFd::from)
        .map_err(|error| (Exit::CannotCreate, format!("cannot write to {}: {error}", path.display())))
}

struct Aim(Target);

impl std::fmt::Display for Aim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Target::Process(pid) => write!(f, "process {pid}"),
            Target::Group(pid) => write!(f, "group {pid}"),
        }
    }
}

#[cfg(test)]
mod tests;
