//! Reads nodes, many at once.

use futures_util::future::try_join_all;
use zookeeper_client::{Client, Error, Stat};

use ::zookeeper::NodeError;
use ::zookeeper::clients::Clients;

/// Questions that are under way at once. A server lets others wait while it has more than a thousand.
const IN_FLIGHT: usize = 512;

pub struct Found {
    pub path: String,
    pub version: i32,
    pub content: Vec<u8>,
}

/// The node at `start` and all below it, as many as are there. One level after the other, each in a few round trips.
pub async fn walk(clients: &mut Clients, start: &str) -> Result<Vec<Found>, NodeError> {
    let mut all = Vec::new();
    let mut level = vec![start.to_owned()];
    while !level.is_empty() {
        let mut parents = Vec::new();
        for paths in level.chunks(IN_FLIGHT) {
            let asked = clients
                .ask(start, async |client| try_join_all(paths.iter().map(|path| get(client, path))).await)
                .await?;
            for (path, found) in paths.iter().zip(asked) {
                let Some((content, stat)) = found else { continue };
                if stat.num_children > 0 {
                    parents.push(path.clone());
                }
                all.push(Found { path: path.clone(), version: stat.version, content });
            }
        }
        level.clear();
        for paths in parents.chunks(IN_FLIGHT) {
            let asked = clients
                .ask(start, async |client| {
                    try_join_all(paths.iter().map(|path| children(client, path))).await
                })
                .await?;
            for (path, names) in paths.iter().zip(asked) {
                level.extend(names.iter().map(|name| format!("{path}/{name}")));
            }
        }
    }
    Ok(all)
}

/// None if it is not there, or no longer.
pub async fn get(client: &Client, path: &str) -> Result<Option<(Vec<u8>, Stat)>, Error> {
    match client.get_data(path).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn children(client: &Client, path: &str) -> Result<Vec<String>, Error> {
    match client.list_children(path).await {
        Ok(names) => Ok(names),
        Err(Error::NoNode) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
