//! A real AppMaster whose JobManager is a stand-in, behind a network of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use status::client::{AppMaster as Client, Endpoint};
use status::orders::Scale;

use super::history::Witness;
use super::site::Site;
use crate::cluster::harness::{Program, binary};
use crate::cluster::processes::{self, Process};
use crate::cluster::stand_in;
use crate::ha::proxy::{Passage, Proxy};
use crate::ports::free_ports;

pub const CLUSTER_ID: &str = "/chaos";
pub const SESSION: Duration = Duration::from_secs(2);
/// Who does not answer by then is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

pub struct AppMaster {
    pub program: Program,
    zookeeper: Vec<Proxy>,
    mesos: Proxy,
    rest_port: u16,
    status_port: u16,
    /// Those of its processes that are stopped.
    frozen: Vec<Process>,
}

/// Whom an AppMaster is cut off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    ZooKeeper,
    Mesos,
}

impl AppMaster {
    pub async fn start(site: &Site, name: &str) -> Self {
        let mut zookeeper = Vec::new();
        for index in 0..site.ensemble.len() {
            zookeeper.push(site.network.proxy(site.ensemble.address(index)).await);
        }
        let mesos = site.network.proxy(([127, 0, 0, 1], site.mesos_port).into()).await;
        let [rest, rpc, status] = free_ports();
        let root = site.root();
        let quorum: Vec<_> = zookeeper.iter().map(|proxy| proxy.address.to_string()).collect();
        let java_options = stand_in::java_options(root, site.seed, super::SHORT_LIVED);
        let properties = [
            ("mesos.master", mesos.address.to_string()),
            ("mesos.status.port", status.to_string()),
            ("mesos.resourcemanager.tasks.delivery", "none".to_owned()),
            ("rest.port", rest.to_string()),
            ("jobmanager.rpc.port", rpc.to_string()),
            ("blob.server.port", "0".to_owned()),
            ("high-availability", "zookeeper".to_owned()),
            ("high-availability.zookeeper.quorum", quorum.join(",")),
            ("high-availability.zookeeper.client.session-timeout", SESSION.as_millis().to_string()),
            ("high-availability.storageDir", format!("file://{}/storage", root.display())),
            ("high-availability.cluster-id", CLUSTER_ID.to_owned()),
            ("env.java.opts.all", java_options),
        ];
        let mut arguments = vec!["appmaster".to_owned()];
        for (key, value) in properties {
            arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let target = site.target.to_string();
        let variables = [("_CLIENT_TM_COUNT", &*target), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
        let scratch = site.scratch(name);
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("FLINK_HOME", root.join("flink"))
            .env("FLINK_CONF_DIR", root.join("conf"))
            .env("JAVA_HOME", root.join("java"))
            .env("FLINK_ON_MESOS_SOCKET", scratch.path().join("socket"));
        let program = Program::start_with(scratch, command, &variables, &arguments);
        Self { program, zookeeper, mesos, rest_port: rest, status_port: status, frozen: Vec::new() }
    }

    pub fn cut(&self, from: Peer, passage: Passage) {
        match from {
            Peer::ZooKeeper => self.zookeeper.iter().for_each(|proxy| proxy.set(passage)),
            Peer::Mesos => self.mesos.set(passage),
        }
    }

    pub fn freeze(&mut self) {
        for process in self.program.everything() {
            if processes::is_alive(process) {
                processes::signal(process, Signal::SIGSTOP);
                self.frozen.push(process);
            }
        }
    }

    /// Its network is whole and its processes go on.
    pub fn heal(&mut self) {
        for process in self.frozen.drain(..).rev().filter(|process| processes::is_alive(*process)) {
            processes::signal(process, Signal::SIGCONT);
        }
        self.cut(Peer::ZooKeeper, Passage::Open);
        self.cut(Peer::Mesos, Passage::Open);
    }

    pub async fn status(&self) -> Option<Value> {
        if !self.frozen.is_empty() {
            return None;
        }
        let url = format!("http://127.0.0.1:{}/v1/status", self.status_port);
        let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build().expect("a client");
        client.get(url).send().await.ok()?.json().await.ok()
    }

    /// Whether it may act or not.
    pub async fn leads(&self) -> bool {
        self.status().await.is_some_and(|status| matches!(role(&status), Some("leader" | "suspended")))
    }

    /// Whether it has taken the order, in the end.
    pub fn scale(&self, target: usize) -> impl Future<Output = bool> + use<> {
        let client = Client::at(Endpoint::Socket(self.program.path().join("socket"))).expect("a client");
        let taskmanagers = u32::try_from(target).expect("a number of TaskManagers");
        async move { client.scale(&Scale { taskmanagers, force: false }).await.is_ok() }
    }

    pub fn witness(&self) -> Witness {
        Witness { rest_port: self.rest_port, log: self.program.log() }
    }

    pub fn log_path(&self) -> &Path {
        self.program.path()
    }
}

pub fn role(status: &Value) -> Option<&str> {
    status["high_availability"]["role"].as_str()
}
