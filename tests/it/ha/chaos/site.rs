//! Everything that a run of chaos happens to: three servers of ZooKeeper, a Mesos, AppMasters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::appmaster::AppMaster;
use super::history::Witness;
use super::network::Network;
use crate::cluster::harness::{Program, binary};
use crate::cluster::processes::{self, Part, Process};
use crate::cluster::stand_in;
use crate::ha::ensemble::Ensemble;
use crate::ports::{free_ports, free_range};

pub const AGENTS: usize = 3;
/// Two for each TaskManager, with room for those that come and go.
const PORTS: u16 = 90;
/// Filters, repeated updates and heartbeats; nothing that the AppMasters' own clocks measure.
const TIME_SCALE: &str = "4";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// For a killed container's processes to follow it.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Site {
    pub appmasters: Vec<AppMaster>,
    pub wanted_appmasters: usize,
    pub mesos: Program,
    pub mesos_port: u16,
    pub ensemble: Ensemble,
    /// Servers that are stopped, and those that do not run.
    pub hung: BTreeSet<usize>,
    pub down: BTreeSet<usize>,
    pub network: Network,
    pub seed: u64,
    /// As which the AppMasters have registered first.
    pub framework: Option<String>,
    /// How many TaskManagers there shall be.
    pub target: usize,
    /// How many of them may have been told to end since the last look.
    pub surplus: usize,
    /// Orders that were given in passing.
    pub orders: Vec<JoinHandle<bool>>,
    /// Stand-ins that the test itself has killed.
    pub killed: BTreeSet<Process>,
    /// Of AppMasters that are no more.
    gone: Vec<Witness>,
    started: u32,
    /// The last, for all others use it.
    root: TempDir,
}

impl Site {
    pub async fn open(seed: u64, target: usize) -> Self {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let root = tempfile::Builder::new().prefix("chaos-").tempdir().expect("a directory");
        stand_in::lay_out(root.path());
        let ensemble = Ensemble::start().await;
        let [mesos_port] = free_ports();
        let mesos = start_mesos(root.path(), mesos_port).await;
        let mut site = Self {
            appmasters: Vec::new(),
            wanted_appmasters: 2,
            mesos,
            mesos_port,
            ensemble,
            hung: BTreeSet::new(),
            down: BTreeSet::new(),
            network: Network::start(),
            seed,
            framework: None,
            target,
            surplus: 0,
            orders: Vec::new(),
            killed: BTreeSet::new(),
            gone: Vec::new(),
            started: 0,
            root,
        };
        site.fill_up().await;
        site
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn journal(&self) -> PathBuf {
        self.root().join("journal")
    }

    /// A program's directory, which is kept as long as the site.
    pub fn scratch(&self, name: &str) -> TempDir {
        scratch_in(self.root(), name)
    }

    /// As many AppMasters run as there shall be: the part of whoever starts their containers.
    pub async fn fill_up(&mut self) {
        while self.appmasters.len() < self.wanted_appmasters {
            self.started += 1;
            let appmaster = AppMaster::start(self, &format!("appmaster-{}-", self.started)).await;
            self.appmasters.push(appmaster);
        }
    }

    /// Takes leave of AppMasters that have ended; nothing of them may be left.
    pub async fn bury(&mut self) {
        let mut index = 0;
        while index < self.appmasters.len() {
            if self.appmasters[index].program.lives() {
                index += 1;
                continue;
            }
            let mut dead = self.appmasters.remove(index);
            let status = dead.program.end().await;
            println!("    {} has ended: {status}", dead.program.path().display());
            assert!(is_doing_of_the_test(status), "{}", dead.program.log_end());
            dead.program.assert_nothing_left(FOLLOW_TIMEOUT).await;
            self.gone.push(dead.witness());
        }
    }

    /// The index of the one that leads, or of any other; the first when nobody knows.
    pub async fn find(&self, leader: bool) -> Option<usize> {
        for (index, appmaster) in self.appmasters.iter().enumerate() {
            if appmaster.leads().await == leader {
                return Some(index);
            }
        }
        (!self.appmasters.is_empty()).then_some(0)
    }

    /// Gives the leader another number of TaskManagers, and does not wait for its answer.
    pub async fn scale_in_passing(&mut self, target: usize) {
        self.surplus += self.target.saturating_sub(target);
        self.target = target;
        if let Some(leader) = self.find(true).await {
            self.orders.push(tokio::spawn(self.appmasters[leader].scale(target)));
        }
    }

    /// Repeats the last order until somebody has taken it.
    pub async fn scale(&mut self) {
        for order in self.orders.drain(..) {
            order.await.expect("no panic");
        }
        let start = Instant::now();
        loop {
            self.bury().await;
            self.fill_up().await;
            if let Some(leader) = self.find(true).await
                && self.appmasters[leader].scale(self.target).await
            {
                return;
            }
            assert!(start.elapsed() < super::SETTLE_TIMEOUT, "nobody takes an order");
            tokio::time::sleep(super::LOOK_INTERVAL).await;
        }
    }

    pub fn kill_server(&mut self, index: usize) {
        self.ensemble.kill_server(index);
        self.down.insert(index);
        self.hung.remove(&index);
    }

    pub fn hang_server(&mut self, index: usize) {
        if !self.down.contains(&index) {
            self.ensemble.signal_server(index, Signal::SIGSTOP);
            self.hung.insert(index);
        }
    }

    pub fn heal_servers(&mut self) {
        for index in std::mem::take(&mut self.hung) {
            self.ensemble.signal_server(index, Signal::SIGCONT);
        }
        for index in std::mem::take(&mut self.down) {
            self.ensemble.start_server(index);
        }
    }

    pub async fn fault(&self, name: &str, fields: &Value) {
        let url = format!("http://127.0.0.1:{}/mini/{name}", self.mesos_port);
        let answer = client().post(url).body(fields.to_string()).send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{name} {fields}: {status} {text}");
    }

    pub async fn mesos_state(&self) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/state", self.mesos_port);
        client().get(url).send().await.ok()?.error_for_status().ok()?.json().await.ok()
    }

    /// Stand-ins of TaskManagers that live, by pid.
    pub fn taskmanagers(&self) -> BTreeMap<u32, Process> {
        let found = self.mesos.parts(Part::TaskManager).into_iter();
        found.map(|process| (process.pid.as_raw().cast_unsigned(), process)).collect()
    }

    /// Processes that belong to the cluster and run below none of its programs.
    pub fn strays(&self) -> Vec<String> {
        let programs = self.appmasters.iter().map(|appmaster| &appmaster.program).chain([&self.mesos]);
        let known: BTreeSet<_> = programs.flat_map(Program::everything).collect();
        let all = processes::naming(self.root().to_str().expect("UTF-8"));
        let strays =
            all.into_iter().filter(|process| !known.contains(process) && processes::is_alive(*process));
        strays.map(processes::describe).collect()
    }

    pub fn witnesses(&self) -> Vec<Witness> {
        let gone = self.gone.iter().map(|witness| Witness { log: witness.log.clone(), ..*witness });
        gone.chain(self.appmasters.iter().map(AppMaster::witness)).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.root.disable_cleanup(true);
            println!("logs are kept in {}", self.root().display());
        }
    }
}

/// SIGKILL and SIGTERM of the AppMaster and of its JobManager; none ends for another reason.
fn is_doing_of_the_test(status: ExitStatus) -> bool {
    /// As the JobManager ended.
    const KILLED: i32 = 128 + 9;
    const TOLD: i32 = 128 + 15;
    matches!(status.signal(), Some(9 | 15)) || matches!(status.code(), Some(KILLED | TOLD))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build().expect("a client")
}

fn scratch_in(root: &Path, name: &str) -> TempDir {
    let builder = || tempfile::Builder::new();
    let scratch = builder().prefix(name).disable_cleanup(true).tempdir_in(root).expect("a directory");
    fs::create_dir(scratch.path().join("tmp")).expect("a directory");
    scratch
}

async fn start_mesos(root: &Path, port: u16) -> Program {
    let scratch = scratch_in(root, "mesos-");
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (port_file, work_dir) = (path("port"), path("work"));
    let ports = free_range(PORTS);
    let resources = format!("cpus:16;mem:32768;disk:32768;ports:[{}-{}]", ports.start(), ports.end());
    let (port, agents) = (port.to_string(), AGENTS.to_string());
    let arguments = ["mesos", "--port", &port, "--port-file", &port_file, "--agents", &agents];
    let more = ["--work-dir", &*work_dir, "--resources", &resources, "--time-scale", TIME_SCALE];
    let mut command = Command::new(binary());
    command.env_clear();
    let variables = [("FLINK_ON_MESOS_LOG", "debug"), ("CHAOS", root.to_str().expect("UTF-8"))];
    let mesos = Program::start_with(scratch, command, &variables, &[&arguments[..], &more[..]].concat());
    mesos.until("it listens", async || fs::read_to_string(&port_file).ok()).await;
    mesos
}
