//! What can go wrong, by operation.

use std::path::PathBuf;

use base::directory::DirectoryError;
use zookeeper::NodeError;

use crate::change::{MAX_CHANGES, MAX_COMMIT_BYTES, MAX_VALUE_BYTES, Revision};
use crate::envelope::{EnvelopeError, RootError};
use crate::key::Key;

/// A place that cannot be used: another instance's, a newer program's, or none of records at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {place}")]
pub struct PlaceError {
    pub place: String,
    #[source]
    pub source: RootError,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("failed to finish a purge that was interrupted")]
    Purge(#[source] PurgeError),
    #[error("another process uses {}", directory.display())]
    InUse { directory: PathBuf },
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    File(#[from] FileError),
    /// This process no longer leads.
    #[error("another process leads")]
    Fenced,
    #[error("failed to read or write the records")]
    ZooKeeper(#[from] NodeError),
}

/// A file of records that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{} is damaged", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: Box<redb::Error>,
    },
    #[error("failed to {doing} {}", path.display())]
    Failed {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: Box<redb::Error>,
    },
    /// It ended in the middle of its work.
    #[error("an earlier operation on {} has not finished", path.display())]
    Abandoned { path: PathBuf },
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Newer, or none of ours.
    #[error("failed to read record {key} in {place}")]
    Record {
        key: String,
        place: String,
        #[source]
        source: EnvelopeError,
    },
    #[error(transparent)]
    File(#[from] FileError),
    /// This process no longer leads.
    #[error("another process leads")]
    Fenced,
    /// Somebody has removed it.
    #[error("{place} is no longer there")]
    Gone { place: String },
    #[error("failed to read the records")]
    ZooKeeper(#[from] NodeError),
}

/// Nothing was written, but for [`CommitError::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("{found} changes at once are more than {MAX_CHANGES}")]
    TooMany { found: usize },
    #[error("record {key} is too large: {bytes} bytes, at most {MAX_VALUE_BYTES}")]
    TooLarge { key: Key, bytes: usize },
    #[error("the changes are too large together: {bytes} bytes, at most {MAX_COMMIT_BYTES}")]
    TooMuch { bytes: usize },
    #[error("record {key} is changed twice at once")]
    Twice { key: Key },
    #[error("record {key} {why}")]
    Conflict { key: Key, why: Conflict },
    /// What was loaded may be outdated.
    #[error("the records have to be loaded first")]
    NotLoaded,
    /// This process no longer leads.
    #[error("another process leads")]
    Fenced,
    #[error("a process other than the leading one has changed {path}")]
    Changed { path: String },
    #[error("it is not known whether revision {revision} was written")]
    Unknown {
        revision: Revision,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("failed to write the records")]
    ZooKeeper(#[from] NodeError),
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("exists already, since revision {found}")]
    Exists { found: Revision },
    #[error("does not exist, and revision {wanted} of it was expected")]
    Missing { wanted: Revision },
    #[error("is at revision {found}, and {wanted} was expected")]
    Other { found: Revision, wanted: Revision },
}

#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    File(#[from] FileError),
    /// This process no longer leads; some records may be gone.
    #[error("another process leads")]
    Fenced,
    #[error("a process other than the leading one has changed {path}")]
    Changed { path: String },
    #[error("failed to remove the records")]
    ZooKeeper(#[from] NodeError),
}
