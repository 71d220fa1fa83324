//! A session cluster of stock Flink, started from our command lines and seen through its REST API.

use std::fs;
use std::future::Future;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use conf::environment::Environment;
use conf::table::{Origin, Table};
use flink::command::{self, Application, Entrypoint, HadoopClassPath, Launch, Log4j, LogFile, log4j};
use flink::distribution::Distribution;
use flink::java::JavaHome;
use flink::memory;
use flink::rest::{JobState, RestClient};

use super::home;
use crate::ports::free_ports;
use flink::rest::JarRun;

/// Ten times what it takes on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[tokio::test]
async fn flink_1_17_runs_a_job() {
    run_a_job("1.17.2").await;
}

#[tokio::test]
async fn flink_1_20_runs_a_job() {
    run_a_job("1.20.5").await;
}

#[tokio::test]
async fn flink_2_3_runs_a_job() {
    run_a_job("2.3.0").await;
}

#[tokio::test]
async fn flink_1_17_runs_an_application_from_usrlib() {
    let cluster = Cluster::prepare("1.17.2");
    let usrlib = cluster.distribution.usrlib();
    fs::create_dir(&usrlib).expect("a directory");
    fs::rename(cluster.job_jar(), usrlib.join("count.jar")).expect("the jar is there");
    run_an_application(&cluster, vec![]).await;
}

#[tokio::test]
async fn flink_2_3_runs_an_application_from_its_jar() {
    let cluster = Cluster::prepare("2.3.0");
    let jar = format!("file://{}", cluster.job_jar().display());
    run_an_application(&cluster, vec![jar]).await;
}

async fn run_an_application(cluster: &Cluster, jars: Vec<String>) {
    let application = Application {
        jars,
        job_classname: Some("CountJob".to_owned()),
        job_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
        arguments: vec!["1000".into()],
        ..Application::default()
    };
    let flink = RestClient::new(&cluster.rest_url).expect("a client");
    let mut jobmanager = cluster.start_jobmanager(&Entrypoint::Application(application));
    let jobs = eventually(&mut jobmanager, "the job is there", async || {
        flink.jobs().await.ok().filter(|jobs| !jobs.is_empty())
    })
    .await;
    assert_eq!(jobs[0].jid, "0123456789abcdef0123456789abcdef");
    let taskmanager = cluster.start_taskmanager("task-1");
    let status = jobmanager.end().await;
    assert_eq!(status.code(), Some(0), "{}", jobmanager.output());
    assert!(taskmanager.output().contains("1000\n"), "{}", taskmanager.output());
}

async fn run_a_job(version: &str) {
    let cluster = Cluster::prepare(version);
    let flink = RestClient::new(&cluster.rest_url).expect("a client");
    let mut jobmanager = cluster.start_jobmanager(&Entrypoint::Session);
    let overview =
        eventually(&mut jobmanager, "the JobManager answers", async || flink.overview().await.ok()).await;
    assert_eq!(overview.flink_version, version);

    let mut taskmanager = cluster.start_taskmanager("task-1");
    eventually(&mut taskmanager, "two slots", async || {
        flink.overview().await.ok().filter(|overview| overview.slots_total == 2)
    })
    .await;
    let details = flink.taskmanager("task-1").await.expect("an answer").expect("the TaskManager");
    let expected = cluster.taskmanager_memory().process.bytes();
    assert_eq!(details.taskmanager.memory_configuration.total_process_memory, Some(expected));
    assert_eq!(expected, 1100 << 20);
    assert_eq!((details.taskmanager.slots_number, details.allocated_slots.len()), (2, 0));
    // It may have been heard once more between the two questions.
    let heartbeat = details.taskmanager.time_since_last_heartbeat;
    let mut listed = flink.taskmanagers().await.expect("an answer");
    listed.iter_mut().for_each(|taskmanager| taskmanager.time_since_last_heartbeat = heartbeat);
    assert_eq!(listed, [details.taskmanager]);
    assert_eq!(flink.taskmanager("task-2").await.expect("an answer"), None);

    let jar_id = flink.upload_jar(&cluster.job_jar()).await.expect("an upload");
    let run = JarRun { parallelism: Some(2), arguments: vec!["1000".to_owned()], ..JarRun::default() };
    let job_id = flink.run_jar(&jar_id, &run).await.expect("a start");
    eventually(&mut taskmanager, "the job finishes", async || {
        let jobs = flink.jobs().await.ok()?;
        jobs.into_iter().find(|job| job.jid == job_id && job.state == JobState::Finished)
    })
    .await;
    assert!(taskmanager.output().contains("1000\n"), "the job prints to the standard output");
    let refused = flink.run_jar("no-such.jar", &run).await.expect_err("there is no such jar");
    assert!(refused.to_string().contains("/jars/no-such.jar/run answered"), "{refused}");

    flink.shut_down().await.expect("an answer");
    let status = jobmanager.end().await;
    assert_eq!(status.code(), Some(0), "{}", jobmanager.output());
    assert!(jobmanager.output().contains("Rest endpoint listening"), "the log goes to the standard output");
}

/// Polls until there is an answer, as long as the process lives and patience lasts.
async fn eventually<T, F: Future<Output = Option<T>>>(
    process: &mut Process,
    what: &str,
    ask: impl Fn() -> F,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        if let Some(status) = process.child.try_wait().expect("a child") {
            panic!("waiting until {what}, it ended with {status}: {}", process.output());
        }
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}: {}", process.output());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

struct Cluster {
    scratch: tempfile::TempDir,
    distribution: Distribution,
    java: JavaHome,
    table: Table,
    rest_url: String,
}

impl Cluster {
    fn prepare(version: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let [rest_port, rpc_port] = free_ports();
        let mut table = Table::default();
        for (key, value) in [
            ("jobmanager.memory.process.size", "1000m"),
            ("taskmanager.memory.process.size", "1100m"),
            ("taskmanager.numberOfTaskSlots", "2"),
            ("jobmanager.rpc.address", "127.0.0.1"),
            ("jobmanager.rpc.port", &rpc_port.to_string()),
            ("jobmanager.bind-host", "127.0.0.1"),
            ("taskmanager.bind-host", "127.0.0.1"),
            ("rest.address", "127.0.0.1"),
            ("rest.bind-address", "127.0.0.1"),
            ("rest.port", &rest_port.to_string()),
            ("io.tmp.dirs", scratch.path().to_str().expect("UTF-8")),
            ("cluster.registration.error-delay", "500"),
        ] {
            table.set(key, value, Origin::Default);
        }
        let cluster = Self {
            distribution: Distribution::open(&linked_home(version, scratch.path())).expect("a distribution"),
            java: home::java(),
            table,
            rest_url: format!("http://127.0.0.1:{rest_port}"),
            scratch,
        };
        cluster.write_conf();
        cluster
    }

    /// Flat keys with a plain value mean the same in both of Flink's grammars.
    fn write_conf(&self) {
        let conf = self.scratch.path().join("conf");
        fs::create_dir(&conf).expect("a directory");
        let name = if self.distribution.version.at_least(1, 19) { "config.yaml" } else { "flink-conf.yaml" };
        let lines: String =
            self.table.iter().map(|(key, setting)| format!("{key}: {}\n", setting.value)).collect();
        fs::write(conf.join(name), lines).expect("the configuration is written");
        fs::write(conf.join(log4j::CONTAINER_FILE), log4j::CONTAINER_PROPERTIES).expect("log4j's is written");
    }

    fn start_jobmanager(&self, entrypoint: &Entrypoint) -> Process {
        self.start("jobmanager", &[], |launch| command::jobmanager(launch, entrypoint))
    }

    fn start_taskmanager(&self, id: &str) -> Process {
        let properties = [("taskmanager.resource-id", id), ("taskmanager.host", "127.0.0.1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.start("taskmanager", &properties, command::taskmanager)
    }

    fn start(
        &self,
        role: &str,
        properties: &[(String, String)],
        build: impl FnOnce(&Launch<'_>) -> Result<command::Command, command::CommandError>,
    ) -> Process {
        let scratch = self.scratch.path();
        let command = build(&Launch {
            distribution: &self.distribution,
            java: &self.java,
            table: &self.table,
            environment: &Environment::default(),
            hadoop: &HadoopClassPath::default(),
            conf_dir: &scratch.join("conf"),
            log_dir: scratch,
            tmp_dir: Some(scratch),
            log_file: &LogFile::OfRun,
            log4j: Log4j::Container,
            cpus: 1.0,
            identity: None,
            properties,
        });
        Process::start(&command.expect("a command line"), scratch.join(format!("{role}.out")))
    }

    fn taskmanager_memory(&self) -> memory::TaskManagerMemory {
        memory::taskmanager(&self.table, &Environment::default(), self.distribution.version).expect("memory")
    }

    fn job_jar(&self) -> PathBuf {
        let jar = self.scratch.path().join("count.jar");
        let dist = self.distribution.jars.last().expect("flink-dist");
        home::job_jar("tests/java/CountJob.java", dist.to_str().expect("UTF-8"), &jar);
        jar
    }
}

/// A JVM that does not outlive its test.
struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    fn start(command: &command::Command, output: PathBuf) -> Self {
        let file = fs::File::create(&output).expect("a file");
        let child = Command::new(&command.program)
            .args(&command.args)
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a second descriptor"))
            .stdout(file)
            .spawn()
            .expect("java starts");
        Self { child, output }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).expect("the output")).into_owned()
    }

    async fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.output());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _nothing_to_do = self.child.wait();
    }
}

/// A home that a test may add to, with the jars of a stock one.
fn linked_home(version: &str, scratch: &Path) -> PathBuf {
    let stock = home::flink_home(version);
    let home = scratch.join("flink");
    fs::create_dir(&home).expect("a directory");
    for name in ["lib", "plugins", "opt"] {
        symlink(stock.join(name), home.join(name)).expect("a link");
    }
    home
}
