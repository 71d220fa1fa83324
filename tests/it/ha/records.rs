//! Records in ZooKeeper: the suite of all stores, and what only leaders and standbys meet.

mod answers;
mod crowd;
mod layout;
mod reigns;

use std::time::Duration;

use ha::contender::{Contender, Left};
use records::suite::{self, Storage};
use records::zookeeper::{Reader, ZooKeeperRecords};
use records::{OpenError, Records as _};
use tokio::sync::watch;
use zookeeper::Ensemble as Config;
use zookeeper_client::Client;

use super::election::{contender, paths, until_leading};
use super::ensemble::Ensemble;

const SESSION: Duration = Duration::from_secs(4);
const INSTANCE: &str = "one";
/// Nothing above it is there at first.
const ROOT: &str = "/flink/dispatchers/one/records";

/// A leader that does not hear that it leads no longer.
struct Leader {
    contender: Contender,
    fence: String,
    clients: watch::Receiver<Option<Client>>,
    /// Its session goes on.
    _sender: watch::Sender<Option<Client>>,
}

impl Leader {
    async fn come(ensemble: &Ensemble, name: &str) -> Self {
        let contender = contender(ensemble, name);
        let node = until_leading(&contender).await;
        let (sender, clients) = watch::channel(contender.clients.borrow().clone());
        Self { contender, fence: paths().in_line(&node), clients, _sender: sender }
    }

    async fn open(&self, ensemble: &Ensemble, instance: &str) -> Result<ZooKeeperRecords, OpenError> {
        let (config, clients) = (ensemble.config(SESSION), self.clients.clone());
        ZooKeeperRecords::open(config, clients, ROOT, &self.fence, instance).await
    }

    async fn records(&self, ensemble: &Ensemble) -> ZooKeeperRecords {
        self.open(ensemble, INSTANCE).await.expect("open")
    }

    async fn leave(&self) {
        self.contender.leave(Left::Cluster).await;
    }
}

/// Of a contender that hears what becomes of its session, once it leads.
async fn records_of(leader: &Contender, config: Config) -> ZooKeeperRecords {
    let fence = paths().in_line(&until_leading(leader).await);
    let open = ZooKeeperRecords::open(config, leader.clients.clone(), ROOT, &fence, INSTANCE);
    open.await.expect("open")
}

async fn client(ensemble: &Ensemble) -> Client {
    Client::connect(&ensemble.quorum()).await.expect("a session")
}

/// Of somebody who does not lead.
async fn reader(ensemble: &Ensemble, instance: &str) -> (Reader, watch::Sender<Option<Client>>) {
    let (sender, clients) = watch::channel(Some(client(ensemble).await));
    (Reader::new(ensemble.config(SESSION), clients, ROOT, instance), sender)
}

struct OneLeader {
    ensemble: Ensemble,
    leader: Leader,
}

impl Storage for OneLeader {
    type Records = ZooKeeperRecords;

    async fn open(&mut self, instance: &str) -> Result<ZooKeeperRecords, OpenError> {
        self.leader.open(&self.ensemble, instance).await
    }
}

#[tokio::test]
async fn zookeeper_passes_the_suite_of_records() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = Leader::come(&ensemble, "leader").await;
    let mut place = OneLeader { ensemble, leader };
    suite::all(&mut place).await;
    let client = client(&place.ensemble).await;
    assert_eq!(client.list_children("/flink/dispatchers/one").await.expect("it stays"), Vec::<String>::new());
}

#[tokio::test]
async fn an_ensemble_of_three_loses_nothing_with_a_server() {
    let mut ensemble = Ensemble::start().await;
    let contender = contender(&ensemble, "one");
    let mut records = records_of(&contender, ensemble.config(SESSION)).await;
    let mut revision = records.load(None).await.expect("readable").revision;
    for index in 0..ensemble.len() {
        ensemble.kill_server(index);
        for _ in 0..10 {
            revision = committed(&mut records, revision).await;
        }
        ensemble.start_server(index);
        ensemble.until_serving().await;
    }
    assert_eq!(records.load(None).await.expect("readable").revision.0, 30);
}

/// One commit more, made again if it turns out not to have been made.
async fn committed(records: &mut ZooKeeperRecords, before: records::Revision) -> records::Revision {
    let next = before.next();
    loop {
        match records.commit(&[suite::put("a/b", next.to_string().as_bytes())]).await {
            Ok(revision) => {
                assert_eq!(revision, next);
                return revision;
            }
            Err(records::CommitError::Unknown { revision, .. }) => {
                assert_eq!(revision, next);
                let found = records.load(None).await.expect("readable").revision;
                if found == next {
                    return next;
                }
                assert_eq!(found, before, "it was made or not");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}
