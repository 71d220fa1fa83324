//! Clusters whose ids are below each other: at its end Flink deletes its node with all that is below it, another cluster's
//! election and jobs too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use zookeeper_client::{Client, Error};

use base::events::Journal;
use zookeeper::parent;

use super::LATCH;

/// The other one may come later.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What Flink itself puts below a cluster's node.
const FLINKS_OWN: [&str; 6] =
    ["leader", "jobs", "jobgraphs", "checkpoints", "checkpoint-counter", "running_job_registry"];

/// More levels and nodes than ids have.
const MAX_DEPTH: usize = 4;
const MAX_NODES: usize = 256;

/// Tells of each once, as long as there are clients. `root` and `cluster_id` begin with a slash and do not end with one.
pub fn watch_neighbours(
    mut clients: watch::Receiver<Option<Client>>,
    root: &str,
    cluster_id: &str,
    journal: Arc<Journal>,
) {
    let (root, cluster_id) = (root.to_owned(), cluster_id.to_owned());
    tokio::spawn(async move {
        let mut told = BTreeSet::new();
        while let Ok(client) = clients.wait_for(Option::is_some).await.map(|client| client.clone()) {
            // What cannot be read now is looked at again.
            let found = match client {
                Some(client) => look(&client, &root, &cluster_id).await.unwrap_or_default(),
                None => Vec::new(),
            };
            for neighbour in found {
                if told.insert(neighbour.clone()) {
                    journal.warn("cluster_id_nested", neighbour.to_string());
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
enum Neighbour {
    #[error(
        "the cluster {id} runs, and this cluster's id is a path below it: when that cluster ends, Flink deletes this cluster's nodes in ZooKeeper too; give one of them another `high-availability.cluster-id`"
    )]
    Above { id: String },
    #[error(
        "the cluster {id} runs, and its id is a path below this cluster's: when this cluster ends, Flink deletes the other's nodes in ZooKeeper too; give one of them another `high-availability.cluster-id`"
    )]
    Below { id: String },
}

async fn look(client: &Client, root: &str, cluster_id: &str) -> Result<Vec<Neighbour>, Error> {
    let mut found = Vec::new();
    let mut above = parent(cluster_id);
    while let Some(id) = above {
        if is_led(client, &format!("{root}{id}")).await? {
            found.push(Neighbour::Above { id: id.to_owned() });
        }
        above = parent(id);
    }
    let (mut ids, mut seen) = (vec![(cluster_id.to_owned(), 0)], 0);
    while let Some((id, level)) = ids.pop() {
        seen += 1;
        if level > 0 && is_led(client, &format!("{root}{id}")).await? {
            found.push(Neighbour::Below { id: id.clone() });
        }
        if level == MAX_DEPTH || seen >= MAX_NODES {
            continue;
        }
        for name in children(client, &format!("{root}{id}")).await? {
            if !FLINKS_OWN.contains(&&*name) {
                ids.push((format!("{id}/{name}"), level + 1));
            }
        }
    }
    Ok(found)
}

/// Whether somebody stands in its election.
async fn is_led(client: &Client, node: &str) -> Result<bool, Error> {
    Ok(!children(client, &format!("{node}/{LATCH}")).await?.is_empty())
}

async fn children(client: &Client, node: &str) -> Result<Vec<String>, Error> {
    match client.list_children(node).await {
        Ok(names) => Ok(names),
        Err(Error::NoNode) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
