//! TaskManagers that Mesos runs and the JobManager does not hear: the status says so, others take their place, and jobs
//! go on.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::elastic;
use super::harness::{Cluster, FLINK, Start};
use super::processes::{self, Part, Process};
use super::stop;
use crate::ports::free_ports;

/// Short enough for a test, and long enough for a loaded machine.
const SHORT: [(&str, &str); 6] = [
    ("heartbeat.interval", "1000"),
    ("heartbeat.timeout", "8000"),
    ("resourcemanager.taskmanager-registration.timeout", "30 s"),
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
    let text = format!("ok, but the JobManager does not hear 1 of 2 TaskManagers: {task} on ");
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
    page.until_counted(2, 0).await;
    page.until("readyz", 200, "ok\n").await;
    let log = cluster.program.log();
    let at = |text: &str| log.rfind(text).unwrap_or_else(|| panic!("{text}\n{}", cluster.program.log_end()));
    let (told, end) = (at(&format!("unheard task={task}")), at(&format!("ended task={task}")));
    let other = at("registered task=");
    assert!(told < other && other < end, "first the new one, then the end of the old one");
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
    let run = flink_on_mesos::flink::rest::JarRun { parallelism: Some(2), ..Default::default() };
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
