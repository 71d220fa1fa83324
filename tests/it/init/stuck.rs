//! A log collector that is stuck: stderr is full and nobody reads it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::early::Site;
use super::process::{Place, binary, is_alive, until};

/// A pipe that takes no more, and its other end.
fn full_pipe() -> (File, File) {
    let (reader, writer) = nix::unistd::pipe().expect("a pipe");
    let mut writer = File::from(writer);
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a flag");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("a flag");
    (File::from(reader), writer)
}

fn end(mut child: Child, code: i32) {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("it runs");
    let status = until("the end", || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(code));
}

/// Everything from now on, without the filling, until `is_enough`.
fn read(mut pipe: File, is_enough: impl Fn(&str) -> bool) -> String {
    let begin = Instant::now();
    let mut text = String::new();
    while !is_enough(&text) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{text}");
        let mut bytes = [0; 65536];
        let length = pipe.read(&mut bytes).expect("a writer");
        text.push_str(String::from_utf8_lossy(&bytes[..length]).trim_start_matches('x'));
    }
    text
}

fn has_counted(text: &str, part: &str) -> bool {
    text.lines().any(|line| line.contains(&format!(" {part}: ")) && line.contains("log lines were dropped"))
}

#[test]
fn an_appmaster_goes_on_and_counts_what_it_could_not_say() {
    let site = Site::with_java();
    let socket = site.path("socket").display().to_string();
    let (reader, writer) = full_pipe();
    let child = site
        .command(Place::Below, &["appmaster", "-D", "mesos.registration.timeout=1 h"])
        .env("FLINK_ON_MESOS_SOCKET", &socket)
        .env("FLINK_ON_MESOS_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(writer))
        .spawn()
        .expect("a process");
    let ask = || {
        let mut command = Command::new(binary());
        let output = command.args(["status", "--json", "--socket", &socket]).output().expect("an answer");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).ok()
    };
    until("the first answer", ask);
    let begin = Instant::now();
    // It looks for a master meanwhile, and says that there is none.
    while begin.elapsed() < Duration::from_secs(3) {
        assert!(ask().is_some(), "it answers while its log is stuck");
        std::thread::sleep(Duration::from_millis(100));
    }
    read(reader.try_clone().expect("a descriptor"), |text| has_counted(text, "worker"));
    end(child, 143);
}

#[test]
fn an_embedded_mesos_starts_and_ends() {
    let site = Site::new();
    let (reader, writer) = full_pipe();
    let ports = site.path("port");
    let work = site.path("work").display().to_string();
    let arguments =
        ["mesos", "--port", "0", "--work-dir", &work, "--port-file", ports.to_str().expect("UTF-8")];
    let child = site
        .command(Place::Below, &arguments)
        .env("FLINK_ON_MESOS_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(writer))
        .spawn()
        .expect("a process");
    let pid = Pid::from_raw(child.id() as i32);
    until("its port", || fs::read_to_string(&ports).ok());
    assert!(is_alive(pid));
    end(child, 0);
    drop(reader);
}

/// What a start says before init runs is no reason to wait either.
#[test]
fn a_start_that_fails_ends() {
    let site = Site::with_java();
    let (reader, writer) = full_pipe();
    let mut child = site
        .command(Place::Below, &["appmaster", "-D", "mesos.initial-tasks=many"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(writer))
        .spawn()
        .expect("a process");
    let status = until("the end", || child.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(78));
    drop(reader);
}
