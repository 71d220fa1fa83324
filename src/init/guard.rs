//! What an order to stop does before init runs: the process ends at once and leaves nothing behind.
//!
//! All signals are blocked then, and the main thread may be anywhere: in a read that never ends, or unpacking an archive.
//! A thread waits until one of the signals that end the start is pending. It does not take it; it executes this program as
//! init, with a plan whose cleanup is what was created so far. The kernel ends the other threads where they are, and
//! init finds the signal pending before it starts anything: it removes, tells, and ends with 128 + n.

use std::ffi::OsString;
use std::io::PipeWriter;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing::Level;

use super::plan::{Child, GRACE_DEFAULT_MS, Inherited, Options, Plan};
use super::signals::{Handling, JobControl, Signal, SignalTable};
use super::sys;
use base::log;

/// One process, one guard.
static GUARD: Mutex<Guard> = Mutex::new(Guard { leavings: Vec::new(), watch: None });

struct Guard {
    /// Files and directories that are removed when the start is cut off.
    leavings: Vec<OsString>,
    watch: Option<Watch>,
}

struct Watch {
    thread: JoinHandle<()>,
    /// Its end tells the thread that init takes over.
    over: PipeWriter,
}

fn guard() -> MutexGuard<'static, Guard> {
    GUARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on until [`disarm`] an order to stop ends this process. `options` are those of the plan to come.
pub fn arm(options: &Options, inherited: &Inherited) {
    let plan = plan(options, inherited);
    let watched = plan.options.signals.stop_on;
    let armed = std::io::pipe().and_then(|(reader, over)| {
        let signals = sys::signals_of(watched)?;
        let run = move || watch(&signals, &reader, plan);
        let thread = std::thread::Builder::new().name("guard".into()).spawn(run)?;
        Ok(Watch { thread, over })
    });
    match armed {
        Ok(watch) => guard().watch = Some(watch),
        Err(error) => {
            let text = format!(
                "cannot watch for stop signals during the start, they take effect once init runs: {error}"
            );
            log::line(Level::WARN, "init", &text);
        }
    }
}

/// Creates something that is removed if the start is cut off; nothing is cut off between the two.
pub fn create<T, E>(create: impl FnOnce() -> Result<(T, PathBuf), E>) -> Result<T, E> {
    let mut guard = guard();
    let (created, path) = create()?;
    guard.leavings.push(path.into_os_string());
    Ok(created)
}

/// The same for what is about to be created.
pub fn leave(path: &Path) {
    guard().leavings.push(path.as_os_str().to_owned());
}

/// Leaves signals to init, which is executed next. One that is pending by now ends the process here.
pub fn disarm() {
    let Some(Watch { thread, over }) = guard().watch.take() else { return };
    drop(over);
    // It returns, or this process is another program by then.
    let _ = thread.join();
}

/// A plan that is over before its child is started.
fn plan(options: &Options, inherited: &Inherited) -> Plan {
    let stop_on = Signal::all().filter(|signal| ends_start(*signal, &options.signals, inherited)).collect();
    let signals = SignalTable { rewrites: [].into(), stop_on, job_control: JobControl::Off };
    Plan {
        children: vec![Child::alone("nothing", "", Vec::new(), Vec::new())],
        grace_ms: GRACE_DEFAULT_MS,
        options: Options { signals, parent_death_signal: None, ..options.clone() },
        inherited: *inherited,
        status_fd: None,
        cleanup: Vec::new(),
    }
}

/// What would stop the program does, and SIGHUP, which then has no program to go to.
fn ends_start(signal: Signal, table: &SignalTable, inherited: &Inherited) -> bool {
    let hangs_up = table.handling(signal) == Handling::Forward(Signal::HUP);
    table.stops_by(signal) || (hangs_up && signal == Signal::HUP && !inherited.ignored.contains(signal))
}

fn watch(signals: &nix::sys::signalfd::SignalFd, over: &std::io::PipeReader, mut plan: Plan) {
    loop {
        let mut fds = [signals.as_fd(), over.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) if is_ready(&fds[0]) => break,
            Ok(_) if is_ready(&fds[1]) => return,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
    // Held to the end: nothing more is created.
    let mut guard = guard();
    plan.cleanup = std::mem::take(&mut guard.leavings);
    let Err(error) = super::execute(&plan);
    log::line(Level::WARN, "init", &log::chain(&error));
    let signal = signals.read_signal().ok().flatten().and_then(|info| Signal::new(info.ssi_signo as i32));
    plan.cleanup.iter().for_each(|path| drop(super::remove(path.as_ref())));
    sys::end(128 + signal.unwrap_or(Signal::TERM).number() as u8)
}

fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{Rewrite, SignalSet};

    fn watched(rewrites: &[&str], stop_on: &[&str], ignored: &[&str]) -> Vec<String> {
        let signal = |name: &&str| name.parse::<Signal>().unwrap();
        let mut options = Options::default();
        let rewrites = rewrites.iter().map(|text| text.parse::<Rewrite>().unwrap());
        options.signals.rewrites.extend(rewrites.map(|rewrite| (rewrite.from, rewrite.to)));
        stop_on.iter().for_each(|name| options.signals.stop_on.insert(signal(name)));
        let ignored: SignalSet = ignored.iter().map(signal).collect();
        let plan = plan(&options, &Inherited { ignored, ..Inherited::default() });
        plan.options.signals.stop_on.iter().map(|signal| signal.to_string()).collect()
    }

    #[test]
    fn what_stops_the_program_ends_its_start() {
        assert_eq!(watched(&[], &[], &[]), ["SIGHUP", "SIGINT", "SIGTERM"]);
        assert_eq!(watched(&[], &["PWR"], &["HUP"]), ["SIGINT", "SIGTERM", "SIGPWR"]);
        assert_eq!(watched(&["HUP=drop", "INT=USR1", "TERM=QUIT"], &[], &[]), ["SIGINT", "SIGTERM"]);
        assert_eq!(watched(&["TERM=drop"], &[], &[]), ["SIGHUP", "SIGINT"]);
    }
}
