//! Masters that say in ZooKeeper that they lead.

use std::time::Duration;

use mesos::address::{Master, MasterAddress, Scheme};
use mesos::detector;
use tokio::sync::watch;
use zookeeper_client::{Acls, Client, CreateMode};

use super::ensemble::Ensemble;

const PATIENCE: Duration = Duration::from_secs(60);

/// A master's node, as long as it is not dropped.
pub struct Candidate(Client);

impl Candidate {
    /// As a real master does it; what it writes is the JSON of one.
    pub async fn stand(ensemble: &Ensemble, path: &str, label: &str, port: u16) -> Self {
        let content = format!(
            r#"{{"address":{{"hostname":"localhost","ip":"127.0.0.1","port":{port}}},"hostname":"localhost",
            "id":"8d7b","ip":16777343,"pid":"master@127.0.0.1:{port}","port":{port},"version":"1.12.0"}}"#
        );
        Self::write(ensemble, path, label, content.as_bytes()).await
    }

    async fn write(ensemble: &Ensemble, path: &str, label: &str, content: &[u8]) -> Self {
        let connector = Client::connector().with_session_timeout(Duration::from_secs(20));
        let client = connector.connect(&ensemble.quorum()).await.expect("a session");
        let open = Acls::anyone_all();
        client.mkdir(path, &CreateMode::Persistent.with_acls(open)).await.expect("a directory");
        let mode = CreateMode::EphemeralSequential.with_acls(open);
        client.create(&format!("{path}/{label}_"), content, &mode).await.expect("a node");
        Self(client)
    }

    /// Its session ends.
    fn fall(self) {
        drop(self.0);
    }
}

async fn until(leader: &mut watch::Receiver<Option<Master>>, port: u16) {
    let expected = format!("127.0.0.1:{port}");
    let is = |leader: &Option<Master>| leader.as_ref().is_some_and(|leader| leader.to_string() == expected);
    let found = tokio::time::timeout(PATIENCE, leader.wait_for(is)).await.is_ok();
    assert!(found, "{expected} expected: {:?}", leader.borrow());
}

#[tokio::test]
async fn the_leading_master_is_followed_and_kept_while_zookeeper_is_down() {
    let mut ensemble = Ensemble::start().await;
    let MasterAddress::ZooKeeper(address) =
        format!("zk://{}/mesos/test", ensemble.quorum()).parse().expect("an address")
    else {
        panic!("an address in ZooKeeper")
    };
    // Before the first master ever came.
    let mut leader = detector::start(&address, Scheme::Http);
    let first = Candidate::stand(&ensemble, "/mesos/test", "json.info", 5051).await;
    until(&mut leader, 5051).await;
    let second = Candidate::stand(&ensemble, "/mesos/test", "json.info", 5052).await;
    // Masters keep their registry beside their own nodes.
    let registry = CreateMode::Persistent.with_acls(Acls::anyone_all());
    second.0.create("/mesos/test/log_replicas", b"", &registry).await.expect("a node");
    let third = Candidate::stand(&ensemble, "/mesos/test", "json.info", 5053).await;
    first.fall();
    until(&mut leader, 5052).await;

    (0..ensemble.len()).for_each(|index| ensemble.kill_server(index));
    let changed = tokio::time::timeout(Duration::from_secs(3), leader.changed()).await;
    assert!(changed.is_err(), "it is kept");
    (0..ensemble.len()).for_each(|index| ensemble.start_server(index));
    ensemble.until_serving().await;
    second.fall();
    until(&mut leader, 5053).await;
    third.fall();
    let unreadable = Candidate::write(&ensemble, "/mesos/test", "json.info", b"[]").await;
    let fourth = Candidate::stand(&ensemble, "/mesos/test", "json.info", 5054).await;
    let changed = tokio::time::timeout(Duration::from_secs(3), leader.changed()).await;
    assert!(changed.is_err(), "who wrote something else leads");
    unreadable.fall();
    until(&mut leader, 5054).await;
    fourth.fall();
}
