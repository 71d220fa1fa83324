//! Two AppMasters with stock Flink on a real ensemble: one goes, the other goes on.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::ensemble::Ensemble;
use super::masters::Candidate;
use crate::cluster::application;
use crate::cluster::harness::{Cluster, Program, Start};
use crate::cluster::masters::start_mesos;
use crate::cluster::processes::{self, Part, Process};
use crate::cluster::stop;
use crate::ports::{free_ports, free_range};
use flink_on_mesos::flink::rest::JarRun;

/// Of both sessions, ours and Flink's.
const SESSION: Duration = Duration::from_secs(3);
const ANSWER_MOST: Duration = Duration::from_millis(500);
const TASKMANAGERS: u32 = 2;

/// Everything that two AppMasters share.
struct Site {
    ensemble: Ensemble,
    mesos: Program,
    /// Keeps the master's node.
    _master: Candidate,
    storage: tempfile::TempDir,
}

/// What a takeover must leave as it is.
#[derive(Debug, PartialEq)]
struct Kept {
    framework_id: String,
    taskmanagers: Vec<Process>,
    tasks: std::collections::BTreeSet<String>,
}

impl Site {
    async fn open() -> Self {
        let [mesos_port] = free_ports();
        let mesos = start_mesos(mesos_port, &free_range(8)).await;
        let storage = tempfile::tempdir().expect("a directory");
        let ensemble = Ensemble::start().await;
        let master = Candidate::stand(&ensemble, "/mesos", "json.info", mesos_port).await;
        Self { ensemble, mesos, _master: master, storage }
    }

    fn appmaster(&self) -> Cluster {
        let session = SESSION.as_millis().to_string();
        let storage = format!("file://{}", self.storage.path().display());
        let checkpoints = format!("{storage}/checkpoints");
        Cluster::start(&Start {
            command: &["appmaster"],
            variables: &[("_CLIENT_TM_COUNT", "2"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
            properties: &[
                ("mesos.master", &format!("zk://{}/mesos", self.ensemble.quorum())),
                ("high-availability", "zookeeper"),
                ("high-availability.zookeeper.quorum", &self.ensemble.quorum()),
                ("high-availability.zookeeper.client.session-timeout", &session),
                ("high-availability.storageDir", &storage),
                ("high-availability.cluster-id", "/test"),
                ("state.checkpoints.dir", &checkpoints),
            ],
            ..Start::default()
        })
    }

    async fn two_with_a_job(&self) -> (Cluster, Cluster) {
        let first = self.appmaster();
        first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
        let second = self.appmaster();
        second.program.until("it stands by", async || (role(&second)? == "standby").then_some(())).await;
        // Its JobManager answers too.
        second.until_slots(TASKMANAGERS, TASKMANAGERS).await;
        let jar = application::jar("Endless", first.program.path());
        let jar_id = first.flink.upload_jar(jar.as_ref()).await.expect("an upload");
        let run = JarRun { parallelism: Some(2), ..JarRun::default() };
        let job = first.flink.run_jar(&jar_id, &run).await.expect("a start");
        first
            .program
            .until("it has checkpoints", async || {
                let counts = ask(&first, &format!("/jobs/{job}/checkpoints")).await?;
                (counts["counts"]["completed"].as_u64()? >= 2).then_some(())
            })
            .await;
        (first, second)
    }

    fn kept(&self, cluster: &Cluster) -> Kept {
        Kept {
            framework_id: cluster.framework_id(),
            taskmanagers: self.mesos.parts(Part::TaskManager),
            tasks: cluster.running().expect("an answer"),
        }
    }
}

#[tokio::test]
async fn a_killed_leader_is_followed_by_the_standby_with_everything_as_it_was() {
    let site = Site::open().await;
    let (first, second) = site.two_with_a_job().await;
    let before = site.kept(&first);
    assert_eq!(before.taskmanagers.len(), 2);
    let (start, read) = (Instant::now(), second.program.log().len());
    first.program.signal(Signal::SIGKILL);
    let parts = takeover(&second, start, read).await;
    println!("takeover after SIGKILL of the leader's init: {parts}");
    settled(&site, &second, &before).await;
    stop::by_sigkill(first).await;

    // A third one comes, and the second one's JobManager dies.
    let third = site.appmaster();
    third.program.until("it stands by", async || (role(&third)? == "standby").then_some(())).await;
    for question in [&["scale", "1"][..], &["explain"]] {
        let refused = third.command(question);
        assert_eq!(refused.status.code(), Some(69), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains("this AppMaster stands by: the one on ") && told.contains(" leads"), "{told}");
    }
    third.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let (start, read) = (Instant::now(), third.program.log().len());
    processes::signal(second.program.part(Part::JobManager), Signal::SIGKILL);
    let parts = takeover(&third, start, read).await;
    println!("takeover after SIGKILL of the leading JobManager: {parts}");
    settled(&site, &third, &before).await;

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
    let parts = takeover(&second, start, read).await;
    println!("takeover after SIGSTOP of the whole leading AppMaster: {parts}");
    settled(&site, &second, &before).await;
    let subscriptions = || site.mesos.log().matches("subscribed again").count();
    assert_eq!(subscriptions(), 1);
    let writes = writes(&site).await;
    for process in frozen.iter().rev() {
        processes::signal(*process, Signal::SIGCONT);
    }
    first.program.until("it stands by", async || (role(&first)? == "standby").then_some(())).await;
    settled(&site, &second, &before).await;
    assert_eq!(subscriptions(), 1, "it has not subscribed again");
    assert_eq!(writes, self::writes(&site).await, "it has not written");
    stop::by_sigkill(first).await;
    stop::by_sigkill(second).await;
}

#[tokio::test]
async fn the_end_of_the_cluster_is_the_end_of_everything() {
    let site = Site::open().await;
    let mut first = site.appmaster();
    first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let mut second = site.appmaster();
    second.program.until("it stands by", async || (role(&second)? == "standby").then_some(())).await;
    first.flink.shut_down().await.expect("an answer");
    assert_eq!(first.program.end().await.code(), Some(0), "{}", first.program.log_end());
    assert_eq!(second.program.end().await.code(), Some(0), "{}", second.program.log_end());
    let none = async || site.mesos.parts(Part::TaskManager).is_empty().then_some(());
    site.mesos.until("no TaskManager is left", none).await;
    assert_eq!(left(&site).await, Vec::<String>::new());
}

/// The times from `start`, in words.
async fn takeover(successor: &Cluster, start: Instant, read: usize) -> String {
    /// Subtasks of the job.
    const SUBTASKS: usize = 4;
    let steps = [
        ("AppMaster leads", "worker: leads", 1),
        ("subscribed to Mesos", "worker: subscribed framework", 1),
        ("JobManager leads", "DefaultDispatcherRunner was granted leadership", 1),
        ("job restored from a checkpoint", "from Checkpoint", 1),
        ("job runs", "switched from INITIALIZING to RUNNING", SUBTASKS),
    ];
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
    times.join(", ")
}

/// Whatever was to happen has happened.
async fn settled(site: &Site, cluster: &Cluster, before: &Kept) {
    cluster
        .program
        .until("it knows the tasks", async || (cluster.running()?.len() == before.tasks.len()).then_some(()))
        .await;
    assert_eq!(&site.kept(cluster), before, "{}", cluster.program.log_end());
}

fn role(cluster: &Cluster) -> Option<String> {
    Some(cluster.status()?["high_availability"]["role"].as_str()?.to_owned())
}

async fn ask(cluster: &Cluster, path: &str) -> Option<Value> {
    let url = format!("{}{path}", cluster.rest_url());
    // A JobManager that stands by hands questions on to one that is dead, until it knows better.
    let client = reqwest::Client::builder().timeout(ANSWER_MOST).build().expect("a client");
    let answer = client.get(url).send().await.ok()?.error_for_status().ok()?;
    answer.json().await.ok()
}

/// Below the path of all frameworks' states.
async fn left(site: &Site) -> Vec<String> {
    let client = zookeeper_client::Client::connect(&site.ensemble.quorum()).await.expect("a session");
    client.list_children("/flink/mesos-workers").await.expect("a list")
}

/// Versions of all nodes of the state.
async fn writes(site: &Site) -> Vec<(String, i32, i64)> {
    let client = zookeeper_client::Client::connect(&site.ensemble.quorum()).await.expect("a session");
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
