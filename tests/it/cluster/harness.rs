//! Programs of this project that do not outlive their test, however it ends.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use flink::rest::RestClient;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tls::Identity;

use crate::flink::home;
use crate::ports::free_ports;

use super::clues;
use super::processes::{self, Part, Process};

/// Four times what the longest wait takes on an idle machine, for tasks that their master has lost: machines can be slow for minutes.
pub const PATIENCE: Duration = Duration::from_secs(360);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The end of the log that a failure shows.
const LOG_LINES_SHOWN: usize = 60;

/// The version for everything that does not depend on one.
pub const FLINK: &str = "1.20.5";

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_flink-on-mesos")
}

/// A running program of ours in a directory of its own, which all that it starts can be told by.
pub struct Program {
    child: Child,
    scratch: TempDir,
    /// Everything that ever ran below it.
    seen: RefCell<BTreeSet<Process>>,
}

impl Program {
    /// `command`, whose environment is empty but for what it needs, gets `TMPDIR` in the directory.
    pub fn start_with(
        scratch: TempDir,
        mut command: Command,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let log = File::create(scratch.path().join("log")).expect("a log");
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        let child = command
            .env("TMPDIR", tmp_of(&scratch))
            // Should the test be killed, so that nothing is dropped.
            .env("FLINK_ON_MESOS_PARENT_DEATH_SIGNAL", "TERM")
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a second descriptor"))
            .stdout(log)
            .spawn()
            .expect("the program starts");
        Self { child, scratch, seen: RefCell::default() }
    }

    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub fn log(&self) -> String {
        let log = fs::read(self.scratch.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub fn parts(&self, part: Part) -> Vec<Process> {
        processes::parts_below(self.child.id(), part)
    }

    /// Itself and all that runs below it.
    pub fn everything(&self) -> Vec<Process> {
        // Below this process, for it started it.
        let all = processes::below(std::process::id());
        let itself = all.into_iter().find(|process| process.pid.as_raw().cast_unsigned() == self.child.id());
        itself.into_iter().chain(processes::below(self.child.id())).collect()
    }

    /// The only one of its kind.
    pub fn part(&self, part: Part) -> Process {
        let found = self.parts(part);
        let [only] = found[..] else { panic!("one {part:?} expected: {found:?}\n{}", self.log_end()) };
        only
    }

    pub fn signal(&self, signal: Signal) {
        self.look();
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("it runs");
    }

    /// Polls until there is an answer, as long as the program lives and patience lasts.
    pub async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            self.look();
            assert!(self.lives(), "waiting until {what}, it ended\n{}", self.log_end());
            assert!(start.elapsed() < PATIENCE, "waited too long until {what}\n{}", self.log_end());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub async fn until_log(&self, text: &str) {
        self.until(&format!("the log says '{text}'"), async || self.log().contains(text).then_some(())).await;
    }

    /// Its end, which something else has brought about.
    pub async fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            self.look();
            assert!(start.elapsed() < PATIENCE, "it does not end\n{}", self.log_end());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Kills it, and waits for the end of all that it started too: their ports are free then.
    pub async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.end().await;
        let start = Instant::now();
        let all = self.seen.borrow().clone();
        while let Some(left) = all.iter().find(|process| processes::is_alive(**process)) {
            let text = processes::describe(*left);
            assert!(start.elapsed() < PATIENCE, "left running: {text}\n{}", self.log_end());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.look();
        self.child.try_wait().expect("a child")
    }

    /// No process of it is left and no file where temporary ones go. With `within` zero: not any more, right now.
    pub async fn assert_nothing_left(&self, within: Duration) {
        let start = Instant::now();
        loop {
            let left = self.left();
            if left.is_empty() {
                break;
            }
            let texts: Vec<_> = left.iter().map(|process| processes::describe(*process)).collect();
            assert!(start.elapsed() <= within, "left running: {texts:#?}\n{}", self.log_end());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    pub fn temporary_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(tmp_of(&self.scratch)).expect("a directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    pub fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().filter(|line| !line.trim_start().starts_with("at ")).collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Remembers what runs below it, to find it when it is not below any more.
    fn look(&self) {
        self.seen.borrow_mut().extend(processes::below(self.child.id()));
    }

    pub fn lives(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        state.is_some_and(|state| state != 'Z')
    }

    fn left(&self) -> BTreeSet<Process> {
        self.look();
        let mut left = self.seen.borrow().clone();
        left.extend(processes::naming(self.scratch.path().to_str().expect("UTF-8")));
        left.retain(|process| processes::is_alive(*process));
        left
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.look();
        let _ended_already = self.child.kill();
        let _nothing_to_do = self.child.wait();
        if std::thread::panicking() {
            clues::tell(self.path());
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            for process in left {
                // Gone in between is as good.
                let _ = kill(process.pid, Signal::SIGKILL);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// A new directory with one in it for temporary files.
pub fn scratch() -> TempDir {
    let scratch = tempfile::Builder::new().prefix("cluster-").tempdir().expect("a directory");
    fs::create_dir(tmp_of(&scratch)).expect("a directory");
    scratch
}

fn tmp_of(scratch: &TempDir) -> PathBuf {
    scratch.path().join("tmp")
}

/// What a cluster is started with.
pub struct Start<'a> {
    pub flink: &'a str,
    /// `local`, or `appmaster` with options.
    pub command: &'a [&'a str],
    pub variables: &'a [(&'a str, &'a str)],
    pub properties: &'a [(&'a str, &'a str)],
    /// Of the JobManager's REST and RPC endpoints; without them, free ones.
    pub ports: Option<[u16; 2]>,
    /// Added to the configuration file.
    pub file: &'a [(&'a str, &'a str)],
    /// Whose certificate the REST endpoint has, if it has any.
    pub rest: Option<Identity>,
    /// Options and arguments of an application's job, which come last.
    pub job: &'a [&'a str],
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self {
            flink: FLINK,
            command: &["local"],
            variables: &[],
            properties: &[],
            ports: None,
            file: &[],
            rest: None,
            job: &[],
        }
    }
}

/// A cluster with stock Flink.
pub struct Cluster {
    pub program: Program,
    pub flink: RestClient,
    rest_url: String,
    home: PathBuf,
}

impl Cluster {
    pub fn start(start: &Start<'_>) -> Self {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let scratch = scratch();
        let home = home::flink_home(start.flink);
        let conf = scratch.path().join("conf");
        write_conf(&conf, start.flink);
        add_to_conf(&conf, start.file);
        let [rest, rpc] = start.ports.unwrap_or_else(free_ports);
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("FLINK_HOME", &home)
            .env("FLINK_CONF_DIR", &conf)
            .env("FLINK_ON_MESOS_SOCKET", scratch.path().join("socket"));
        let mut arguments: Vec<_> = start.command.iter().map(|&word| word.to_owned()).collect();
        let (rest_port, rpc_port) = (rest.to_string(), rpc.to_string());
        let own = [
            ("rest.port", &*rest_port),
            ("jobmanager.rpc.port", &rpc_port),
            ("mesos.status.port", "0"),
            ("blob.server.port", "0"),
            // Agents are on this machine.
            ("mesos.resourcemanager.tasks.delivery", "none"),
        ];
        for (key, value) in own.iter().chain(start.properties) {
            arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
        }
        arguments.extend(start.job.iter().map(|&word| word.to_owned()));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (rest_url, flink) = match &start.rest {
            None => {
                let url = format!("http://127.0.0.1:{rest}");
                (url.clone(), RestClient::new(&url))
            }
            Some(identity) => {
                let url = format!("https://127.0.0.1:{rest}");
                (url.clone(), RestClient::secure(&url, identity.client().expect("TLS")))
            }
        };
        let flink = flink.expect("a client");
        let program = Program::start_with(scratch, command, start.variables, &arguments);
        Self { program, flink, rest_url, home }
    }

    pub fn rest_url(&self) -> &str {
        &self.rest_url
    }

    pub fn conf(&self) -> PathBuf {
        self.program.path().join("conf")
    }

    /// Waits for as many TaskManagers and slots as Flink shall show, and no more.
    pub async fn until_slots(&self, taskmanagers: u32, slots: u32) {
        self.program
            .until(&format!("there are {slots} slots"), async || {
                let overview = self.flink.overview().await.ok()?;
                (overview.taskmanagers == taskmanagers && overview.slots_total == slots).then_some(())
            })
            .await;
    }

    pub fn framework_id(&self) -> String {
        let status = self.status().expect("an answer");
        status["framework_id"].as_str().expect("it is registered").to_owned()
    }

    /// A command to the running AppMaster.
    pub fn command(&self, arguments: &[&str]) -> Output {
        Command::new(binary())
            .env_clear()
            .env("FLINK_ON_MESOS_SOCKET", self.program.path().join("socket"))
            .args(arguments)
            .output()
            .expect("it starts")
    }

    pub fn order(&self, arguments: &[&str]) {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}\n{}", self.program.log_end());
    }

    /// None while the worker is away. That the JobManager does not answer yet makes it no less a report.
    pub fn status(&self) -> Option<serde_json::Value> {
        let output = self.command(&["status", "--json"]);
        (!output.stdout.is_empty()).then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// Of the tasks that run, as the scheduler sees them.
    pub fn running(&self) -> Option<BTreeSet<String>> {
        let status = self.status()?;
        let tasks = status["tasks"].as_array().expect("a list").iter();
        let running = tasks.filter(|task| task["state"] == "TASK_RUNNING");
        Some(running.map(|task| task["task_id"].as_str().expect("an id").to_owned()).collect())
    }

    /// The same by the numbers that their ids end with.
    pub fn running_numbers(&self) -> Option<BTreeSet<u32>> {
        Some(self.running()?.iter().map(|id| task_number(id)).collect())
    }

    pub fn word_count_jar(&self) -> PathBuf {
        let jar = self.program.path().join("word-count.jar");
        let lib = self.home.join("lib/*");
        home::job_jar("scripts/job/WordCount.java", lib.to_str().expect("UTF-8"), &jar);
        jar
    }
}

pub fn task_number(id: &str) -> u32 {
    let number = id.rsplit_once('-').and_then(|(_, number)| number.parse().ok());
    number.unwrap_or_else(|| panic!("{id} ends with no number"))
}

fn add_to_conf(directory: &Path, values: &[(&str, &str)]) {
    let file = fs::read_dir(directory).expect("a directory").next().expect("a file").expect("a file").path();
    let mut file = File::options().append(true).open(file).expect("a file");
    for (key, value) in values {
        writeln!(file, "{key}: {value}").expect("written");
    }
}

/// Our own example of a configuration, under the name that this version reads.
pub fn write_conf(directory: &Path, flink: &str) {
    let name = if flink.starts_with("1.17.") { "flink-conf.yaml" } else { "config.yaml" };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/config.yaml");
    fs::create_dir(directory).expect("a directory");
    fs::copy(example, directory.join(name)).expect("a copy");
}
