//! What runs on this machine, read from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use init::tree;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use tree::Process;

/// The parts of a cluster that a test looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    JobManager,
    TaskManager,
    /// A TaskManager's task before its JVM: it fetches its configuration.
    Task,
    Worker,
    Mesos,
    /// What watches over a TaskManager's claim.
    Claim,
}

impl Part {
    fn is(self, argv: &[String]) -> bool {
        let own = |command: &str| argv.get(1).is_some_and(|first| first == command);
        let class = |name: &str| argv.iter().any(|argument| argument.ends_with(name));
        match self {
            Self::JobManager => class(".StandaloneSessionClusterEntrypoint"),
            Self::TaskManager => class(".TaskManagerRunner"),
            Self::Task => own("taskmanager"),
            Self::Worker => own("worker"),
            Self::Mesos => own("mesos"),
            Self::Claim => own("claim"),
        }
    }
}

pub fn below(ancestor: u32) -> Vec<Process> {
    tree::descendants(pid(ancestor)).expect("/proc is readable")
}

pub fn parts_below(ancestor: u32, part: Part) -> Vec<Process> {
    below(ancestor).into_iter().filter(|process| part.is(&argv(*process))).collect()
}

/// Processes with `text` in their command line or environment, whoever adopted them.
pub fn naming(text: &str) -> BTreeSet<Process> {
    let everybody = tree::descendants(Pid::from_raw(0)).expect("/proc is readable");
    let own = Pid::this();
    let names = |process: &Process| {
        ["cmdline", "environ"].iter().any(|file| {
            let path = format!("/proc/{}/{file}", process.pid);
            fs::read(path).is_ok_and(|content| String::from_utf8_lossy(&content).contains(text))
        })
    };
    everybody.into_iter().filter(|process| process.pid != own && names(process)).collect()
}

/// Whether it still runs: not another one with its pid, and no zombie.
pub fn is_alive(process: Process) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", process.pid)) else { return false };
    let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    fields.first().is_some_and(|state| !matches!(*state, "Z" | "X"))
        && fields.get(19).is_some_and(|started| *started == process.started.to_string())
}

pub fn signal(process: Process, signal: Signal) {
    kill(process.pid, signal).expect("the process is there");
}

pub fn describe(process: Process) -> String {
    format!("{} {}", process.pid, argv(process).join(" "))
}

pub fn argv(process: Process) -> Vec<String> {
    words(format!("/proc/{}/cmdline", process.pid))
}

pub fn environment(process: Process) -> Vec<String> {
    words(format!("/proc/{}/environ", process.pid))
}

fn words(path: impl AsRef<Path>) -> Vec<String> {
    let content = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&content).split_terminator('\0').map(str::to_owned).collect()
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}
