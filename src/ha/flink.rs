//! Flink's own election, as far as a JobManager that is known to be dead still stands in it.
//!
//! Its leader is the owner of the first node below `leader/latch`. All ephemeral nodes of a JobManager live as long as
//! its session: another one would lead only when that has expired.

use zookeeper_client::{Client, Error};

/// Where the leading JobManager says where its REST endpoint is; its address is written there as text.
const ANNOUNCEMENT: &str = "leader/rest_server/connection_info";
const LATCH: &str = "leader/latch";

/// Takes the JobManager that announced `rest_url` out of the line, if it led; returns how many nodes it had there.
/// Its process must be dead.
pub async fn release(client: &Client, cluster_node: &str, rest_url: &str) -> Result<usize, Error> {
    let (announced, stat) = match client.get_data(&format!("{cluster_node}/{ANNOUNCEMENT}")).await {
        Ok(found) => found,
        Err(Error::NoNode) => return Ok(0),
        Err(error) => return Err(error),
    };
    if !announced.windows(rest_url.len()).any(|part| part == rest_url.as_bytes()) {
        return Ok(0);
    }
    let latch = format!("{cluster_node}/{LATCH}");
    let mut released = 0;
    for name in client.list_children(&latch).await? {
        let path = format!("{latch}/{name}");
        let Some(waiting) = client.check_stat(&path).await? else { continue };
        if waiting.ephemeral_owner == stat.ephemeral_owner {
            match client.delete(&path, None).await {
                Ok(()) | Err(Error::NoNode) => released += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(released)
}
