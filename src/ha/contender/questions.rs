//! What a contender asks the ensemble; each question runs beside its loop.

use std::sync::Arc;

use zookeeper_client::{Client, CreateMode, Error};

use crate::election;
use crate::paths::Paths;
use zookeeper::{Ensemble, NodeError, transaction};

/// Who leads.
pub struct First {
    pub name: String,
    pub is_own: bool,
    /// What it says about itself.
    pub about: Vec<u8>,
}

/// What the questions need.
#[derive(Clone)]
pub struct Tools {
    /// What the name of our node begins with.
    pub me: String,
    pub ensemble: Arc<Ensemble>,
    pub paths: Arc<Paths>,
    /// The content of our node.
    pub about: Vec<u8>,
}

impl Tools {
    pub async fn line(&self, client: &Client) -> Result<Vec<String>, NodeError> {
        let found = client.list_children(&self.paths.line).await;
        found.map_err(|error| self.ensemble.failed(&self.paths.line, error))
    }

    /// Waits until the first in line is another one than `known`. None if nobody can tell who it is.
    pub async fn leader(&self, client: &Client, known: Option<&str>) -> Option<First> {
        loop {
            let names = client.list_children(&self.paths.line).await.ok()?;
            let first = names.into_iter().min_by_key(|name| election::place(name).unwrap_or(i64::MAX))?;
            let (about, _, watcher) = match client.get_and_watch_data(&self.paths.in_line(&first)).await {
                Ok(found) => found,
                // It has left meanwhile.
                Err(Error::NoNode) => continue,
                Err(_) => return None,
            };
            if Some(&*first) != known {
                return Some(First { is_own: first.starts_with(&self.me), name: first, about });
            }
            watcher.changed().await;
        }
    }

    /// Waits until the node is gone or something happened to it.
    pub async fn is_changed(&self, client: &Client, name: &str) -> Result<(), Error> {
        let (stat, watcher) = client.check_and_watch_stat(&self.paths.in_line(name)).await?;
        if stat.is_some() {
            watcher.changed().await;
        }
        Ok(())
    }

    /// For those that are in line, so it fails when we are not. An order that is older than our place was meant for others,
    /// and is given anew.
    pub async fn order_end(&self, client: &Client) -> Result<(), NodeError> {
        let path = &self.paths.ended;
        let failed = |error| self.ensemble.failed(path, error);
        let not_in_line = || self.ensemble.failed(&self.paths.line, Error::NoNode);
        let place = self.joined(client).await.map_err(failed)?.ok_or_else(not_in_line)?;
        loop {
            match client.create(path, b"", &self.ensemble.create(CreateMode::Persistent)).await {
                Ok(_) => return Ok(()),
                Err(Error::NodeExists) => {}
                Err(error) => return Err(failed(error)),
            }
            match client.check_stat(path).await.map_err(failed)? {
                Some(order) if place < order.czxid => return Ok(()),
                Some(order) => match client.delete(path, Some(order.version)).await {
                    Ok(()) | Err(Error::NoNode) => {}
                    Err(error) => return Err(failed(error)),
                },
                None => {}
            }
        }
    }

    /// A node whose creation was never answered may be there.
    pub async fn join(&self, client: &Client) -> Result<(), NodeError> {
        let line = &self.paths.line;
        let failed = |error| self.ensemble.failed(line, error);
        let options = self.ensemble.create(CreateMode::Persistent);
        let not_made = |error| self.ensemble.failed_to_create(line, error);
        client.mkdir(line, &options).await.map_err(not_made)?;
        let names = client.list_children(line).await.map_err(failed)?;
        if !names.iter().any(|name| name.starts_with(&self.me)) {
            let options = self.ensemble.create(CreateMode::EphemeralSequential);
            let prefix = self.paths.in_line(&format!("{}-", self.me));
            client.create(&prefix, &self.about, &options).await.map_err(failed)?;
        }
        Ok(())
    }

    pub async fn is_there(&self, client: &Client, name: &str) -> Result<bool, NodeError> {
        let path = self.paths.in_line(name);
        transaction::is_there(client, &path).await.map_err(|error| self.ensemble.failed(path, error))
    }

    /// Waits until it is not as `known`. An order from before we joined was meant for an earlier cluster.
    pub async fn is_ending(&self, client: &Client, known: Option<bool>) -> Result<bool, Error> {
        loop {
            let (stat, watcher) = client.check_and_watch_stat(&self.paths.ended).await?;
            let is_ending = match stat {
                None => false,
                Some(order) => self.joined(client).await?.is_some_and(|joined| joined < order.czxid),
            };
            if Some(is_ending) != known {
                return Ok(is_ending);
            }
            watcher.changed().await;
        }
    }

    /// When our node was made, as the number of that transaction.
    async fn joined(&self, client: &Client) -> Result<Option<i64>, Error> {
        let names = client.list_children(&self.paths.line).await?;
        let Some(name) = names.iter().find(|name| name.starts_with(&self.me)) else { return Ok(None) };
        Ok(client.check_stat(&self.paths.in_line(name)).await?.map(|stat| stat.czxid))
    }
}
