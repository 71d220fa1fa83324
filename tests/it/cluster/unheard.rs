//! TaskManagers that Mesos runs and the JobManager does not hear: the status says so, others take their place, and jobs
//! go on.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::elastic;
use super::harness::{Cluster, FLINK, Program, Start, binary, scratch};
use super::processes::{self, Part, Process};
use super::stop;
use crate::ports::{free_ports, free_range};
use flink::rest::JarRun;

/// Short enough for a test, and long enough for a loaded machine.
const SHORT: [(&str, &str); 6] = [
    ("heartbeat.interval", "1000"),
    ("heartbeat.timeout", "8000"),
    ("resourcemanager.taskmanager-registration.timeout", "90 s"),
    ("restart-strategy.type", "fixed-delay"),
    ("restart-strategy.fixed-delay.attempts", "1000"),
    ("restart-strategy.fixed-delay.delay", "500 ms"),
];

/// Agents with room for so many TaskManagers in all.
fn start(taskmanagers: &str, agents: &str, port: u16) -> Cluster {
    let port = port.to_string();
    let properties = [("mesos.status.port", &*port)];
    let properties: Vec<_> = properties.into_iter().chain(SHORT).collect();
    let variables = [("_CLIENT_TM_COUNT", taskmanagers), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
    let command = ["local", "--agents", agents, "--resources", "cpus:1;mem:2048;disk:2048"];
    let start =
        Start { command: &command, variables: &variables, properties: &properties, ..Start::default() };
    Cluster::start(&start)
}

struct Page<'a> {
    cluster: &'a Cluster,
    port: u16,
}

impl Page<'_> {
    async fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/{path}", self.port)).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    async fn until(&self, path: &str, code: u16, part: &str) {
        self.cluster
            .program
            .until(&format!("{path} answers {code} with '{part}'"), async || {
                let (found, text) = self.get(path).await?;
                (found == code && text.contains(part)).then_some(())
            })
            .await;
    }

    async fn until_counted(&self, running: u64, unheard: u64) {
        self.cluster
            .program
            .until(&format!("{running} run and {unheard} are not heard"), async || {
                let status = self.cluster.status()?;
                (status["running"] == running && status["unheard"] == unheard).then_some(())
            })
            .await;
    }
}

/// The task that a TaskManager's JVM is of, as its configuration says.
fn task_of(process: Process) -> String {
    let argv = processes::argv(process);
    let directory =
        argv.iter().skip_while(|argument| *argument != "--configDir").nth(1).expect("a directory");
    let text = fs::read_to_string(format!("{directory}/config.yaml")).expect("a configuration");
    let value = text.lines().find_map(|line| line.strip_prefix("taskmanager.resource-id: ")).expect("an id");
    value.trim_matches(['\'', '"']).to_owned()
}

#[tokio::test]
async fn a_frozen_taskmanager_is_told_and_replaced_where_there_is_room() {
    let [port] = free_ports();
    let cluster = start("2", "3", port);
    let page = Page { cluster: &cluster, port };
    cluster.until_slots(2, 2).await;
    page.until_counted(2, 0).await;
    page.until("readyz", 200, "ok\n").await;

    let jar = elastic::upload(&cluster, FLINK).await;
    let job = elastic::run(&cluster, &jar, 2).await;
    elastic::until_running(&cluster, &job).await;
    let frozen = cluster.program.parts(Part::TaskManager)[0];
    let task = task_of(frozen);
    processes::signal(frozen, Signal::SIGSTOP);
    let begin = Instant::now();
    page.until_counted(1, 1).await;
    println!("told after {:.1} s", begin.elapsed().as_secs_f64());
    let text = format!("ok, but the JobManager receives no heartbeats from 1 of 2 TaskManagers: {task} on ");
    page.until("readyz", 200, &text).await;
    page.until("metrics", 200, "\nflink_on_mesos_taskmanagers_unheard 1\n").await;
    page.until("metrics", 200, "\nflink_on_mesos_taskmanagers_registered 1\n").await;
    let explained = String::from_utf8(cluster.command(&["explain"]).stdout).expect("text");
    assert!(explained.contains(&format!("not heard by the JobManager: {task}")), "{explained}");
    cluster.program.until_log(&format!("replacing task={task}")).await;
    cluster
        .program
        .until("the frozen one is gone", async || (!processes::is_alive(frozen)).then_some(()))
        .await;
    println!("replaced after {:.1} s", begin.elapsed().as_secs_f64());
    cluster.program.until_log(&format!("ended task={task}")).await;
    page.until_counted(2, 0).await;
    page.until("readyz", 200, "ok\n").await;
    let log = cluster.program.log();
    let at = |text: &str| log.rfind(text).unwrap_or_else(|| panic!("{text}\n{}", cluster.program.log_end()));
    let (told, end) = (at(&format!("unheard task={task}")), at(&format!("ended task={task}")));
    let other = at("registered task=");
    let order = "first the new one, then the end of the old one";
    assert!(told < other && other < end, "{order}\n{}", cluster.program.log_end());
    cluster.until_slots(2, 2).await;
    elastic::until_tasks_run(&cluster, &job).await;
    println!("the job runs again after {:.1} s", begin.elapsed().as_secs_f64());
    stop::by_sigterm(cluster, 143).await;
}

#[tokio::test]
async fn one_frozen_before_it_registers_gives_its_room_to_another_and_the_job_runs() {
    let [port] = free_ports();
    let cluster = start("2", "2", port);
    let page = Page { cluster: &cluster, port };
    // The JVM is there long before it registers.
    let frozen = cluster
        .program
        .until("a JVM starts", async || cluster.program.parts(Part::TaskManager).first().copied())
        .await;
    processes::signal(frozen, Signal::SIGSTOP);
    let begin = Instant::now();
    cluster.until_slots(1, 1).await;
    page.until_counted(1, 1).await;
    let jar = cluster.word_count_jar();
    let jar = cluster.flink.upload_jar(&jar).await.expect("uploaded");
    let run = JarRun { parallelism: Some(2), ..Default::default() };
    let job = cluster.flink.run_jar(&jar, &run).await.expect("started");
    cluster.program.until_log("replacing task=").await;
    cluster.until_slots(2, 2).await;
    println!("replaced in its own room after {:.1} s", begin.elapsed().as_secs_f64());
    assert!(!processes::is_alive(frozen), "it had to go first");
    cluster
        .program
        .until("the job has finished", async || {
            let jobs = cluster.flink.jobs().await.ok()?;
            jobs.into_iter().find(|known| known.jid == job)?.state.has_ended().then_some(())
        })
        .await;
    page.until_counted(2, 0).await;
    stop::by_sigterm(cluster, 143).await;
}

#[tokio::test]
async fn a_jobmanager_that_is_stopped_for_a_while_costs_no_taskmanager() {
    let [port] = free_ports();
    let cluster = start("2", "3", port);
    let page = Page { cluster: &cluster, port };
    cluster.until_slots(2, 2).await;
    page.until_counted(2, 0).await;
    let before = cluster.program.parts(Part::TaskManager);
    let jobmanager = cluster.program.part(Part::JobManager);
    processes::signal(jobmanager, Signal::SIGSTOP);
    page.until("readyz", 503, "the JobManager: ").await;
    // Longer than its heartbeat timeout, and than that and ours together.
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(cluster.status().expect("an answer")["running"], 2, "as it said last");
    processes::signal(jobmanager, Signal::SIGCONT);
    page.until("readyz", 200, "ok\n").await;
    cluster.until_slots(2, 2).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    page.until_counted(2, 0).await;
    assert_eq!(cluster.program.parts(Part::TaskManager), before);
    let log = cluster.program.log();
    assert!(!log.contains("replacing task="), "{}", cluster.program.log_end());
    assert_eq!(log.matches("launched task=").count(), 2, "{}", cluster.program.log_end());
    stop::by_sigterm(cluster, 143).await;
}

/// One more of the embedded Mesos: a master without agents, or an agent of it.
async fn start_mesos(arguments: &[&str]) -> Program {
    let scratch = scratch();
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (port_file, work_dir) = (path("port"), path("work"));
    let own = ["mesos", "--port-file", &port_file, "--work-dir", &work_dir];
    let mut command = Command::new(binary());
    command.env_clear();
    let mesos = Program::start_with(scratch, command, &[], &[&own[..], arguments].concat());
    mesos.until("it listens", async || fs::read_to_string(&port_file).ok()).await;
    mesos
}

/// Room for one TaskManager.
async fn start_agent(master: &str, ip: &str) -> Program {
    let ports = free_range(2);
    let resources = format!("cpus:1;mem:2048;disk:2048;ports:[{}-{}]", ports.start(), ports.end());
    start_mesos(&["--agent", "--master", master, "--ip", ip, "--port", "0", "--resources", &resources]).await
}

#[tokio::test]
async fn a_dead_host_is_made_good_for_as_soon_as_mesos_and_the_jobmanager_have_lost_it() {
    let [port] = free_ports();
    let (port_text, master) = (port.to_string(), format!("127.0.0.1:{port}"));
    // An agent is unreachable after 10 s instead of 75.
    let pings = ["--agent-ping-timeout", "2secs", "--max-agent-ping-timeouts", "5"];
    let _mesos = start_mesos(&[&["--agents", "0", "--port", &*port_text], &pings[..]].concat()).await;
    let first = start_agent(&master, "127.0.0.2").await;
    let cluster = Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        // A silent TaskManager alone is replaced much later.
        properties: &[
            ("mesos.master", &master),
            ("heartbeat.interval", "3 s"),
            ("heartbeat.timeout", "50 s"),
        ],
        ..Start::default()
    });
    cluster.until_slots(1, 1).await;
    cluster.program.until_log("registered task=").await;
    let _second = start_agent(&master, "127.0.0.3").await;
    let begin = Instant::now();
    first.signal(Signal::SIGKILL);
    cluster.program.until_log("state=TASK_UNREACHABLE").await;
    let unreachable = begin.elapsed();
    cluster.program.until_log("given up task=").await;
    let given_up = begin.elapsed();
    let another = async || (cluster.program.log().matches("registered task=").count() == 2).then_some(());
    cluster.program.until("another has registered", another).await;
    println!(
        "unreachable after {unreachable:?}, given up after {given_up:?}, another after {:?}",
        begin.elapsed()
    );
    // Mesos alone is waited for 75 s, and the silence was told 15 s after the last heartbeat.
    assert!(given_up < Duration::from_secs(45), "{given_up:?}\n{}", cluster.program.log_end());
    assert!(!cluster.program.log().contains("replacing task="), "{}", cluster.program.log_end());
    cluster.until_slots(1, 1).await;
    stop::by_sigterm(cluster, 143).await;
}
