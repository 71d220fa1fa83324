//! Parts of a cluster are killed: what must live on does, and what is missing comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::harness::{Cluster, Start, task_number};
use super::processes::{self, Part, Process};
use super::stop;

/// Two TaskManagers of one slot, and a JobManager that soon notices when one is gone.
async fn two_slots() -> Cluster {
    let variables = [("_CLIENT_TM_COUNT", "2"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
    let properties = [("heartbeat.interval", "1000"), ("heartbeat.timeout", "8000")];
    let cluster =
        Cluster::start(&Start { variables: &variables, properties: &properties, ..Start::default() });
    cluster.until_slots(2, 2).await;
    cluster
}

#[tokio::test]
async fn a_killed_taskmanager_is_replaced_and_a_killed_worker_goes_on() {
    let cluster = two_slots().await;
    replaces_a_taskmanager(&cluster).await;
    goes_on_without_worker(&cluster).await;
    stop::by_sigkill(cluster).await;
}

async fn replaces_a_taskmanager(cluster: &Cluster) {
    let before = cluster.running_numbers().expect("an answer");
    assert_eq!(before, [1, 2].into());
    let killed = cluster.program.parts(Part::TaskManager)[0];
    processes::signal(killed, Signal::SIGKILL);
    cluster
        .program
        .until("another task runs", async || {
            let running = cluster.running_numbers()?;
            (running.len() == 2 && running.contains(&3)).then_some(())
        })
        .await;
    // Flink still counts the dead one's slots until its heartbeat is missed, and then no more.
    cluster
        .program
        .until("the new one's slots are there, the old one's are not", async || {
            let taskmanagers = cluster.flink.taskmanagers().await.ok()?;
            let registered: BTreeSet<_> = taskmanagers.into_iter().map(|tm| tm.id).collect();
            (Some(registered) == cluster.running()).then_some(())
        })
        .await;
    assert!(cluster.program.log().contains("state=TASK_FAILED"), "{}", cluster.program.log_end());
}

async fn goes_on_without_worker(cluster: &Cluster) {
    let framework = cluster.framework_id();
    let jobmanager = cluster.program.part(Part::JobManager);
    let taskmanagers = cluster.program.parts(Part::TaskManager);
    let worker = cluster.program.part(Part::Worker);

    processes::signal(worker, Signal::SIGKILL);
    let successor = until_another(cluster, Part::Worker, worker).await;
    cluster.program.until("it answers", async || cluster.status()).await;
    cluster.program.until("it knows the tasks", async || (cluster.running()?.len() == 2).then_some(())).await;
    assert_eq!(cluster.framework_id(), framework);
    assert_eq!(cluster.program.part(Part::JobManager), jobmanager);
    assert_eq!(cluster.program.parts(Part::TaskManager), taskmanagers);

    cluster.order(&["scale", "1"]);
    cluster.program.until("one task runs", async || (cluster.running()?.len() == 1).then_some(())).await;
    cluster.until_slots(1, 1).await;
    let left = cluster
        .program
        .until("one JVM is left", async || {
            let [left] = cluster.program.parts(Part::TaskManager)[..] else { return None };
            Some(left)
        })
        .await;
    assert!(taskmanagers.contains(&left), "one of the old ones");
    cluster.order(&["scale", "2"]);
    cluster.until_slots(2, 2).await;
    assert!(cluster.program.parts(Part::TaskManager).contains(&left));
    assert_eq!(cluster.program.part(Part::Worker), successor);
    assert_eq!(cluster.framework_id(), framework);
}

#[tokio::test]
async fn a_task_launched_by_a_worker_that_dies_is_configured_by_the_next() {
    let variables = [("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
    let cluster = Cluster::start(&Start { variables: &variables, ..Start::default() });
    cluster.program.until_log("subscribed framework=").await;
    let mut misses = 0;
    let task = loop {
        misses += stop_worker_before_a_fetch(&cluster).await;
        processes::signal(cluster.program.part(Part::Worker), Signal::SIGKILL);
        let number = u32::try_from(misses).expect("few") + 1;
        // A worker that died over its answer has stored that the token was used: the next task is awaited then.
        let refusal = "refused a request for a configuration: wrong or used token task=";
        let outcome = async || {
            let overview = cluster.flink.overview().await.ok();
            let has_come = overview.is_some_and(|overview| overview.slots_total == 1);
            let log = cluster.program.log();
            let refused = log.lines().filter_map(|line| line.split_once(refusal)?.1.split('"').nth(1));
            let is_refused = refused.map(task_number).any(|refused| refused == number);
            (has_come || is_refused).then_some(is_refused)
        };
        if !cluster.program.until("the task is answered", outcome).await {
            break number;
        }
        misses += 1;
    };
    // An update that the dead worker did not acknowledge comes again after 10 s, and the next one after it.
    let runs = async || (cluster.running_numbers()? == [task].into()).then_some(());
    cluster.program.until("the same task runs", runs).await;
    stop::by_sigterm(cluster, 143).await;
}

/// Meets the time between a task's start and the answer to its question: the worker runs for moments only. Should it
/// have answered all the same, the next task is awaited; returns how many were missed.
async fn stop_worker_before_a_fetch(cluster: &Cluster) -> usize {
    let worker = cluster.program.part(Part::Worker);
    let mut missed = BTreeSet::new();
    cluster
        .program
        .until("a task waits for its configuration", async || {
            for _ in 0..MOMENTS_BETWEEN_LOOKS {
                processes::signal(worker, Signal::SIGSTOP);
                tokio::time::sleep(STOPPED).await;
                if !cluster.program.parts(Part::Task).is_empty() {
                    return Some(());
                }
                let late = cluster.program.parts(Part::TaskManager).into_iter();
                for taskmanager in late.filter(|process| missed.insert(*process)).collect::<Vec<_>>() {
                    processes::signal(taskmanager, Signal::SIGKILL);
                }
                processes::signal(worker, Signal::SIGCONT);
                tokio::time::sleep(GOING).await;
            }
            None
        })
        .await;
    missed.len()
}

/// Long enough for a task to start and to ask.
const STOPPED: Duration = Duration::from_millis(10);
/// Too short for a task to start, ask and be answered.
const GOING: Duration = Duration::from_millis(1);
const MOMENTS_BETWEEN_LOOKS: usize = 20;

#[tokio::test]
async fn a_killed_mesos_takes_the_tasks_and_comes_back_with_new_ones() {
    let cluster = two_slots().await;
    let framework = cluster.framework_id();
    let jobmanager = cluster.program.part(Part::JobManager);
    let taskmanagers = cluster.program.parts(Part::TaskManager);
    let mesos = cluster.program.part(Part::Mesos);
    processes::signal(mesos, Signal::SIGKILL);
    until_another(&cluster, Part::Mesos, mesos).await;
    cluster
        .program
        .until("two other tasks run", async || (cluster.running_numbers()? == [3, 4].into()).then_some(()))
        .await;
    cluster.until_slots(2, 2).await;
    assert_eq!(cluster.program.part(Part::JobManager), jobmanager);
    let left = taskmanagers.into_iter().filter(|process| processes::is_alive(*process));
    assert_eq!(left.count(), 0, "tasks end with their agent");
    assert_eq!(cluster.framework_id(), framework, "a master takes frameworks that it does not know");
    stop::by_sigterm(cluster, 143).await;
}

async fn until_another(cluster: &Cluster, part: Part, dead: Process) -> Process {
    cluster
        .program
        .until(&format!("another {part:?} is there"), async || {
            cluster.program.parts(part).into_iter().find(|process| *process != dead)
        })
        .await
}
