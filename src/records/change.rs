//! What a commit changes, and what it must find.

use std::collections::BTreeSet;
use std::fmt;

use crate::envelope;
use crate::error::{CommitError, Conflict};
use crate::key::Key;

/// Of one record.
pub const MAX_VALUE_BYTES: usize = 256 << 10;

/// Of one commit. In ZooKeeper each may need the nodes above it too.
pub const MAX_CHANGES: usize = 64;

/// Of one commit, keys and values. ZooKeeper takes requests of 1 MiB, with some bytes more for each node.
pub const MAX_COMMIT_BYTES: usize = 768 << 10;

/// The number of a commit; the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl Revision {
    /// Of the next commit.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There must be no such record.
    Create { key: Key, value: Vec<u8> },
    /// With [`Expected::Any`] it makes the record where there is none.
    Put { key: Key, value: Vec<u8>, expected: Expected },
    /// With [`Expected::Any`] there may be none.
    Delete { key: Key, expected: Expected },
}

/// As which a change must find its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Any,
    /// As that commit wrote it.
    At(Revision),
}

impl Change {
    pub fn key(&self) -> &Key {
        match self {
            Self::Create { key, .. } | Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// What the record shall hold; none: it shall go.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Create { value, .. } | Self::Put { value, .. } => Some(value),
            Self::Delete { .. } => None,
        }
    }

    /// `found`: the record as it is.
    pub(crate) fn check(&self, found: Option<Revision>) -> Result<(), CommitError> {
        let why = match (self, found) {
            (Self::Create { .. }, Some(found)) => Conflict::Exists { found },
            (
                Self::Put { expected: Expected::At(wanted), .. }
                | Self::Delete { expected: Expected::At(wanted), .. },
                found,
            ) => match found {
                Some(found) if found == *wanted => return Ok(()),
                Some(found) => Conflict::Other { found, wanted: *wanted },
                None => Conflict::Missing { wanted: *wanted },
            },
            (Self::Create { .. }, None) | (Self::Put { .. } | Self::Delete { .. }, _) => return Ok(()),
        };
        Err(CommitError::Conflict { key: self.key().clone(), why })
    }
}

/// Whether a commit may be as large, before anything else is looked at.
pub(crate) fn check_size(changes: &[Change]) -> Result<(), CommitError> {
    if changes.len() > MAX_CHANGES {
        return Err(CommitError::TooMany { found: changes.len() });
    }
    let mut keys = BTreeSet::new();
    let mut all = 0;
    for change in changes {
        let bytes = change.value().unwrap_or_default().len();
        if bytes > MAX_VALUE_BYTES {
            return Err(CommitError::TooLarge { key: change.key().clone(), bytes });
        }
        if !keys.insert(change.key()) {
            return Err(CommitError::Twice { key: change.key().clone() });
        }
        all += change.key().as_str().len() + envelope::MAX_HEAD_BYTES + bytes;
    }
    if all > MAX_COMMIT_BYTES { Err(CommitError::TooMuch { bytes: all }) } else { Ok(()) }
}
