//! Flink's own election in ZooKeeper, as the workers see it. Its nodes are written here as Flink writes them.

use std::sync::Arc;
use std::time::Duration;

use base::events::Journal;
use ha::flink::{self, JobManagers, Own};
use tokio::sync::watch;
use zookeeper_client::{Acls, Client, CreateMode, CreateSequence};

use super::ensemble::{Ensemble, session};

const NODE: &str = "/flink/test";
const LATCH: &str = "/flink/test/leader/latch";
const OWN: &str = "://a:8081";
const SESSION: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A JobManager's session.
struct JobManager(Client);

impl JobManager {
    async fn start(ensemble: &Ensemble) -> Self {
        Self(Client::connect(&ensemble.quorum()).await.expect("a session"))
    }

    /// As which path.
    async fn stand_in_line(&self) -> String {
        let prefix = format!("{LATCH}/_c_0-latch-");
        let sequence = self.create(&prefix, CreateMode::EphemeralSequential, b"").await;
        format!("{prefix}{sequence}")
    }

    async fn announce(&self, url: &str) {
        let length = u16::try_from(url.len()).expect("short").to_be_bytes();
        let content =
            [b"\xac\xed\x00\x05\x77\x12", &length[..], url.as_bytes(), b"sr\x00\x0ejava.util.UUID"].concat();
        let _ = self.create(&announcement(), CreateMode::Ephemeral, &content).await;
    }

    async fn claim(&self, part: &str) {
        self.create(&format!("{NODE}/leader/{part}/connection_info"), CreateMode::Ephemeral, b"").await;
    }

    async fn create(&self, path: &str, mode: CreateMode, content: &[u8]) -> CreateSequence {
        let open = Acls::anyone_all();
        let (parent, _) = path.rsplit_once('/').expect("a parent");
        self.0.mkdir(parent, &CreateMode::Persistent.with_acls(open)).await.expect("a directory");
        self.0.create(path, content, &mode.with_acls(open)).await.expect("a node").1
    }
}

fn announcement() -> String {
    format!("{NODE}/leader/rest_server/connection_info")
}

async fn until(jobmanagers: &mut watch::Receiver<JobManagers>, leader: Option<&str>, own: Own) {
    let expected = JobManagers { leader: leader.map(str::to_owned), own, ..JobManagers::default() };
    let found =
        tokio::time::timeout(PATIENCE, jobmanagers.wait_for(|found| *found == expected)).await.is_ok();
    assert!(found, "{expected:?} expected: {:?}", jobmanagers.borrow());
}

/// The worker's look at it, with the worker's client.
async fn watch(ensemble: &Ensemble) -> (watch::Receiver<JobManagers>, watch::Sender<Option<Client>>, Client) {
    let config = ensemble.config(SESSION);
    let worker = session(&config).await;
    let (clients, client) = watch::channel(Some(worker.clone()));
    (flink::watch(client, config, NODE.to_owned(), Some(OWN.to_owned()), Arc::default()), clients, worker)
}

async fn until_owner(client: &Client, path: &str, owner: Option<i64>) {
    let look = async || client.check_stat(path).await.expect("an answer").map(|stat| stat.ephemeral_owner);
    let wait = async {
        while look().await != owner {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{path}: {owner:?}, {:?}", look().await);
}

#[tokio::test]
async fn a_jobmanager_that_leads_without_a_place_in_line_is_found_out() {
    let ensemble = Ensemble::start_with(1).await;
    let (mut jobmanagers, _clients, _) = watch(&ensemble).await;
    // Nothing is known of the place that it had.
    let again = JobManager::start(&ensemble).await;
    again.announce("http://a:8081").await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;
    let second = JobManager::start(&ensemble).await;
    second.stand_in_line().await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Deposed).await;
    // The other one writes over it, but not over everything.
    again.claim("dispatcher").await;
    again.0.delete(&announcement(), None).await.expect("deleted");
    second.announce("http://b:8081").await;
    until(&mut jobmanagers, Some("http://b:8081"), Own::Deposed).await;
    again.stand_in_line().await;
    until(&mut jobmanagers, Some("http://b:8081"), Own::Fine).await;
}

#[tokio::test]
async fn a_place_that_an_old_session_takes_along_is_kept() {
    let ensemble = Ensemble::start_with(1).await;
    let (mut jobmanagers, _clients, worker) = watch(&ensemble).await;
    let (first, second) = (JobManager::start(&ensemble).await, JobManager::start(&ensemble).await);
    let place = first.stand_in_line().await;
    second.stand_in_line().await;
    first.announce("http://a:8081").await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;

    // It is back with another session while the old one lasts.
    let again = JobManager::start(&ensemble).await;
    first.0.delete(&announcement(), None).await.expect("deleted");
    again.announce("http://a:8081").await;
    until_owner(&worker, &place, Some(worker.session_id().0)).await;
    drop(first);
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;

    // Who is dead is taken out of the line with the place that was kept.
    assert_eq!(flink::release(&worker, NODE, OWN).await.expect("an answer"), 1);
    assert_eq!(worker.list_children(LATCH).await.expect("a list").len(), 1);
    // It lives, and nobody else is left.
    drop(second);
    until_owner(&worker, &place, Some(worker.session_id().0)).await;
    // It does not come back.
    drop(again);
    until_owner(&worker, &place, None).await;
}

#[tokio::test]
async fn a_line_that_somebody_removes_is_there_again_with_the_leader_at_its_front() {
    let ensemble = Ensemble::start_with(1).await;
    let (mut jobmanagers, _clients, worker) = watch(&ensemble).await;
    let first = JobManager::start(&ensemble).await;
    // Numbers as of a line in which many have stood.
    for _ in 0..3 {
        let place = first.stand_in_line().await;
        first.0.delete(&place, None).await.expect("deleted");
    }
    let place = first.stand_in_line().await;
    first.announce("http://a:8081").await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let mut removal = worker.new_multi_writer();
    removal.add_delete(&place, None).and_then(|()| removal.add_delete(LATCH, None)).expect("two changes");
    removal.commit().await.expect("removed");
    let kept = format!("{LATCH}/_c_0-latch-0000000000");
    until_owner(&worker, &kept, Some(worker.session_id().0)).await;
    // Who comes back is behind it.
    let second = JobManager::start(&ensemble).await;
    assert!(second.stand_in_line().await > kept);
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;
}

#[tokio::test]
async fn clusters_below_each_other_are_told_of() {
    let ensemble = Ensemble::start_with(1).await;
    let worker = session(&ensemble.config(SESSION)).await;
    let (_clients, client) = watch::channel(Some(worker));
    let jobmanager = JobManager::start(&ensemble).await;
    for node in
        ["/flink/prod/leader/latch/a", "/flink/prod/etl/daily/leader/latch/a", "/flink/other/leader/latch/a"]
    {
        jobmanager.create(node, CreateMode::Ephemeral, b"").await;
    }
    jobmanager.create("/flink/prod/jobs/x/leader/latch/a", CreateMode::Persistent, b"").await;
    for (id, expected) in [
        ("/prod", vec!["the cluster /prod/etl/daily runs, and its id is a path below this cluster's"]),
        (
            "/prod/etl",
            vec!["the cluster /prod runs, and this cluster's", "the cluster /prod/etl/daily runs, and its"],
        ),
        ("/prod/etl/daily", vec!["the cluster /prod runs, and this cluster's id is a path below it"]),
        ("/other", vec![]),
        ("/production", vec![]),
    ] {
        let journal = Arc::<Journal>::default();
        flink::watch_neighbours(client.clone(), "/flink", id, Arc::clone(&journal));
        // One look; the next is due in half a minute.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told: Vec<_> = journal.after(0).into_iter().map(|event| event.text).collect();
        assert_eq!(told.len(), expected.len(), "{id}: {told:?}");
        for (told, expected) in told.iter().zip(&expected) {
            assert!(told.contains(expected), "{id}: {told}");
        }
    }
}
