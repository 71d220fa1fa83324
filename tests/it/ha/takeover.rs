//! Two AppMasters with stock Flink on a real ensemble: one goes, the other goes on.

use std::time::Instant;

use ha::election;
use nix::sys::signal::Signal;
use zookeeper_client::Client;

use super::site::{Site, TASKMANAGERS, role, start_job, until_standby};
use crate::cluster::harness::Cluster;
use crate::cluster::processes::{self, Part};
use crate::cluster::{ends, owners, stop};

#[tokio::test]
async fn a_killed_leader_is_followed_by_the_standby_with_everything_as_it_was() {
    let site = Site::open().await;
    let (first, second) = site.two_with_a_job().await;
    let before = site.kept(&first);
    assert_eq!(before.taskmanagers.len(), 2);
    let (start, read) = (Instant::now(), second.program.log().len());
    first.program.signal(Signal::SIGKILL);
    let parts = takeover(&site, &second, start, read).await;
    println!("takeover after SIGKILL of the leader's init: {parts}");
    site.settled(&second, &before).await;
    stop::by_sigkill(first).await;

    // A third one comes, and the second one's JobManager dies.
    let third = site.appmaster();
    until_standby(&third).await;
    for question in [&["scale", "1"][..], &["explain"]] {
        let refused = third.command(question);
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            told.contains("this AppMaster is a standby: the AppMaster on ") && told.contains(" leads"),
            "{told}"
        );
    }
    let (start, read) = (Instant::now(), third.program.log().len());
    processes::signal(second.program.part(Part::JobManager), Signal::SIGKILL);
    let parts = takeover(&site, &third, start, read).await;
    println!("takeover after SIGKILL of the leading JobManager: {parts}");
    site.settled(&third, &before).await;

    stop::by_sigterm(third, 143).await;
    assert_eq!(site.mesos.parts(Part::TaskManager), before.taskmanagers);
}

#[tokio::test]
async fn a_leader_that_was_stopped_for_longer_than_its_session_does_nothing_more() {
    let site = Site::open().await;
    let (first, second) = site.two_with_a_job().await;
    let before = site.kept(&first);
    let (start, read) = (Instant::now(), second.program.log().len());
    let frozen = first.program.everything();
    for process in &frozen {
        processes::signal(*process, Signal::SIGSTOP);
    }
    let parts = takeover(&site, &second, start, read).await;
    println!("takeover after SIGSTOP of the whole leading AppMaster: {parts}");
    site.settled(&second, &before).await;
    let subscriptions = || site.mesos.log().matches("subscribed again").count();
    assert_eq!(subscriptions(), 1);
    let writes = writes(&site).await;
    for process in frozen.iter().rev() {
        processes::signal(*process, Signal::SIGCONT);
    }
    first.program.until("it stands by", async || (role(&first)? == "standby").then_some(())).await;
    site.settled(&second, &before).await;
    assert_eq!(subscriptions(), 1, "it has not subscribed again");
    assert_eq!(writes, self::writes(&site).await, "it has not written");
    stop::by_sigkill(first).await;
    stop::by_sigkill(second).await;
}

/// The JobManager's word counts although nobody is there to hear it.
#[tokio::test]
async fn the_end_of_the_cluster_while_its_worker_is_away_is_the_end_of_everything() {
    let site = Site::open().await;
    let mut only = site.appmaster();
    only.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    ends::crash_the_worker(&only).await;
    only.flink.shut_down().await.expect("an answer");
    assert_eq!(only.program.end().await.code(), Some(0), "{}", only.program.log_end());
    only.program.assert_nothing_left(stop::AT_ONCE).await;
    assert_eq!(owners::frameworks(site.mesos_port).await, Vec::<String>::new(), "{}", only.program.log_end());
}

#[tokio::test]
async fn the_end_of_the_cluster_is_the_end_of_everything() {
    let site = Site::open().await;
    let mut first = site.appmaster();
    first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let mut second = site.appmaster();
    until_standby(&second).await;
    first.flink.shut_down().await.expect("an answer");
    assert_eq!(first.program.end().await.code(), Some(0), "{}", first.program.log_end());
    assert_eq!(second.program.end().await.code(), Some(0), "{}", second.program.log_end());
    let none = async || site.mesos.parts(Part::TaskManager).is_empty().then_some(());
    site.mesos.until("no TaskManager is left", none).await;
    assert_eq!(site.left("/flink/mesos-workers").await, Vec::<String>::new());
    check_flink_left_nothing(&site).await;

    // By its own command, with a job.
    let mut third = site.appmaster();
    third.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    start_job(&third).await;
    let leader = third.status().expect("an answer")["jobmanager_leader"].clone();
    assert!(
        leader
            .as_str()
            .is_some_and(|url| url.ends_with(third.rest_url().rsplit(':').next().expect("a port"))),
        "{leader}"
    );
    third.order(&["teardown", "--force"]);
    assert_eq!(third.program.end().await.code(), Some(0), "{}", third.program.log_end());
    check_flink_left_nothing(&site).await;
    assert_eq!(site.left("/flink/mesos-workers").await, Vec::<String>::new());
}

/// But for empty nodes, which its caches make anew while they end and ZooKeeper itself deletes after a minute.
async fn check_flink_left_nothing(site: &Site) {
    assert_eq!(site.left("/flink/test/jobs").await, Vec::<String>::new());
    assert_eq!(site.left("/flink/test/jobgraphs").await, Vec::<String>::new());
    assert_eq!(site.left("/flink/test/leader/latch").await, Vec::<String>::new());
}

/// The times from `start`, in words.
async fn takeover(site: &Site, successor: &Cluster, start: Instant, read: usize) -> String {
    /// Subtasks of the job.
    const SUBTASKS: usize = 4;
    let steps = [
        ("AppMaster leads", "worker: this AppMaster leads, with", 1),
        ("subscribed to Mesos", "worker: subscribed framework", 1),
        ("JobManager leads", "DefaultDispatcherRunner was granted leadership", 1),
        ("job restored from a checkpoint", "from Checkpoint", 1),
        ("job runs", "switched from INITIALIZING to RUNNING", SUBTASKS),
    ];
    let over = tokio::spawn(leader_gone(site.ensemble.quorum(), start));
    let mut times = Vec::new();
    for (name, text, count) in steps {
        successor
            .program
            .until(name, async || {
                (successor.program.log()[read..].matches(text).count() >= count).then_some(())
            })
            .await;
        times.push(format!("{name} {:.2} s", start.elapsed().as_secs_f64()));
    }
    let over = over.await.expect("it was there");
    format!("the old leader's node gone {over:.2} s, {}", times.join(", "))
}

/// Seconds from `start` until the first in line is there no more.
async fn leader_gone(quorum: String, start: Instant) -> f64 {
    let line = "/flink/mesos-workers/test/line";
    let client = Client::connect(&quorum).await.expect("a session");
    let names = client.list_children(line).await.expect("a list");
    let first = names.iter().min_by_key(|name| election::place(name)).expect("somebody leads");
    let (stat, watcher) = client.check_and_watch_stat(&format!("{line}/{first}")).await.expect("an answer");
    if stat.is_some() {
        watcher.changed().await;
    }
    start.elapsed().as_secs_f64()
}

/// Versions of all nodes of the state.
async fn writes(site: &Site) -> Vec<(String, i32, i64)> {
    let client = Client::connect(&site.ensemble.quorum()).await.expect("a session");
    let state = "/flink/mesos-workers/test/state";
    let names = client.list_children(state).await.expect("a list");
    let paths = names.iter().map(|name| format!("{state}/{name}")).chain([state.to_owned()]);
    let mut found = Vec::new();
    for path in paths {
        let stat = client.check_stat(&path).await.expect("an answer").expect("it is there");
        found.push((path, stat.version, stat.mzxid));
    }
    found
}
