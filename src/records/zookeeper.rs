//! Records in ZooKeeper, for writers that take over from each other.
//!
//! ```text
//! <root>                            whose records these are, and the revision of the last commit
//!     /clusters/orders/spec         a record: one node for each
//!     /clusters/orders              no record, and so empty
//! ```
//!
//! Each commit is one transaction. It holds only if the leader's node in the election is there, which goes with the leader's
//! session, and if the root and each node that it changes are as this writer has left them.

mod tree;
mod walk;

use tokio::sync::watch;
use zookeeper_client::{Client, CreateMode, Stat};

use ::zookeeper::clients::{Clients, RETRY};
use ::zookeeper::transaction::{self, Outcome};
use ::zookeeper::{Ensemble, NodeError, Outlook, outlook, parent};

use crate::change::{Change, Revision, check_size};
use crate::envelope::{self, EnvelopeError, Root};
use crate::error::{CommitError, LoadError, OpenError, PlaceError, PurgeError};
use crate::key::Key;
use crate::{Loaded, Record, Records};
use tree::{Node, Tree};
use walk::Found;

/// Of a purge; it may take several.
const TRANSACTION_BYTES: usize = 64 << 10;

/// What one leader reads and writes, as long as it leads.
pub struct ZooKeeperRecords {
    place: Location,
    /// The leader's node, whose end ends its right to write.
    fence: String,
    /// None before the records have been loaded, and when they may be others.
    known: Option<Known>,
}

/// What lies in ZooKeeper.
struct Known {
    root: Root,
    root_version: i32,
    tree: Tree,
}

/// What somebody reads who does not lead.
pub struct Reader {
    place: Location,
}

/// Where the records of an instance lie.
struct Location {
    clients: Clients,
    root: String,
    instance: String,
}

impl Reader {
    pub fn new(
        ensemble: Ensemble,
        clients: watch::Receiver<Option<Client>>,
        root: &str,
        instance: &str,
    ) -> Self {
        Self { place: Location::new(ensemble, clients, root, instance) }
    }

    /// The record of this name and all below it, or all there are. While somebody writes, a record may be of a later commit
    /// than another; each is whole. Where nobody has written yet there is nothing.
    pub async fn load(&mut self, below: Option<&Key>) -> Result<Loaded, LoadError> {
        match self.root().await? {
            Some(root) => {
                let found = self.place.find(below).await?;
                self.place.loaded(&root, &found)
            }
            None => Ok(Loaded { revision: Revision::default(), records: Vec::new() }),
        }
    }

    /// Of the last commit.
    pub async fn revision(&mut self) -> Result<Revision, LoadError> {
        Ok(self.root().await?.map(|root| root.revision()).unwrap_or_default())
    }

    async fn root(&mut self) -> Result<Option<Root>, LoadError> {
        let root = self.place.root.clone();
        // What the leader had written before this was asked is there.
        self.place.clients.ask(&root, async |client| client.sync(&root).await).await?;
        let found = self.place.root().await?;
        Ok(found.map(|(root, _)| root).filter(|root| !root.purged))
    }
}

impl Location {
    fn new(ensemble: Ensemble, clients: watch::Receiver<Option<Client>>, root: &str, instance: &str) -> Self {
        let clients = Clients::new(ensemble, clients);
        Self { clients, root: root.to_owned(), instance: instance.to_owned() }
    }

    async fn root(&mut self) -> Result<Option<(Root, Stat)>, Unreadable> {
        let Self { clients, root, .. } = self;
        let found = clients.ask(root, async |client| walk::get(client, root).await).await;
        let Some((content, stat)) = found.map_err(Unreadable::ZooKeeper)? else { return Ok(None) };
        let root = Root::decode(&content, &self.instance)
            .map_err(|source| Unreadable::Place(PlaceError { place: self.root.clone(), source }))?;
        Ok(Some((root, stat)))
    }

    /// Without the root.
    async fn find(&mut self, below: Option<&Key>) -> Result<Vec<Found>, NodeError> {
        let start = below.map_or_else(|| self.root.clone(), |key| format!("{}/{key}", self.root));
        let mut found = walk::walk(&mut self.clients, &start).await?;
        found.retain(|node| node.path != self.root);
        for node in &mut found {
            // Behind the slash.
            node.path.drain(..=self.root.len());
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    fn loaded(&self, root: &Root, found: &[Found]) -> Result<Loaded, LoadError> {
        let records = found.iter().filter(|node| !node.content.is_empty()).map(|node| {
            let at = |source| LoadError::Record { key: node.path.clone(), place: self.root.clone(), source };
            let key = Key::parse(&node.path).map_err(|_| at(EnvelopeError::Damaged))?;
            let (revision, value) = envelope::unwrap(&node.content).map_err(at)?;
            Ok(Record { key, revision, value: value.to_owned() })
        });
        Ok(Loaded { revision: root.revision(), records: records.collect::<Result<_, LoadError>>()? })
    }
}

impl ZooKeeperRecords {
    /// Of the leader whose node in line is at `fence`. `root`, which begins with a slash and does not end with one, and what is
    /// missing above it are created.
    pub async fn open(
        ensemble: Ensemble,
        clients: watch::Receiver<Option<Client>>,
        root: &str,
        fence: &str,
        instance: &str,
    ) -> Result<Self, OpenError> {
        let place = Location::new(ensemble, clients, root, instance);
        let mut records = Self { place, fence: fence.to_owned(), known: None };
        loop {
            if !records.leads().await? {
                return Err(OpenError::Fenced);
            }
            match records.place.root().await? {
                Some((root, _)) if root.purged => records.remove_all().await.map_err(OpenError::Purge)?,
                Some(_) => return Ok(records),
                None => records.begin().await?,
            }
        }
    }

    /// Whatever was sent before this was asked has been done or refused by now, as this takes the same way: so what is read
    /// next is what there is.
    async fn leads(&mut self) -> Result<bool, NodeError> {
        let fence = &self.fence;
        self.place.clients.ask(fence, async |client| transaction::is_there(client, fence).await).await
    }

    async fn begin(&mut self) -> Result<(), OpenError> {
        let Location { clients, root, instance } = &mut self.place;
        let options = clients.ensemble.create(CreateMode::Persistent);
        if let Some(parent) = parent(root) {
            let made = clients.ask(parent, async |client| client.mkdir(parent, &options).await).await;
            made.map_err(|error| clients.ensemble.failed_to_create(parent, error.source))?;
        }
        let content = Some(Root::new(instance).encode());
        let create = transaction::Change { path: root.clone(), content, version: None };
        match self.write(&[create]).await? {
            // Somebody else has, or one of our attempts: it is read again.
            Written::Done(_) | Written::Changed { .. } | Written::Unknown(_) => Ok(()),
            Written::Fenced => Err(OpenError::Fenced),
        }
    }

    /// One attempt.
    async fn write(&mut self, changes: &[transaction::Change]) -> Result<Written, NodeError> {
        let Location { clients, root, .. } = &mut self.place;
        let client = clients.current(root).await?;
        let options = clients.ensemble.create(CreateMode::Persistent);
        match transaction::commit(&client, &self.fence, changes, &options).await {
            Outcome::Done(versions) => Ok(Written::Done(versions)),
            Outcome::Fenced => Ok(Written::Fenced),
            Outcome::Changed { path } => Ok(Written::Changed { path }),
            Outcome::Failed { path, source } => {
                let outlook = outlook(&source);
                let error = clients.ensemble.failed(&*path, source);
                match outlook {
                    Outlook::Retry | Outlook::ClientEnded => Ok(Written::Unknown(error)),
                    Outlook::Hopeless => Err(error),
                }
            }
        }
    }

    /// Children first, and the root last. That it has begun is written first, so that nobody goes on with what is left.
    async fn remove_all(&mut self) -> Result<(), PurgeError> {
        loop {
            if !self.leads().await? {
                return Err(PurgeError::Fenced);
            }
            let root = self.place.root.clone();
            let mut nodes = walk::walk(&mut self.place.clients, &root).await?;
            nodes.sort_by(|one, other| other.path.cmp(&one.path));
            let Some(last) = nodes.last() else { return Ok(()) };
            let purged = Root { purged: true, ..Root::new(&self.place.instance) };
            let mark = transaction::Change {
                path: root,
                content: Some(purged.encode()),
                version: Some(last.version),
            };
            let marked = last.version.wrapping_add(1);
            let removals = nodes.iter().map(|node| transaction::Change {
                path: node.path.clone(),
                content: None,
                version: Some(if node.path == self.place.root { marked } else { node.version }),
            });
            let removals: Vec<_> = removals.collect();
            let parts = std::iter::once(std::slice::from_ref(&mark))
                .chain(transaction::parts(&removals, TRANSACTION_BYTES));
            for part in parts {
                match self.write(part).await? {
                    Written::Done(_) => {}
                    Written::Fenced => return Err(PurgeError::Fenced),
                    Written::Changed { path } => return Err(PurgeError::Changed { path }),
                    Written::Unknown(_) => {
                        tokio::time::sleep(RETRY).await;
                        break;
                    }
                }
            }
        }
    }
}

enum Written {
    Done(Vec<i32>),
    Fenced,
    Changed { path: String },
    Unknown(NodeError),
}

impl Records for ZooKeeperRecords {
    async fn load(&mut self, below: Option<&Key>) -> Result<Loaded, LoadError> {
        if !self.leads().await? {
            self.known = None;
            return Err(LoadError::Fenced);
        }
        let (root, stat) = match self.place.root().await? {
            Some((root, stat)) if !root.purged => (root, stat),
            Some(_) | None => return Err(LoadError::Gone { place: self.place.root.clone() }),
        };
        let found = self.place.find(below).await?;
        let loaded = self.place.loaded(&root, &found)?;
        if below.is_none() {
            let mut tree = Tree::default();
            let mut records = loaded.records.iter().peekable();
            for node in &found {
                let record = records.next_if(|record| record.key.as_str() == node.path);
                let revision = record.map(|record| record.revision);
                tree.insert(node.path.clone(), Node { version: node.version, revision });
            }
            self.known = Some(Known { root, root_version: stat.version, tree });
        }
        Ok(loaded)
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<Revision, CommitError> {
        check_size(changes)?;
        let mut known = self.known.take().ok_or(CommitError::NotLoaded)?;
        let revision = known.root.revision().next();
        let steps = match known.tree.plan(changes, revision) {
            Ok(steps) => steps,
            Err(refused) => {
                self.known = Some(known);
                return Err(refused);
            }
        };
        let root = known.root.at(revision);
        let mut nodes = vec![transaction::Change {
            path: self.place.root.clone(),
            content: Some(root.encode()),
            version: Some(known.root_version),
        }];
        nodes.extend(steps.iter().map(|step| transaction::Change {
            path: format!("{}/{}", self.place.root, step.path),
            content: step.content.clone(),
            version: step.version,
        }));
        match self.write(&nodes).await? {
            Written::Done(versions) => {
                let mut versions = versions.into_iter();
                known.root_version = versions.next().unwrap_or_default();
                known.root = root;
                known.tree.follow(steps, versions);
                self.known = Some(known);
                Ok(revision)
            }
            Written::Fenced => Err(CommitError::Fenced),
            Written::Changed { path } => Err(CommitError::Changed { path }),
            Written::Unknown(error) => Err(CommitError::Unknown { revision, source: Box::new(error) }),
        }
    }

    async fn purge(mut self) -> Result<(), PurgeError> {
        self.remove_all().await
    }
}

/// Why the root cannot be read.
enum Unreadable {
    Place(PlaceError),
    ZooKeeper(NodeError),
}

impl From<Unreadable> for OpenError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Place(error) => error.into(),
            Unreadable::ZooKeeper(error) => error.into(),
        }
    }
}

impl From<Unreadable> for LoadError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Place(error) => error.into(),
            Unreadable::ZooKeeper(error) => error.into(),
        }
    }
}
