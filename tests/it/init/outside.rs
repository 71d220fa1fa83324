//! What only this machine's own programs can set up: control groups, values sent with signals, a JVM that starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::skips::{Missing, skip};

use super::process::{PLACES, Place, Running, binary, command, finish, helper, shell, until};

/// A control group with little memory; removed at the end. `None` where nobody may make one.
struct Little {
    path: PathBuf,
}

/// Less than what the program in it asks for, and enough for init and a shell.
const LIMIT_BYTES: &str = "33554432";

impl Little {
    fn make() -> Option<Self> {
        let name = format!("flink-on-mesos-test-{}", std::process::id());
        let version_2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        let (base, limits): (_, &[&str]) = if version_2 {
            ("/sys/fs/cgroup", &["memory.max", "memory.swap.max"])
        } else {
            ("/sys/fs/cgroup/memory", &["memory.limit_in_bytes"])
        };
        let path = Path::new(base).join(name);
        fs::create_dir(&path).ok()?;
        let group = Self { path };
        for (limit, value) in limits.iter().zip([LIMIT_BYTES, "0"]) {
            fs::write(group.path.join(limit), value).ok()?;
        }
        Some(group)
    }
}

impl Drop for Little {
    fn drop(&mut self) {
        // The last process in it may still be on its way to its end.
        until("the group to be empty", || fs::remove_dir(&self.path).ok());
    }
}

#[test]
fn a_kill_for_want_of_memory_is_told_apart() {
    let Some(group) = Little::make() else {
        return skip(Missing::OfMachine, "no right to make a control group");
    };
    let join = format!("echo $$ > {}/cgroup.procs", group.path.display());
    // As much as it reads before the first newline. The kernel shall not take init for the largest.
    let victim = "echo 1000 > /proc/self/oom_score_adj; head -c 200m /dev/zero | tail; kill -9 $$";
    let script = format!("{join}; exec {} exec -- sh -c '{victim}'", binary());
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    let finished = finish(Place::Below, command);
    assert_eq!(finished.code(), 137, "{finished:?}");
    let last = finished.stderr.lines().last().expect("a last line");
    assert!(last.contains("from the kernel, out of memory") && last.contains("oom_kills="), "{last}");
    drop(group);
}

#[test]
fn kills_by_others_and_by_init_are_told_apart() {
    let finished = finish(Place::Below, shell(Place::Below, &[], "kill -9 $$"));
    assert!(finished.stderr.contains("main=\"killed by SIGKILL from somebody else\""), "{}", finished.stderr);
    let mut running = Running::start(
        Place::Below,
        shell(Place::Below, &["--grace", "100ms"], "trap '' TERM; echo ready; while :; do sleep 1; done"),
    );
    running.expect_line("ready");
    running.signal(Signal::SIGTERM);
    let finished = running.finish();
    assert!(finished.stderr.contains("main=\"killed by SIGKILL from init\""), "{}", finished.stderr);
}

#[test]
fn the_reason_goes_to_a_file_too() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let file = directory.path().join("reason");
    for place in PLACES {
        fs::write(&file, "what was there before, and longer than what comes\n".repeat(9)).expect("a file");
        let mut command = shell(place, &["--verbosity", "quiet"], "exit 3");
        command.env("FLINK_ON_MESOS_REASON_FILE", &file);
        let finished = finish(place, command);
        assert_eq!((finished.code(), fs::read_to_string(&file).expect("a file").lines().count()), (3, 1));
        assert!(fs::read_to_string(&file).expect("a file").starts_with("ended code=3 by=sh after="));
    }
    let finished =
        finish(Place::Below, shell(Place::Below, &["--reason-file", "/nonexistent/file"], "exit 3"));
    assert_eq!(finished.code(), 3);
    assert!(finished.stderr.contains("cannot write to /nonexistent/file"), "{}", finished.stderr);
}

#[test]
fn a_value_sent_along_does_not_disturb() {
    for place in PLACES {
        let mut command = command(place, binary());
        command.arg("exec").arg("--").arg(helper()).args(["print-until-term", "7"]);
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        let sent =
            Command::new("/bin/kill").args(["--queue", "42", "-USR1", &running.pid().to_string()]).status();
        assert!(sent.expect("kill").success());
        running.expect_line("SIGUSR1");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 7, "{place:?}");
    }
}

/// From its very first instruction on a JVM is asked for thread dumps; it lives and gives one.
#[test]
fn quit_never_kills_a_jvm() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let source = directory.path().join("Wait.java");
    let program =
        "public class Wait { public static void main(String[] a) throws Exception { System.in.read(); } }";
    fs::write(&source, program).expect("a file");
    let mut command = Command::new(binary());
    command.args(["exec", "--quit", "once-caught", "--", "java"]).arg(&source);
    let mut running = Running::start(Place::Below, command);
    // Earlier than init's first line nobody can do anything about a signal.
    running.wait_until_signals_are_blocked();
    for _ in 0..200 {
        running.signal(Signal::SIGQUIT);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    while !running.line().starts_with("Full thread dump") {}
    running.type_in(b"\n");
    assert_eq!(running.finish().code(), 0);
}

/// Mesos' `launch` and others keep descriptors and a pipe for stdin open; init inside init inside init.
#[test]
fn three_deep() {
    for place in PLACES {
        let mut command = command(place, binary());
        command.args(["exec", "--", binary(), "exec", "--", binary(), "exec", "--"]);
        command.arg(helper()).args(["print-until-term", "7"]).stderr(Stdio::null());
        let mut running = Running::start(place, command);
        running.expect_line("ready");
        running.signal(Signal::SIGHUP);
        running.expect_line("SIGHUP");
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish().code(), 7, "{place:?}");
    }
}
