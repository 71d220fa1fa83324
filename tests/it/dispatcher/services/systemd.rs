//! The unit, as systemd reads and runs it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::super::site::session;
use super::examples::{self, Service};
use crate::cluster::harness::{PATIENCE, binary};
use crate::flink::home;
use crate::skips::{Missing, skip};

const UNIT: &str = "flink-on-mesos-dispatcher.service";

const SYSTEMD: &str = "/lib/systemd/systemd";

/// Starts it in namespaces of its own, with this unit and what that waits for.
const BOOT: &str = "tests/it/dispatcher/services/boot";

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the unit starts, with a socket that everybody can make.
pub fn service() -> Service {
    let words: Vec<_> = value("ExecStart").split(' ').map(str::to_owned).collect();
    assert_eq!(words[0], "/usr/bin/flink-on-mesos");
    Service {
        command: std::iter::once(super::PROGRAM.to_owned()).chain(words[1..].iter().cloned()).collect(),
        variables: vec![("FLINK_ON_MESOS_DISPATCHER".to_owned(), "unix:/tmp/dispatcher.sock".to_owned())],
        health: "/healthz".to_owned(),
        keeps_state: value("StateDirectory") == "flink-on-mesos",
    }
}

fn value(name: &str) -> String {
    let unit = examples::read(UNIT);
    let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

#[test]
fn systemd_understands_the_unit() {
    let files = tempfile::tempdir().expect("a directory");
    let unit = examples::read(UNIT).replace("/usr/bin/flink-on-mesos", binary());
    let path = files.path().join(UNIT);
    fs::write(&path, unit).expect("written");
    match Command::new("systemd-analyze").arg("verify").arg(&path).output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(_) => skip(Missing::OfMachine, "there is no systemd-analyze"),
    }
}

/// A systemd that is the first process of its namespaces, and whose files are its own.
struct Machine {
    unshare: Child,
    systemd: u32,
    files: tempfile::TempDir,
}

impl Machine {
    /// None where none can be started.
    fn start() -> Option<Self> {
        let files = tempfile::tempdir().expect("a directory");
        fs::write(files.path().join("unit"), examples::read(UNIT)).expect("written");
        fs::write(files.path().join("config.yaml"), super::CONFIGURATION).expect("written");
        // The user of the unit is another one.
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("it is there");
        let log = File::create(files.path().join("log")).expect("a file");
        let unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--mount", "--ipc", "--uts", "--net", "--cgroup", "--kill-child"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(BOOT))
            .args([files.path(), Path::new(binary()), &home::flink_home("1.20.5")])
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second descriptor"))
            .stdout(log)
            .spawn()
            .ok()?;
        let mut machine = Self { unshare, systemd: 0, files };
        let begin = Instant::now();
        while machine.systemd == 0 || !machine.systemctl(&["list-units"]).status.success() {
            let has_ended = machine.unshare.try_wait().expect("a child").is_some();
            if has_ended || begin.elapsed() > PATIENCE {
                println!("systemd does not start here: {}", machine.log());
                return None;
            }
            std::thread::sleep(POLL_INTERVAL);
            machine.systemd = child_of(machine.unshare.id()).unwrap_or_default();
        }
        Some(machine)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.systemd.to_string(), "--mount", "--pid", "--ipc", "--uts", "--net"]);
        command.args(words).output().expect("nsenter starts")
    }

    fn systemctl(&self, words: &[&str]) -> Output {
        self.run(&[&["systemctl", "--no-pager"], words].concat())
    }

    fn order(&self, word: &str) {
        let output = self.systemctl(&[word, UNIT]);
        assert!(output.status.success(), "{word}: {output:?}\n{}", self.log());
    }

    fn property(&self, name: &str) -> String {
        let output = self.systemctl(&["show", "--value", "--property", name, UNIT]);
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// What a command prints once it succeeds.
    fn until(&self, words: &[&str]) -> String {
        let begin = Instant::now();
        loop {
            let output = self.run(&[&["flink-on-mesos"], words].concat());
            if output.status.success() {
                return String::from_utf8(output.stdout).expect("UTF-8");
            }
            let status = || String::from_utf8_lossy(&self.systemctl(&["status", UNIT]).stdout).into_owned();
            assert!(begin.elapsed() < PATIENCE, "{words:?}: {output:?}\n{}\n{}", status(), self.log());
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // All of its namespaces goes with it.
        if self.systemd != 0 {
            let systemd = nix::unistd::Pid::from_raw(self.systemd.cast_signed());
            let _ended_already = nix::sys::signal::kill(systemd, nix::sys::signal::Signal::SIGKILL);
        }
        let _ended_already = self.unshare.kill();
        let _nothing_to_do = self.unshare.wait();
    }
}

fn child_of(pid: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[test]
fn systemd_starts_restarts_and_stops_it() {
    if !Path::new(SYSTEMD).exists() {
        return skip(Missing::OfMachine, "there is no systemd");
    }
    let Some(machine) = Machine::start() else {
        return skip(Missing::OfMachine, "systemd cannot be started in namespaces");
    };
    assert_eq!(machine.until(&["get"]), machine.until(&["get"]), "it answers");
    fs::write(machine.files.path().join("one.yaml"), session("one", "v1_20", 1024)).expect("written");
    let file = machine.files.path().join("one.yaml").display().to_string();
    let applied = machine.until(&["apply", "-f", &file]);
    assert!(applied.starts_with("one created, revision 1\n"), "{applied}");
    let owner = machine.run(&["stat", "--format", "%U %a", "/var/lib/flink-on-mesos", "/run/flink-on-mesos"]);
    assert_eq!(String::from_utf8_lossy(&owner.stdout), "flink 700\nflink 755\n");

    let first = machine.property("MainPID");
    machine.order("restart");
    assert!(machine.until(&["get", "one"]).contains("one"));
    let second = machine.property("MainPID");
    assert_ne!(first, second);

    // A failure is followed by another start.
    assert!(machine.run(&["kill", "-KILL", &second]).status.success());
    let begin = Instant::now();
    while [second.as_str(), "0"].contains(&&*machine.property("MainPID")) {
        assert!(begin.elapsed() < PATIENCE, "{}", machine.log());
        std::thread::sleep(POLL_INTERVAL);
    }
    assert!(machine.until(&["get", "one"]).contains("one"));

    machine.order("stop");
    assert_eq!(
        (machine.property("ActiveState"), machine.property("Result")),
        ("inactive".into(), "success".into())
    );
    assert!(!machine.run(&["test", "-e", "/run/flink-on-mesos"]).status.success(), "the socket went with it");
}
