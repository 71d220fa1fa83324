//! Named records that outlive whoever wrote them.
//!
//! A record has a name like a path ([`Key`]) and bytes that mean nothing here. Records are read all at once and changed
//! together or not at all ([`Records`]), by one writer. They lie in a directory ([`directory`]) or in ZooKeeper
//! ([`zookeeper`]), where a writer may write only as long as it leads, and where others may read.
//!
//! Each commit has a number, the [`Revision`], which each record that it wrote keeps. A place belongs to one instance, by
//! name, and says in which format it was written: whoever opens another's place, or a newer one, is refused.

#![forbid(unsafe_code)]

mod change;
pub mod directory;
mod envelope;
mod error;
mod key;
pub mod zookeeper;

#[cfg(any(test, feature = "suite"))]
#[doc(hidden)]
pub mod memory;
#[cfg(any(test, feature = "suite"))]
#[doc(hidden)]
pub mod suite;

use std::future::Future;

pub use change::{Change, Expected, MAX_CHANGES, MAX_COMMIT_BYTES, MAX_VALUE_BYTES, Revision};
pub use envelope::{EnvelopeError, RootError};
pub use error::{CommitError, Conflict, FileError, LoadError, OpenError, PlaceError, PurgeError};
pub use key::{Key, KeyError, MAX_KEY_BYTES, MAX_SEGMENTS};

/// What one writer reads and writes.
pub trait Records {
    /// The record of this name and all below it, or all there are. Once all have been loaded, commits are taken.
    fn load(&mut self, below: Option<&Key>) -> impl Future<Output = Result<Loaded, LoadError>>;

    /// All of `changes` or none of them; durable when it returns. After [`CommitError::Unknown`], or when it was not waited
    /// for, another [`Self::load`] tells whether they were made: if they were, [`Loaded::revision`] is one more.
    fn commit(&mut self, changes: &[Change]) -> impl Future<Output = Result<Revision, CommitError>>;

    /// Removes everything of this instance, and nothing else. One that is interrupted is finished by whoever opens the place
    /// next.
    fn purge(self) -> impl Future<Output = Result<(), PurgeError>>;
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Of the last commit.
    pub revision: Revision,
    /// By key.
    pub records: Vec<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Key,
    /// Of the commit that wrote it.
    pub revision: Revision,
    pub value: Vec<u8>,
}
