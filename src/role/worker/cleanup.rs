//! What a cluster that is ended by a command, or a JobManager that is dead, would leave behind at Flink.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use zookeeper_client::Client;

use ::flink::rest::{RestClient, first_answer};
use base::events::Journal;
use ha::flink;

/// A JobManager that hangs shall not keep the cluster from ending.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// For it to close its REST endpoint, which comes first.
const SHUT_DOWN_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Has Flink end the cluster too: only it knows all its nodes and files. Its JobManager ends then, and from there on all
/// is as after `DELETE /cluster`.
pub async fn shut_flink_down(clients: Vec<RestClient>) {
    let shut_down = async |client: RestClient| {
        timeout(ANSWER_TIMEOUT, client.shut_down()).await.map_err(drop)?.map_err(drop)
    };
    match first_answer(&clients, shut_down).await {
        Some(Ok(())) => info!(
            "told the JobManager to shut down: Flink deletes the cluster's data in ZooKeeper and in the storage directory"
        ),
        Some(Err(())) | None => warn!(
            "no JobManager answers: Flink's data of the cluster in ZooKeeper and in the storage directory is not deleted"
        ),
    }
}

/// As [`shut_flink_down`], and waits until the JobManager has begun with it: init ends it when this worker has ended, and
/// then nothing is deleted any more.
pub async fn shut_flink_down_first(clients: Vec<RestClient>) {
    shut_flink_down(clients.clone()).await;
    let is_up = async |client: RestClient| client.overview().await.map(drop);
    let goes_down = async {
        while let Some(Ok(())) = first_answer(&clients, is_up).await {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(SHUT_DOWN_TIMEOUT, goes_down).await.is_err() {
        warn!("the JobManager does not shut down");
    }
}

/// Nobody needs to wait for the session of a JobManager that is known to be dead.
pub async fn release_jobmanager(client: &Client, flink_node: &str, rest_url: &str, journal: &Journal) {
    match flink::release(client, flink_node, rest_url).await {
        Ok(0) => {}
        Ok(released) => {
            let text = format!("took the dead JobManager out of Flink's election released={released}");
            journal.tell("jobmanager_released", text);
        }
        Err(error) => {
            let text = format!("cannot take the dead JobManager out of Flink's election: {error}");
            journal.warn("jobmanager_not_released", text);
        }
    }
}
