//! Ends that are no order to stop a cluster that works: the framework goes too, or it is told what is left.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::harness::{Cluster, Program, Start};
use super::masters::start_mesos;
use super::owners::{frameworks, tasks};
use super::processes::{self, Part};
use super::stop::AT_ONCE;
use crate::ports::{free_ports, free_range};

/// `docker stop` kills after it.
const DOCKER_WAITS: Duration = Duration::from_secs(10);

fn start(port: u16, more: &[(&str, &str)]) -> Cluster {
    let master = format!("127.0.0.1:{port}");
    Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[&[("mesos.master", &*master)], more].concat(),
        ..Start::default()
    })
}

async fn mesos() -> (Program, u16) {
    let [port] = free_ports();
    (start_mesos(port, &free_range(8)).await, port)
}

async fn nothing_is_left(mesos: &Program, port: u16) {
    assert_eq!(frameworks(port).await, Vec::<String>::new(), "{}", mesos.log_end());
    let gone = async || mesos.parts(Part::TaskManager).is_empty().then_some(());
    mesos.until("no TaskManager is left", gone).await;
}

#[tokio::test]
async fn too_many_failures_tear_the_framework_down() {
    let (mesos, port) = mesos().await;
    let more = [("mesos.maximum-failed-tasks", "1"), ("mesos.initial-tasks", "2")];
    let mut cluster = start(port, &more);
    cluster.until_slots(2, 2).await;
    let framework = cluster.framework_id();
    for number in [3, 4] {
        processes::signal(mesos.parts(Part::TaskManager)[0], Signal::SIGKILL);
        if number == 3 {
            let replaced = async || cluster.running_numbers()?.contains(&3).then_some(());
            cluster.program.until("another runs", replaced).await;
        }
    }
    assert_eq!(cluster.program.end().await.code(), Some(75), "{}", cluster.program.log_end());
    cluster.program.assert_nothing_left(AT_ONCE).await;
    let log = cluster.program.log();
    assert!(log.contains(&format!("torn down framework={framework}")), "{log}");
    nothing_is_left(&mesos, port).await;
    let killed = tasks(port, &framework).await;
    assert_eq!(killed.iter().filter(|(_, state)| state == "TASK_KILLED").count(), 1, "{killed:?}");
}

/// Until it waits for seconds to be started again.
pub async fn crash_the_worker(cluster: &Cluster) {
    for crash in 1..=4 {
        let worker = async || cluster.program.parts(Part::Worker).pop();
        processes::signal(cluster.program.until("there is a worker", worker).await, Signal::SIGKILL);
        let told =
            async || (cluster.program.log().matches("starting worker again").count() == crash).then_some(());
        cluster.program.until("it is to be started again", told).await;
    }
    assert!(cluster.program.parts(Part::Worker).is_empty());
}

#[tokio::test]
async fn an_order_to_stop_without_worker_tears_the_framework_down() {
    let (mesos, port) = mesos().await;
    let mut cluster = start(port, &[]);
    cluster.until_slots(1, 1).await;
    crash_the_worker(&cluster).await;
    cluster.program.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert_eq!(cluster.program.end().await.code(), Some(143), "{}", cluster.program.log_end());
    assert!(asked.elapsed() < DOCKER_WAITS, "{:?}", asked.elapsed());
    cluster.program.assert_nothing_left(AT_ONCE).await;
    nothing_is_left(&mesos, port).await;
}

/// Told what is left and how to end it, somebody can.
#[tokio::test]
async fn what_cannot_be_torn_down_is_told() {
    let (mesos, port) = mesos().await;
    let mut cluster = start(port, &[]);
    cluster.until_slots(1, 1).await;
    let framework = cluster.framework_id();
    mesos.signal(Signal::SIGSTOP);
    cluster.program.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert_eq!(cluster.program.end().await.code(), Some(143), "{}", cluster.program.log_end());
    assert!(asked.elapsed() < DOCKER_WAITS, "{:?}", asked.elapsed());
    cluster.program.assert_nothing_left(AT_ONCE).await;
    mesos.signal(Signal::SIGCONT);
    let log = cluster.program.log();
    let told = log.lines().find(|line| line.contains("could not be torn down")).expect("a line");
    assert!(told.contains(&format!("framework={framework} tasks=1 are left")), "{told}");
    let (_, curl) = told.split_once("To end it now: ").expect("a command");
    let output = Command::new("sh").args(["-c", curl]).output().expect("a shell");
    assert!(output.status.success(), "{curl}: {output:?}");
    nothing_is_left(&mesos, port).await;
}

/// What the AppMaster has read is in memory, but a file that `mesos.master` names is read by each worker anew.
#[tokio::test]
async fn a_worker_that_cannot_read_where_the_master_is_tells_what_is_left() {
    let (mesos, port) = mesos().await;
    let address = tempfile::NamedTempFile::new().expect("a file");
    fs::write(address.path(), format!("127.0.0.1:{port}\n")).expect("written");
    let mut cluster = start(port, &[("mesos.master", &format!("file://{}", address.path().display()))]);
    cluster.until_slots(1, 1).await;
    let framework = cluster.framework_id();
    let conf = cluster.program.temporary_files().into_iter().map(|directory| directory.join("conf"));
    for conf in conf.filter(|conf| conf.is_dir()) {
        fs::remove_dir_all(conf).expect("removed");
    }
    let worker = cluster.program.part(Part::Worker);
    processes::signal(worker, Signal::SIGKILL);
    let again = async || {
        let another = cluster.program.parts(Part::Worker).pop().filter(|other| *other != worker);
        another.filter(|_| cluster.running().is_some_and(|tasks| tasks.len() == 1))
    };
    cluster.program.until("another worker knows the task without a file of the configuration", again).await;
    address.close().expect("removed");
    processes::signal(cluster.program.part(Part::Worker), Signal::SIGKILL);
    assert_eq!(cluster.program.end().await.code(), Some(66), "{}", cluster.program.log_end());
    let log = cluster.program.log();
    assert!(log.contains(&format!("framework={framework} tasks=1 are left")), "{log}");
    assert_eq!(frameworks(port).await, [framework]);
    drop(mesos);
}
