//! TaskManagers whose AppMaster is killed with all that runs in its container, on a Mesos that lives on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use flink::rest::JobState;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::harness::{Cluster, Program, Start};
use super::masters::start_mesos;
use super::processes::{self, Part, Process};
use super::stop;
use crate::ports::{free_ports, free_range};
use flink::rest::JarRun;

/// From the answer of the new JobManager's REST API on.
const NONE_OF_THE_OLD_AFTER: Duration = Duration::from_secs(30);

/// What waits for a TaskManager that nobody asks for any more: 75 s of silence, the question that ends it, and its JVM's end.
const ALONE_LEAST: Duration = Duration::from_secs(70);
const MAX_ALONE: Duration = Duration::from_secs(110);

struct Site {
    mesos_port: u16,
    artifact_port: u16,
    flink_ports: [u16; 2],
}

impl Site {
    fn new(mesos_port: u16) -> Self {
        let [artifact_port, rest, rpc] = free_ports();
        Self { mesos_port, artifact_port, flink_ports: [rest, rpc] }
    }

    fn start(&self, taskmanagers: &str) -> Cluster {
        let master = format!("127.0.0.1:{}", self.mesos_port);
        let artifacts = self.artifact_port.to_string();
        Cluster::start(&Start {
            command: &["appmaster"],
            variables: &[("_CLIENT_TM_COUNT", taskmanagers), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
            properties: &[
                ("mesos.master", &master),
                ("mesos.resourcemanager.artifactserver.port", &artifacts),
            ],
            ports: Some(self.flink_ports),
            ..Start::default()
        })
    }
}

#[tokio::test]
async fn taskmanagers_of_a_killed_appmaster_end_with_and_without_a_successor() {
    let [port] = free_ports();
    let mut mesos = start_mesos(port, &free_range(16)).await;
    let (followed, alone) = (Site::new(port), Site::new(port));
    let lonely = alone.start("1");
    lonely.until_slots(1, 1).await;
    let lonely_jvms = mesos.parts(Part::TaskManager);
    let first = followed.start("2");
    first.until_slots(2, 2).await;
    let jvms: Vec<_> =
        mesos.parts(Part::TaskManager).into_iter().filter(|jvm| !lonely_jvms.contains(jvm)).collect();
    let (old_ids, old_framework) = (registered(&first).await, first.framework_id());
    a_watcher_that_is_stopped_or_dies_ends_nothing(&mesos);

    kill_all(lonely).await;
    let killed = Instant::now();
    kill_all(first).await;
    let second = followed.start("2");
    takes_none_of_the_old(&second, &old_ids, &jvms).await;
    let old_tasks = tasks(port, &old_framework).await;
    assert_eq!(old_tasks.len(), 2, "{old_tasks:?}");
    assert!(old_tasks.iter().all(|(_, state)| state == "TASK_FAILED"), "{old_tasks:?}");
    runs_a_job(&second).await;
    assert_eq!(second.framework_id().split('-').next(), old_framework.split('-').next(), "the same master");
    assert_ne!(second.framework_id(), old_framework);

    let alive = |jvms: &[Process]| jvms.iter().any(|jvm| processes::is_alive(*jvm));
    second
        .program
        .until("the TaskManager of nobody ends", async || (!alive(&lonely_jvms)).then_some(()))
        .await;
    let lived = killed.elapsed();
    println!("without a successor: {lived:?}");
    assert!(lived > ALONE_LEAST && lived < MAX_ALONE, "{lived:?}\n{}", mesos.log_end());
    second
        .program
        .until("Mesos has removed both frameworks", async || {
            (frameworks(port).await.len() == 1).then_some(())
        })
        .await;
    let removed = killed.elapsed();
    println!("removed by Mesos: {removed:?}");
    assert!(removed < Duration::from_secs(140), "{removed:?}");
    assert_eq!(second.running_numbers(), Some([1, 2].into()), "nothing of it has disturbed the others");

    stop::by_sigterm(second, 143).await;
    mesos.signal(Signal::SIGTERM);
    assert_eq!(mesos.end().await.code(), Some(0), "{}", mesos.log_end());
}

/// One watcher is stopped for good, which its task does not mind; another is killed, and comes back.
fn a_watcher_that_is_stopped_or_dies_ends_nothing(mesos: &Program) {
    let watchers = mesos.parts(Part::Claim);
    let [.., second, third] = watchers[..] else { panic!("one for each TaskManager: {watchers:?}") };
    processes::signal(second, Signal::SIGSTOP);
    processes::signal(third, Signal::SIGKILL);
    for watcher in watchers {
        print_memory(watcher);
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(mesos.parts(Part::TaskManager).len(), 3, "{}", mesos.log_end());
    assert_eq!(mesos.parts(Part::Claim).len(), 3, "{}", mesos.log_end());
    processes::signal(second, Signal::SIGCONT);
}

fn print_memory(process: Process) {
    let path = format!("/proc/{}/smaps_rollup", process.pid);
    let rollup = std::fs::read_to_string(path).unwrap_or_default();
    let lines = rollup.lines().filter(|line| line.starts_with("Pss:") || line.starts_with("Private_"));
    println!("{} {:?}", process.pid, lines.collect::<Vec<_>>());
}

/// SIGKILL to everything, as at the end of a container.
async fn kill_all(mut cluster: Cluster) {
    for process in cluster.program.everything() {
        // Some end of others' ends.
        let _ = nix::sys::signal::kill(process.pid, Signal::SIGKILL);
    }
    cluster.program.kill().await;
}

async fn takes_none_of_the_old(second: &Cluster, old_ids: &BTreeSet<String>, jvms: &[Process]) {
    second
        .program
        .until("the new JobManager answers", async || second.flink.overview().await.ok().map(drop))
        .await;
    let began = Instant::now();
    let mut shared = None;
    second
        .program
        .until("only new TaskManagers are registered", async || {
            let registered = registered(second).await;
            if !registered.is_disjoint(old_ids) {
                shared = Some(began.elapsed());
            }
            (registered.len() == 2 && registered.is_disjoint(old_ids)).then_some(())
        })
        .await;
    let taken = began.elapsed();
    println!("only its own after {taken:?}, old ones seen until {shared:?}");
    assert!(taken < NONE_OF_THE_OLD_AFTER, "{taken:?}\n{}", second.program.log_end());
    second
        .program
        .until("the old JVMs end", async || (!jvms.iter().any(|jvm| processes::is_alive(*jvm))).then_some(()))
        .await;
    println!("the old JVMs are gone after {:?}", began.elapsed());
    let told = second.program.log().matches("not part of this cluster any more").count();
    assert!(told >= 1, "{}", second.program.log_end());
    assert!(registered(second).await.is_disjoint(old_ids));
}

async fn runs_a_job(cluster: &Cluster) {
    let jar_id = cluster.flink.upload_jar(&cluster.word_count_jar()).await.expect("an upload");
    let run = JarRun { parallelism: Some(2), ..JarRun::default() };
    let job_id = cluster.flink.run_jar(&jar_id, &run).await.expect("a start");
    cluster
        .program
        .until("the job finishes", async || {
            let jobs = cluster.flink.jobs().await.ok()?;
            jobs.into_iter().find(|job| job.jid == job_id && job.state == JobState::Finished)
        })
        .await;
    assert!(!cluster.program.log().contains("to RESTARTING"), "{}", cluster.program.log_end());
}

/// The ids that Flink knows.
async fn registered(cluster: &Cluster) -> BTreeSet<String> {
    let taskmanagers = cluster.flink.taskmanagers().await.unwrap_or_default();
    taskmanagers.into_iter().map(|taskmanager| taskmanager.id).collect()
}

async fn state(port: u16) -> Value {
    let url = format!("http://127.0.0.1:{port}/state");
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("a text");
    serde_json::from_str(&text).expect("JSON")
}

/// Those that are not over.
pub async fn frameworks(port: u16) -> Vec<String> {
    let state = state(port).await;
    let frameworks = state["frameworks"].as_array().expect("a list").iter();
    frameworks.map(|framework| framework["id"].as_str().expect("an id").to_owned()).collect()
}

/// Of a framework, whether it is over or not: ids and states.
pub async fn tasks(port: u16, framework: &str) -> Vec<(String, String)> {
    let state = state(port).await;
    let lists = ["frameworks", "completed_frameworks"].map(|list| state[list].as_array().expect("a list"));
    let found = lists.into_iter().flatten().find(|known| known["id"] == framework).expect("the framework");
    let lists = ["tasks", "completed_tasks", "unreachable_tasks"];
    let tasks = lists.into_iter().flat_map(|list| found[list].as_array().expect("a list"));
    tasks
        .map(|task| ["id", "state"].map(|key| task[key].as_str().expect("a text").to_owned()).into())
        .collect()
}
