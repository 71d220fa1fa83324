//! An AppMaster whose JVMs are stand-ins, beside a Mesos of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::cluster::harness::{Program, binary, scratch};
use crate::cluster::masters::start_mesos;
use crate::cluster::processes::Process;
use crate::cluster::stand_in;
use crate::ports::{free_ports, free_range};

/// Who answers at all does so by then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Site {
    pub appmaster: Program,
    pub mesos: Program,
    pub status: SocketAddr,
    pub artifacts: SocketAddr,
    pub mesos_address: SocketAddr,
    _root: TempDir,
}

impl Site {
    /// The AppMaster with more properties, and with these limits of open files, soft and hard.
    pub async fn open(limits: (u64, u64), more: &[(&str, &str)]) -> Self {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let root = tempfile::Builder::new().prefix("load-").tempdir().expect("a directory");
        stand_in::lay_out(root.path());
        let [mesos_port, status, artifacts, rest, rpc] = free_ports();
        let mesos = start_mesos(mesos_port, &free_range(4)).await;
        let numbers = [mesos_port, status, artifacts, rest, rpc].map(|port| port.to_string());
        let (master, java) =
            (format!("127.0.0.1:{mesos_port}"), stand_in::java_options(root.path(), 0, 1_000_000));
        let own = [
            ("mesos.master", &*master),
            ("mesos.status.port", &numbers[1]),
            ("mesos.resourcemanager.artifactserver.port", &numbers[2]),
            ("rest.port", &numbers[3]),
            ("jobmanager.rpc.port", &numbers[4]),
            ("blob.server.port", "0"),
            ("env.java.opts.all", &java),
        ];
        let mut arguments = vec![format!("--nofile={}:{}", limits.0, limits.1), binary().to_owned()];
        arguments.push("appmaster".to_owned());
        for (key, value) in own.iter().chain(more) {
            arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let scratch = scratch();
        let mut command = Command::new("prlimit");
        command
            .env_clear()
            .env("FLINK_HOME", root.path().join("flink"))
            .env("FLINK_CONF_DIR", root.path().join("conf"))
            .env("JAVA_HOME", root.path().join("java"))
            .env("FLINK_ON_MESOS_SOCKET", scratch.path().join("socket"));
        let variables = [("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
        let appmaster = Program::start_with(scratch, command, &variables, &arguments);
        let [status, artifacts, mesos_address] =
            [status, artifacts, mesos_port].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let site = Self { appmaster, mesos, status, artifacts, mesos_address, _root: root };
        site.appmaster.until_log("the JobManager answers at").await;
        site
    }

    pub fn socket(&self) -> PathBuf {
        self.appmaster.path().join("socket")
    }

    /// `/healthz`, by a connection of its own.
    pub fn health(&self) -> String {
        ask(&connect(self.status), "/healthz")
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("a timeout");
    stream
}

pub fn connect_unix(path: &std::path::Path) -> UnixStream {
    UnixStream::connect(path).expect("somebody listens")
}

/// The beginning of the answer, on a connection that stays.
pub fn ask(mut stream: &TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
    let mut answer = [0; 2048];
    let length = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// Of memory that only this process has, in kB.
pub fn anonymous_kb(process: Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

pub fn open_descriptors(process: Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", process.pid)).expect("it lives").count()
}
