//! Flink's own election in ZooKeeper, as the workers see it. Its nodes are written here as Flink writes them.

use std::sync::Arc;
use std::time::Duration;

use flink_on_mesos::ha::flink::{self, JobManagers, Own};
use tokio::sync::watch;
use zookeeper_client::{Acls, Client, CreateMode};

use super::ensemble::Ensemble;

const NODE: &str = "/flink/test";
const PATIENCE: Duration = Duration::from_secs(30);

/// A JobManager's session.
struct JobManager(Client);

impl JobManager {
    async fn start(ensemble: &Ensemble) -> Self {
        Self(Client::connect(&ensemble.quorum()).await.expect("a session"))
    }

    async fn stand_in_line(&self) {
        self.create(&format!("{NODE}/leader/latch/_c_0-latch-"), CreateMode::EphemeralSequential, b"").await;
    }

    async fn announce(&self, url: &str) {
        let length = u16::try_from(url.len()).expect("short").to_be_bytes();
        let content =
            [b"\xac\xed\x00\x05\x77\x12", &length[..], url.as_bytes(), b"sr\x00\x0ejava.util.UUID"].concat();
        self.create(&announcement(), CreateMode::Ephemeral, &content).await;
    }

    async fn claim(&self, part: &str) {
        self.create(&format!("{NODE}/leader/{part}/connection_info"), CreateMode::Ephemeral, b"").await;
    }

    async fn create(&self, path: &str, mode: CreateMode, content: &[u8]) {
        let open = Acls::anyone_all();
        let (parent, _) = path.rsplit_once('/').expect("a parent");
        self.0.mkdir(parent, &CreateMode::Persistent.with_acls(open)).await.expect("a directory");
        self.0.create(path, content, &mode.with_acls(open)).await.expect("a node");
    }
}

fn announcement() -> String {
    format!("{NODE}/leader/rest_server/connection_info")
}

async fn until(jobmanagers: &mut watch::Receiver<JobManagers>, leader: Option<&str>, own: Own) {
    let expected = JobManagers { leader: leader.map(str::to_owned), own };
    let found =
        tokio::time::timeout(PATIENCE, jobmanagers.wait_for(|found| *found == expected)).await.is_ok();
    assert!(found, "{expected:?} expected: {:?}", jobmanagers.borrow());
}

#[tokio::test]
async fn a_jobmanager_that_leads_without_a_place_in_line_is_found_out() {
    let ensemble = Ensemble::start_with(1).await;
    let worker = Client::connect(&ensemble.quorum()).await.expect("a session");
    let (_clients, client) = watch::channel(Some(worker));
    let mut jobmanagers = flink::watch(client, NODE.to_owned(), Some("://a:8081".to_owned()), Arc::default());
    let first = JobManager::start(&ensemble).await;
    first.stand_in_line().await;
    first.announce("http://a:8081").await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Fine).await;
    let second = JobManager::start(&ensemble).await;
    second.stand_in_line().await;

    // Its session ends, and it comes back with another one, but without a place in line.
    drop(first);
    until(&mut jobmanagers, None, Own::Fine).await;
    let again = JobManager::start(&ensemble).await;
    again.announce("http://a:8081").await;
    until(&mut jobmanagers, Some("http://a:8081"), Own::Deposed).await;
    // The other one writes over it, but not over everything.
    again.claim("dispatcher").await;
    again.0.delete(&announcement(), None).await.expect("deleted");
    second.announce("http://b:8081").await;
    until(&mut jobmanagers, Some("http://b:8081"), Own::Deposed).await;
    again.stand_in_line().await;
    until(&mut jobmanagers, Some("http://b:8081"), Own::Fine).await;
}
