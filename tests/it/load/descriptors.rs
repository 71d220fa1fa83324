//! Descriptors: more than a soft limit of 1,024, children as they were, and what is said when there are none left.

use std::fs;
use std::time::{Duration, Instant};

use base::descriptors;
use nix::sys::time::TimeValLike as _;

use super::site::{Site, ask, connect, connect_unix, open_descriptors};
use crate::cluster::processes::{Part, Process};

const SOFT: u64 = 1024;
const HARD: u64 = 8192;

#[tokio::test]
async fn idle_connections_beyond_the_soft_limit_keep_nobody_out_and_children_have_the_limit_they_had() {
    descriptors::raise();
    let site = Site::open((SOFT, HARD), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let worker = site.appmaster.part(Part::Worker);
    let idle: Vec<_> = (0..SOFT + 500).map(|_| connect(site.status)).collect();
    site.appmaster
        .until("all are accepted", async || (open_descriptors(worker) > idle.len()).then_some(()))
        .await;
    assert!(site.health().starts_with("HTTP/1.1 200 "), "{}", site.health());
    connect(site.artifacts);
    connect_unix(&site.socket());
    assert_eq!(limits(worker), (HARD, HARD));
    assert_eq!(limits(site.appmaster.part(Part::JobManager)), (SOFT, HARD));
}

#[tokio::test]
async fn a_task_of_the_embedded_mesos_has_the_limit_that_it_was_started_with() {
    let site = Site::open((SOFT, HARD), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let mesos = site.mesos.everything()[0];
    let task = site
        .mesos
        .until("a TaskManager runs", async || site.mesos.parts(Part::TaskManager).first().copied())
        .await;
    let (inherited, hard) = own_limits();
    assert_eq!((limits(mesos), limits(task)), ((hard, hard), (inherited, hard)));
}

#[tokio::test]
async fn a_lack_of_descriptors_is_told_as_what_it_is() {
    /// A port takes a quarter of them, and the worker's own are thirty.
    const FEW: u64 = 64;
    let site = Site::open((FEW, FEW), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let worker = site.appmaster.part(Part::Worker);
    let asking = connect(site.status);
    assert!(ask(&asking, "/healthz").starts_with("HTTP/1.1 200 "));
    let idle: Vec<_> = (0..FEW).map(|_| connect(site.status)).collect();
    let full = format!("status port: {} connections are open, the most it takes", FEW / 4);
    site.appmaster.until_log(&full).await;
    let answer = ask(&asking, "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "one port alone uses nothing up: {answer}");

    let others: Vec<_> = (0..FEW).map(|_| (connect(site.artifacts), connect_unix(&site.socket()))).collect();
    let told = format!("cannot accept connections: all {FEW} file descriptors of this process are in use");
    site.appmaster.until_log(&told).await;
    let answer = site
        .appmaster
        .until("healthz tells", async || {
            let answer = ask(&asking, "/healthz");
            answer.starts_with("HTTP/1.1 503 ").then_some(answer)
        })
        .await;
    let expected =
        format!("the JobManager: cannot be asked: all {FEW} file descriptors of this process are in use");
    assert!(answer.contains(&expected), "{answer}");

    let (begin, before) = (Instant::now(), cpu_time(worker));
    tokio::time::sleep(Duration::from_secs(4)).await;
    let share = (cpu_time(worker) - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    assert!(share < 0.25, "it is busy with nothing: {share}");
    let times = site.appmaster.log().matches(&told).count();
    assert!(times <= 2, "each port tells once: {}", site.appmaster.log_end());

    drop((idle, others));
    let again = "status port: accepts connections again";
    site.appmaster
        .until("all is well", async || {
            let is_well = site.health().starts_with("HTTP/1.1 200 ");
            (is_well && site.appmaster.log().contains(again)).then_some(())
        })
        .await;
}

/// Soft and hard.
fn limits(process: Process) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{}/limits", process.pid)).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a line");
    let numbers: Vec<_> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [soft, hard] = numbers[..] else { panic!("{line}") };
    (soft, hard)
}

fn own_limits() -> (u64, u64) {
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("a limit")
}

fn cpu_time(process: Process) -> Duration {
    let clock = nix::time::clock_getcpuclockid(process.pid).expect("it lives");
    let time = nix::time::clock_gettime(clock).expect("it lives");
    Duration::from_nanos(time.num_nanoseconds().unsigned_abs())
}
