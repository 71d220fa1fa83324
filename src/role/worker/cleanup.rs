//! What Flink keeps of a cluster, once that has ended.

use std::time::Duration;

use tracing::{info, warn};
use zookeeper_client::Client;

use crate::flink::rest::RestClient;

/// A JobManager that hangs shall not keep the cluster from ending.
const ANSWER_MOST: Duration = Duration::from_secs(3);

/// For jobs to be stopped and files to be deleted. Init gives the worker little more.
const DELETION_MOST: Duration = Duration::from_secs(5);

const LOOK: Duration = Duration::from_millis(50);

/// Has Flink delete its nodes and files, as only Flink knows them all: what `DELETE /cluster` does. A JobManager that
/// has ended the cluster itself is not there any more.
pub async fn shut_flink_down(rest: &[RestClient], client: Option<Client>, node: &str) {
    if !is_told(rest).await {
        return;
    }
    let Some(client) = client else { return };
    let gone = async {
        while !matches!(client.check_stat(node).await, Ok(None)) {
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(DELETION_MOST, gone).await {
        Ok(()) => info!("Flink has deleted what it kept of the cluster"),
        Err(_) => warn!("Flink still keeps something of the cluster at {node} of ZooKeeper"),
    }
}

async fn is_told(rest: &[RestClient]) -> bool {
    for flink in rest {
        if let Ok(Ok(())) = tokio::time::timeout(ANSWER_MOST, flink.shut_down()).await {
            return true;
        }
    }
    false
}
