//! A dispatcher beside a Mesos of four agents, and the commands that people give it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use access::{Entry, Role};
use flink::rest::RestClient;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::cluster::harness::{Program, binary, scratch};
use crate::cluster::processes::{self, Part, Process};
use crate::flink::home;
use crate::ports::{free_ports, free_range};

const AGENTS: &str = "4";

/// Each AppMaster takes five ports, each TaskManager two.
const PORTS: u16 = 64;

pub struct Site {
    pub mesos: Rc<Program>,
    pub mesos_port: u16,
    pub program: Program,
    files: tempfile::TempDir,
    port: u16,
}

impl Site {
    /// With more lines of the dispatcher's configuration.
    pub async fn start(more: &[String]) -> Self {
        Self::with_agents(AGENTS, more).await
    }

    /// All clusters wait.
    pub async fn without_agents(more: &[String]) -> Self {
        Self::with_agents("0", more).await
    }

    async fn with_agents(agents: &str, more: &[String]) -> Self {
        let [mesos_port] = free_ports();
        let range = free_range(PORTS);
        let resources = format!("cpus:8;mem:16384;disk:20000;ports:[{}-{}]", range.start(), range.end());
        let scratch = scratch();
        let work = scratch.path().join("work").display().to_string();
        let number = mesos_port.to_string();
        let mesos = Program::start_with(
            scratch,
            Command::new(binary()),
            &[],
            &[
                "mesos",
                "--port",
                &number,
                "--agents",
                agents,
                "--resources",
                &resources,
                "--work-dir",
                &work,
                "--no-switch_user",
                "--hostname",
                "localhost",
            ],
        );
        Self::of(Rc::new(mesos), mesos_port, more).await
    }

    /// Another dispatcher of the same Mesos.
    pub async fn beside(&self, more: &[String]) -> Self {
        Self::of(Rc::clone(&self.mesos), self.mesos_port, more).await
    }

    async fn of(mesos: Rc<Program>, mesos_port: u16, more: &[String]) -> Self {
        let [port] = free_ports();
        let files = tempfile::tempdir().expect("a directory");
        fs::create_dir(files.path().join("conf")).expect("a directory");
        let lines = [
            format!("mesos.master: 127.0.0.1:{mesos_port}"),
            "mesos.resourcemanager.framework.name: dispatcher".to_owned(),
            format!("dispatcher.state-dir: {}", files.path().join("state").display()),
            format!("dispatcher.port: {port}"),
            format!("dispatcher.address: 127.0.0.1:{port}"),
            format!("dispatcher.flink.1.20: {}", home::flink_home("1.20.5").display()),
            format!("dispatcher.flink.2.3: {}", home::flink_home("2.3.0").display()),
        ];
        let text: String = lines.iter().chain(more).map(|line| format!("{line}\n")).collect();
        fs::write(files.path().join("conf/config.yaml"), text).expect("written");
        let program = start_dispatcher(&files);
        let site = Self { mesos, mesos_port, program, files, port };
        site.until_ready().await;
        site
    }

    pub async fn start_again(&mut self) {
        self.program = start_dispatcher(&self.files);
        self.until_ready().await;
    }

    /// How a dispatcher ends that does not begin, and what it says.
    pub async fn start_in_vain(&self) -> (Option<i32>, String) {
        let mut program = start_dispatcher(&self.files);
        (program.end().await.code(), program.log())
    }

    async fn until_ready(&self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        let is_ready = async || get(&url).await.map(drop);
        self.program.until("the dispatcher is ready", is_ready).await;
        // As by an upgrade.
        fs::remove_file(copy(&self.files)).expect("it is there");
        fs::write(copy(&self.files), "a newer program").expect("written");
    }

    /// Of its API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Without a word to anybody.
    pub async fn kill_dispatcher(&mut self) {
        for process in self.program.everything() {
            processes::signal(process, Signal::SIGKILL);
        }
        self.program.kill().await;
    }

    /// What a command prints; it must succeed.
    pub fn command(&self, words: &[&str]) -> String {
        let (code, out, err) = self.try_command(words);
        assert_eq!(code, Some(0), "{words:?}: {out}{err}\n{}", self.program.log_end());
        out
    }

    pub fn try_command(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(binary())
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", self.socket())
            .output()
            .expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    pub fn apply(&self, manifests: &[&str]) {
        let file = self.write(&manifests.join("---\n"));
        self.command(&["apply", "-f", &file]);
    }

    /// Whether it is taken or not.
    pub fn try_apply(&self, manifests: &[&str]) -> (Option<i32>, String, String) {
        self.try_command(&["apply", "-f", &self.write(&manifests.join("---\n"))])
    }

    /// Why a manifest is not taken.
    pub fn refused(&self, manifest: &str) -> String {
        let (code, out, err) = self.try_apply(&[manifest]);
        assert_ne!(code, Some(0), "{out}{err}");
        out + &err
    }

    pub fn write(&self, manifests: &str) -> String {
        self.write_as("manifests", manifests)
    }

    /// A file with these, and its path.
    pub fn write_as(&self, name: &str, manifests: &str) -> String {
        let file = self.files.path().join(format!("{name}.yaml"));
        fs::write(&file, manifests).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// All that is known of a cluster, if there is one.
    pub fn describe(&self, name: &str) -> Option<Value> {
        let (code, out, _) = self.try_command(&["describe", name, "-o", "json"]);
        (code == Some(0)).then(|| serde_json::from_str(&out).expect("JSON"))
    }

    pub async fn until_state(&self, name: &str, state: &str) {
        let is_so = async || (self.describe(name)?["cluster"]["state"] == state).then_some(());
        self.program.until(&format!("{name} is {state}"), is_so).await;
    }

    pub async fn until_gone(&self, name: &str) {
        let is_gone = async || self.describe(name).is_none().then_some(());
        self.program.until(&format!("{name} is gone"), is_gone).await;
    }

    /// The numbers of its attempts, the newest first.
    pub fn attempts(&self, name: &str) -> Vec<u64> {
        let described = self.describe(name).unwrap_or_default();
        let attempts = described["attempts"].as_array().cloned().unwrap_or_default();
        attempts.iter().filter_map(|attempt| attempt["number"].as_u64()).collect()
    }

    /// Of AppMasters that have not ended, by cluster.
    pub fn tasks(&self) -> BTreeMap<String, Vec<String>> {
        let text = self.command(&["get", "-o", "json"]);
        let clusters: Value = serde_json::from_str(&text).expect("JSON");
        let names = clusters.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str());
        let of = |name: &str| {
            let described = self.describe(name).unwrap_or_default();
            let attempts = described["attempts"].as_array().cloned().unwrap_or_default();
            let alive = attempts.into_iter().filter(|attempt| attempt["ended"].is_null());
            alive.filter_map(|attempt| attempt["task_id"].as_str().map(str::to_owned)).collect()
        };
        names.map(|name| (name.to_owned(), of(name))).collect()
    }

    /// No cluster has anything on any agent.
    pub async fn until_nothing_runs(&self) {
        let parts = [Part::JobManager, Part::TaskManager, Part::Worker];
        let is_empty = async || parts.iter().all(|part| self.mesos.parts(*part).is_empty()).then_some(());
        self.mesos.until("nothing runs any more", is_empty).await;
    }

    /// What the master tells to everybody.
    pub async fn state(&self) -> String {
        let url = format!("http://127.0.0.1:{}/state", self.mesos_port);
        get(&url).await.expect("it answers").text().await.expect("a text")
    }

    /// A call of an operator to the master, such as DRAIN_AGENT.
    pub async fn operate(&self, call: &Value) {
        let url = format!("http://127.0.0.1:{}/api/v1", self.mesos_port);
        let client = tls::http::plain().expect("TLS").build().expect("a client");
        let answer = client.post(&url).json(call).send().await.expect("it answers");
        assert!(answer.status().is_success(), "{call}: {}", answer.text().await.unwrap_or_default());
    }

    /// The framework of this name as the master tells of it.
    pub async fn framework(&self, name: &str) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/state", self.mesos_port);
        let state: Value = get(&url).await?.json().await.ok()?;
        let active = |framework: &&Value| framework["name"] == name && framework["active"] == true;
        state["frameworks"].as_array()?.iter().find(active).cloned()
    }

    pub async fn flink(&self, name: &str) -> Option<RestClient> {
        let framework = self.framework(name).await?;
        RestClient::new(framework["webui_url"].as_str()?).ok()
    }

    pub async fn until_slots(&self, name: &str, slots: u32) {
        let have_come = async || {
            let overview = self.flink(name).await?.overview().await.ok()?;
            (overview.slots_total == slots).then_some(())
        };
        self.program.until(&format!("{name} has {slots} slots"), have_come).await;
    }

    /// The JVM of the cluster's AppMaster, of which there is one.
    pub fn jobmanager(&self, name: &str) -> Process {
        let all = self.mesos.parts(Part::JobManager).into_iter();
        let own: Vec<_> = all.filter(|process| is_of(*process, name)).collect();
        let [only] = own[..] else { panic!("one JobManager of {name} expected: {own:?}") };
        only
    }

    /// The nearest one above it.
    pub fn init_of(&self, process: Process) -> Process {
        let is_init = |above: &Process| processes::argv(*above).get(1).is_some_and(|word| word == "init");
        let below = |above: &Process| processes::below(above.pid.as_raw().cast_unsigned());
        let inits = self.mesos.everything().into_iter().filter(is_init);
        let above = inits.filter(|init| below(init).contains(&process));
        above.min_by_key(|init| below(init).len()).expect("it has one")
    }

    /// The directory of its configuration.
    pub fn conf(&self) -> String {
        self.files.path().join("conf").display().to_string()
    }

    /// As commands are told it.
    pub fn socket(&self) -> String {
        socket(&self.files)
    }
}

/// By its sandbox.
fn is_of(process: Process, name: &str) -> bool {
    let sandbox = format!("/{name}-");
    let environment = processes::environment(process);
    environment.iter().any(|variable| variable.starts_with("MESOS_") && variable.contains(&sandbox))
}

/// A line of the configuration, for somebody who may look with this token.
pub fn looker(directory: &Path, token: &str) -> String {
    let entry = Entry {
        name: "looker".to_owned(),
        role: Role::View,
        mesos_roles: Vec::new(),
        users: Vec::new(),
        expires: None,
    };
    let path = directory.join("tokens.yaml");
    fs::write(&path, format!("tokens:\n{}", entry.text(token))).expect("written");
    format!("dispatcher.tokens: {}", path.display())
}

/// The answer, if it is a good one.
pub async fn get(url: &str) -> Option<reqwest::Response> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    client.get(url).send().await.ok()?.error_for_status().ok()
}

fn socket(files: &tempfile::TempDir) -> String {
    format!("unix:{}", files.path().join("dispatcher.sock").display())
}

/// Of this program, from which the dispatcher is started.
fn copy(files: &tempfile::TempDir) -> PathBuf {
    files.path().join("flink-on-mesos")
}

fn start_dispatcher(files: &tempfile::TempDir) -> Program {
    let conf: PathBuf = files.path().join("conf");
    let _none_before = fs::remove_file(copy(files));
    fs::copy(binary(), copy(files)).expect("a copy");
    Program::start_with(
        scratch(),
        Command::new(copy(files)),
        &[("FLINK_ON_MESOS_DISPATCHER", &socket(files))],
        &["dispatcher", "--configDir", conf.to_str().expect("UTF-8")],
    )
}

/// The manifest of a session of one TaskManager with one slot.
pub fn session(name: &str, version: &str, memory: u32) -> String {
    format!(
        "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: {name}
spec:
  flinkVersion: {version}
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: \"1\"
  jobManager:
    resource: {{memory: {memory}m, cpu: 0.5}}
  taskManager:
    replicas: 1
    resource: {{memory: {memory}m, cpu: 0.5}}
"
    )
}
