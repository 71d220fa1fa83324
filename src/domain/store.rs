//! Where the state is kept.

use std::future::Future;

use super::record::RecordError;
use super::state::State;

/// Where the scheduler's state is kept. One writer at a time.
pub trait Store {
    /// What was stored last, or none at the first start.
    fn load(&mut self) -> impl Future<Output = Result<Option<State>, StoreError>>;

    /// Durable when it returns: a worker that starts after it loads this state.
    fn save(&mut self, state: &State) -> impl Future<Output = Result<(), StoreError>>;

    /// The cluster has ended: nothing is to be loaded any more.
    fn clear(&mut self) -> impl Future<Output = Result<(), StoreError>>;
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("failed to read or write the state")]
    Io(#[from] std::io::Error),
    #[error("failed to read the stored state")]
    Record(#[from] RecordError),
    #[error("the state is too large: {bytes} bytes, at most {most}")]
    TooLarge { bytes: usize, most: usize },
    #[error("failed to {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Whoever had the files has gone without giving them back.
    #[error("an earlier write of the state has not finished")]
    Abandoned,
    #[error("failed to read the state at {path}")]
    Node {
        path: String,
        #[source]
        source: RecordError,
    },
    #[error("failed to read or write the state")]
    ZooKeeper(#[from] zookeeper::NodeError),
    /// This AppMaster no longer leads; nothing was written.
    #[error("another AppMaster leads")]
    Fenced,
    /// Nothing was written.
    #[error("a process other than the leading AppMaster has changed {path}")]
    Changed { path: String },
}
