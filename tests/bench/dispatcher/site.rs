//! An embedded Mesos whose agents this program plays, and dispatchers beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use api::client::{Address, Dispatcher as Client};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::agents::Agents;
use super::manifests;
use super::ports::free_ports;
use super::{Given, process, until};

pub struct Site {
    files: TempDir,
    mesos_port: u16,
    // Dispatchers end before their Mesos.
    _mesos: Running,
    pub agents: Agents,
}

/// A program of ours that ends with this one.
pub struct Running {
    child: Child,
    log: PathBuf,
}

pub struct Dispatcher {
    running: Running,
    binary: PathBuf,
    address: Address,
    pub client: Client,
    pub url: String,
}

impl Site {
    pub async fn start(given: &Given, clusters: usize) -> Self {
        let files = tempfile::Builder::new().prefix("bench-dispatcher-").tempdir().expect("a directory");
        let [mesos_port] = free_ports();
        let mut command = Command::new(&given.binary);
        command.args(["mesos", "--agents", "0", "--port", &mesos_port.to_string(), "--work-dir"]);
        command.arg(files.path().join("work"));
        let mesos = Running::start(command, files.path(), "mesos");
        let url = format!("http://127.0.0.1:{mesos_port}/health");
        until("the master answers", async || get(&url).await).await;
        Self { mesos_port, _mesos: mesos, agents: Agents::start(mesos_port, clusters), files }
    }

    /// Which answers, whether it leads or not; `more` are lines of its configuration.
    pub async fn dispatcher(&self, given: &Given, name: &str, more: &[String]) -> Dispatcher {
        let [port] = free_ports();
        let directory = self.files.path().join(name);
        fs::create_dir(&directory).expect("a directory");
        let version: Vec<_> = given.version.splitn(3, '.').take(2).collect();
        let lines = [
            format!("mesos.master: 127.0.0.1:{}", self.mesos_port),
            "mesos.resourcemanager.framework.name: dispatcher".to_owned(),
            format!("dispatcher.state-dir: {}", directory.join("state").display()),
            format!("dispatcher.port: {port}"),
            format!("dispatcher.address: 127.0.0.1:{port}"),
            format!("dispatcher.flink.{}: {}", version.join("."), given.flink_home.display()),
        ];
        let text: String = lines.iter().chain(more).map(|line| format!("{line}\n")).collect();
        fs::write(directory.join("config.yaml"), text).expect("written");
        let socket = directory.join("dispatcher.sock");
        let mut command = Command::new(&given.binary);
        command.args(["dispatcher", "--configDir"]).arg(&directory);
        command.env("FLINK_ON_MESOS_DISPATCHER", format!("unix:{}", socket.display()));
        let running = Running::start(command, &directory, "dispatcher");
        let url = format!("http://127.0.0.1:{port}");
        let ready = format!("{url}/readyz");
        until("the dispatcher answers", async || get(&ready).await).await;
        let address = Address::Socket(socket);
        let client = Client::at(&address).expect("a client");
        Dispatcher { running, binary: given.binary.clone(), address, client, url }
    }

    /// Writes what is to be applied.
    pub fn manifests(&self, clusters: usize, version: &str) -> Vec<PathBuf> {
        let files = manifests::files(clusters, version).into_iter().enumerate();
        let write = |(number, text): (usize, String)| {
            let path = self.files.path().join(format!("{number}.yaml"));
            fs::write(&path, text).expect("written");
            path
        };
        files.map(write).collect()
    }
}

impl Dispatcher {
    /// As people do it.
    pub fn apply(&self, files: &[PathBuf]) -> Child {
        let mut command = Command::new(&self.binary);
        command.arg("apply").args(files.iter().flat_map(|file| [Path::new("-f"), file]));
        command.env("FLINK_ON_MESOS_DISPATCHER", self.address.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// The process below init.
    pub fn pid(&self) -> u32 {
        process::child_of(self.running.child.id()).expect("it runs")
    }

    /// Without a word to anybody.
    pub fn kill(&mut self) {
        let (worker, init) = (self.pid(), &mut self.running.child);
        kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).expect("it runs");
        init.kill().expect("it runs");
        init.wait().expect("a child");
    }

    pub fn log_end(&self) -> String {
        self.running.log_end()
    }
}

impl Running {
    fn start(mut command: Command, directory: &Path, name: &str) -> Self {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).expect("a log");
        let child = command
            .env("TMPDIR", directory)
            // Should this program be killed.
            .env("FLINK_ON_MESOS_PARENT_DEATH_SIGNAL", "TERM")
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a second descriptor"))
            .stdout(file)
            .spawn()
            .expect("it starts");
        Self { child, log }
    }

    fn log_end(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ended_meanwhile = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
            let _nothing_to_do = self.child.wait();
        }
    }
}

/// Whether it answers well.
async fn get(url: &str) -> Option<()> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    client.get(url).send().await.ok()?.error_for_status().ok().map(drop)
}
