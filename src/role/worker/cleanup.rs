//! What Flink keeps of a cluster that is ended by a command.

use std::time::Duration;

use tracing::{info, warn};

use crate::flink::rest::{RestClient, first_answer};

/// A JobManager that hangs shall not keep the cluster from ending.
const ANSWER_MOST: Duration = Duration::from_secs(3);

/// Has Flink end the cluster too: only it knows all its nodes and files. Its JobManager ends then, and from there on all
/// is as after `DELETE /cluster`.
pub async fn shut_flink_down(clients: Vec<RestClient>) {
    let shut_down = async |client: RestClient| {
        tokio::time::timeout(ANSWER_MOST, client.shut_down()).await.map_err(drop)?.map_err(drop)
    };
    match first_answer(&clients, shut_down).await {
        Some(Ok(())) => info!("Flink deletes what it keeps of the cluster"),
        Some(Err(())) | None => warn!("no JobManager answers: what Flink keeps of the cluster stays"),
    }
}
