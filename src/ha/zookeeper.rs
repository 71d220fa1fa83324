//! The state in ZooKeeper, for clusters whose AppMasters take over from each other.
//!
//! A node of ZooKeeper holds 1 MiB at most, and 5,000 TaskManagers need about as much. So the tasks lie in up to
//! [`SHARDS`] nodes of their own, by their number, and only what has changed is written.
//!
//! Each write is a transaction that holds only if the leader's node in the election is still there, which goes with
//! the leader's session, and if each node it changes is as this store has left it. A state that needs more than
//! [`TRANSACTION_BYTES`] takes several transactions. Then the first raises the counter of tasks, so that no name is
//! given twice; of the tasks in the others it does not matter which ones are stored when the writer dies, as nothing
//! was sent to Mesos that depends on them.

mod shards;

use std::collections::BTreeMap;

use tokio::sync::watch;
use tracing::warn;
use zookeeper_client::{Client, CreateMode, Error};

use domain::state::State;
use zookeeper::clients::{Clients, RETRY};
use zookeeper::transaction::{self, Change, Outcome};
use zookeeper::{Ensemble, Outlook, outlook};

use super::paths::Paths;
use domain::record;
use domain::store::{Store, StoreError};

pub use shards::SHARDS;

/// Of one transaction; ZooKeeper refuses requests of more than 1 MiB.
pub const TRANSACTION_BYTES: usize = 256 << 10;

/// Of one node. 10,000 TaskManagers whose records have 1,000 bytes each stay below a quarter.
pub const MAX_NODE_BYTES: usize = 512 << 10;

/// What one leader reads and writes, as long as it leads.
pub struct ZooKeeperStore {
    clients: Clients,
    paths: Paths,
    /// The leader's node, whose end ends our right to write.
    fence: String,
    /// All nodes of the state as they are in ZooKeeper: path, version and content.
    stored: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    version: i32,
    content: Vec<u8>,
}

impl ZooKeeperStore {
    /// Of the leader whose name in line is `node`.
    pub fn new(
        ensemble: Ensemble,
        paths: Paths,
        clients: watch::Receiver<Option<Client>>,
        node: &str,
    ) -> Self {
        let fence = paths.in_line(node);
        Self { clients: Clients::new(ensemble, clients), paths, fence, stored: BTreeMap::new() }
    }

    /// All nodes of the state; none if there never was one.
    async fn read(&mut self) -> Result<BTreeMap<String, Stored>, StoreError> {
        let paths = self.paths.clone();
        let names = self
            .clients
            .ask(&paths.state, async |client| match client.list_children(&paths.state).await {
                Ok(names) => Ok(Some(names)),
                Err(Error::NoNode) => Ok(None),
                Err(error) => Err(error),
            })
            .await?;
        let Some(names) = names else { return Ok(BTreeMap::new()) };
        let nodes = std::iter::once(paths.state.clone()).chain(names.iter().map(|name| paths.shard(name)));
        let nodes: Vec<_> = nodes.collect();
        let found = self
            .clients
            .ask(&paths.state, async |client| {
                // All questions are under way at once.
                let asked = nodes.iter().map(|path| client.get_data(path));
                futures_util::future::try_join_all(asked).await
            })
            .await?;
        let stored = found.into_iter().map(|(content, stat)| Stored { version: stat.version, content });
        Ok(nodes.into_iter().zip(stored).collect())
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut is_repeated = false;
        let options = self.clients.ensemble.create(CreateMode::Persistent);
        let first = changes.first().map(|change| change.path.clone()).unwrap_or_default();
        loop {
            let client = self.clients.current(&first).await?;
            let outcome = transaction::commit(&client, &self.fence, changes, &options).await;
            match outcome {
                Outcome::Done(versions) => {
                    self.remember(changes, versions);
                    return Ok(());
                }
                Outcome::Fenced => return Err(StoreError::Fenced),
                // The attempt before may have been carried out, though nobody said so.
                Outcome::Changed { .. } if is_repeated && self.is_done(changes).await? => return Ok(()),
                Outcome::Changed { path } => return Err(StoreError::Changed { path }),
                Outcome::Failed { path, source } => match outlook(&source) {
                    Outlook::Retry => tokio::time::sleep(RETRY).await,
                    Outlook::ClientEnded => self.clients.successor(&client, &path).await?,
                    Outlook::Hopeless => return Err(self.clients.ensemble.failed(path, source).into()),
                },
            }
            is_repeated = true;
        }
    }

    fn remember(&mut self, changes: &[Change], versions: Vec<i32>) {
        for (change, version) in changes.iter().zip(versions) {
            match &change.content {
                Some(content) => {
                    self.stored.insert(change.path.clone(), Stored { version, content: content.clone() });
                }
                None => {
                    self.stored.remove(&change.path);
                }
            }
        }
    }

    /// Whether everything is as `changes` want it; then it is remembered as stored.
    async fn is_done(&mut self, changes: &[Change]) -> Result<bool, StoreError> {
        let now = self.read().await?;
        let is_done = changes.iter().all(|change| {
            now.get(&change.path).map(|stored| &stored.content) == change.content.as_ref()
                && now.get(&change.path).is_none_or(|stored| stored.version == change.next_version())
        });
        if is_done {
            let versions = changes.iter().map(Change::next_version).collect();
            self.remember(changes, versions);
        }
        Ok(is_done)
    }

    async fn write(&mut self, state: &State) -> Result<(), StoreError> {
        let root = record::encode(&State { tasks: BTreeMap::new(), ..state.clone() })?;
        let mut changes: Vec<_> = self.change(self.paths.state.clone(), Some(root)).into_iter().collect();
        let mut shards = shards::split(&state.tasks);
        for path in self.stored.keys().filter(|path| **path != self.paths.state) {
            if let Some(name) = path.rsplit('/').next() {
                shards.entry(name.to_owned()).or_default();
            }
        }
        for (name, tasks) in shards {
            let content = if tasks.is_empty() { None } else { Some(record::encode_tasks(&tasks)?) };
            changes.extend(self.change(self.paths.shard(&name), content));
        }
        let too_large = |change: &&Change| change.bytes() > MAX_NODE_BYTES;
        if let Some(change) = changes.iter().find(too_large) {
            return Err(StoreError::TooLarge { bytes: change.bytes(), most: MAX_NODE_BYTES });
        }
        for part in transaction::parts(&changes, TRANSACTION_BYTES) {
            self.commit(part).await?;
        }
        Ok(())
    }

    /// Whether nothing is left of what this store has written. Who may write is decided with the next write, as ever.
    async fn was_removed(&mut self) -> Result<bool, StoreError> {
        Ok(!self.stored.is_empty() && self.read().await?.is_empty())
    }

    fn change(&self, path: String, content: Option<Vec<u8>>) -> Option<Change> {
        let stored = self.stored.get(&path);
        if stored.map(|stored| &stored.content) == content.as_ref() {
            return None;
        }
        Some(Change { path, content, version: stored.map(|stored| stored.version) })
    }
}

impl Store for ZooKeeperStore {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        let paths = self.paths.clone();
        // What this session reads is never older than what it has seen before, and it has seen that its node is the
        // first in line: so everything that earlier leaders have written is there.
        self.stored = self.read().await?;
        let Some(root) = self.stored.get(&paths.state) else { return Ok(None) };
        let at = |path: &str| {
            let path = path.to_owned();
            move |source| StoreError::Node { path, source }
        };
        let mut state = record::decode(&root.content).map_err(at(&paths.state))?;
        for (path, stored) in self.stored.iter().filter(|(path, _)| **path != paths.state) {
            state.tasks.extend(record::decode_tasks(&stored.content).map_err(at(path))?);
        }
        Ok(Some(state))
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        match self.write(state).await {
            Err(StoreError::Changed { .. }) if self.was_removed().await? => {
                warn!(
                    "somebody has removed {} from ZooKeeper: writing it again, as this process leads",
                    self.paths.state
                );
                self.stored.clear();
                self.write(state).await
            }
            written => written,
        }
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        // Children first.
        let changes: Vec<_> =
            self.stored.keys().rev().filter_map(|path| self.change(path.clone(), None)).collect();
        for part in transaction::parts(&changes, TRANSACTION_BYTES) {
            match self.commit(part).await {
                // What shall go has gone.
                Err(StoreError::Changed { .. }) if self.was_removed().await? => return Ok(()),
                done => done?,
            }
        }
        Ok(())
    }
}
