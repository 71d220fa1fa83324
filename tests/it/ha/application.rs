//! `appmaster-job` with high availability: the job's end is the cluster's, and nothing of it is left in ZooKeeper.

use std::time::Duration;

use super::ensemble::Ensemble;
use crate::cluster::application::{self, completed_frameworks, ends_with, jar};
use crate::cluster::harness::Cluster;
use crate::cluster::masters::start_mesos;
use crate::ports::{free_ports, free_range};

const SESSION: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_cluster_ends_with_its_job_and_cleans_up() {
    let jars = tempfile::tempdir().expect("a directory");
    let storage = tempfile::tempdir().expect("a directory");
    let [count, fail] = ["CountJob", "FailJob"].map(|class| jar(class, jars.path()));
    let [port] = free_ports();
    let mesos = start_mesos(port, &free_range(4)).await;
    let ensemble = Ensemble::start_with(1).await;
    let storage = format!("file://{}", storage.path().display());

    let finished = start(&ensemble, &storage, port, &["--jars", &count, "1000"]);
    ends_with(finished, 0, &mesos).await;
    assert_eq!((completed_frameworks(port).await, left(&ensemble).await), (1, Vec::new()));

    let failed = start(&ensemble, &storage, port, &["--jars", &fail]);
    ends_with(failed, 163, &mesos).await;
    assert_eq!((completed_frameworks(port).await, left(&ensemble).await), (2, Vec::new()));
}

fn start(ensemble: &Ensemble, storage: &str, port: u16, job: &[&str]) -> Cluster {
    let more = [
        ("high-availability", "zookeeper"),
        ("high-availability.zookeeper.quorum", &ensemble.quorum()),
        ("high-availability.zookeeper.client.session-timeout", &SESSION.as_millis().to_string()),
        ("high-availability.storageDir", storage),
        ("high-availability.cluster-id", "/job"),
    ];
    application::start(port, &more, job)
}

/// Below the path of all frameworks' states.
async fn left(ensemble: &Ensemble) -> Vec<String> {
    let client = zookeeper_client::Client::connect(&ensemble.quorum()).await.expect("a session");
    client.list_children("/flink/mesos-workers").await.expect("a list")
}
