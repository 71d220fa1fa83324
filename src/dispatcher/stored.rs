//! Records: how they are named and written. Each is JSON with the format in which it was written.
//!
//! ```text
//! clusters/<name>/status                 what is wanted, where it stands, the last attempts
//! clusters/<name>/revisions/0000000001   a specification, and who applied it
//! clusters/<name>/events                 the last ones
//! audit/000000000001                     one change
//! ```

use std::collections::VecDeque;

use domain::group::GroupName;
use records::Key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cluster::{Cluster, Revision, Status};
use super::journal::{AuditEntry, Event};

/// Raised with every change that an older program would misread.
const FORMAT: u32 = 1;

const CLUSTERS: &str = "clusters";
const AUDIT: &str = "audit";

/// What a record shall hold; none: it shall go.
#[derive(Clone, Debug)]
pub struct Write {
    pub key: Key,
    pub value: Option<Vec<u8>>,
}

/// What a record of ours is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Subject {
    Status,
    Revision(u64),
    Events,
    /// Nothing that this program writes.
    Unknown,
}

#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("it was written by a newer program: format {found}, this one reads up to {FORMAT}")]
    Newer { found: u32 },
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// A name that is part of a record's and of a task's.
pub fn is_name(name: &str) -> bool {
    let is_segment = !name.contains('/') && Key::parse(name).is_ok();
    // The scheduler's own name for what is no AppMaster.
    is_segment && GroupName::parse(name).is_ok_and(|group| !group.is_taskmanagers())
}

/// The cluster that a record is about.
pub fn cluster_of(key: &Key) -> Option<(&str, Subject)> {
    let mut segments = key.as_str().split('/');
    let name = segments.next().filter(|first| *first == CLUSTERS).and(segments.next())?;
    let rest: Vec<_> = segments.collect();
    let subject = match rest[..] {
        ["status"] => Subject::Status,
        ["events"] => Subject::Events,
        ["revisions", number] => number.parse().map_or(Subject::Unknown, Subject::Revision),
        _ => Subject::Unknown,
    };
    Some((name, subject))
}

/// The number of an entry of the audit.
pub fn audit_number(key: &Key) -> Option<u64> {
    key.as_str().strip_prefix(AUDIT)?.strip_prefix('/')?.parse().ok()
}

fn key(text: &str) -> Key {
    Key::parse(text).expect("clusters whose names cannot be part of it are refused")
}

fn status_key(cluster: &str) -> Key {
    key(&format!("{CLUSTERS}/{cluster}/status"))
}

fn events_key(cluster: &str) -> Key {
    key(&format!("{CLUSTERS}/{cluster}/events"))
}

fn revision_key(cluster: &str, number: u64) -> Key {
    key(&format!("{CLUSTERS}/{cluster}/revisions/{number:010}"))
}

fn audit_key(number: u64) -> Key {
    key(&format!("{AUDIT}/{number:012}"))
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
}

#[derive(Serialize)]
struct ToWrite<'a, T> {
    format: u32,
    content: &'a T,
}

#[derive(Deserialize)]
struct Written<T> {
    content: T,
}

fn encode<T: Serialize>(content: &T) -> Vec<u8> {
    serde_json::to_vec(&ToWrite { format: FORMAT, content }).expect("all keys are texts")
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let Head { format } = serde_json::from_slice(bytes)?;
    if format > FORMAT {
        return Err(DecodeError::Newer { found: format });
    }
    let Written { content } = serde_json::from_slice(bytes)?;
    Ok(content)
}

impl Write {
    fn put<T: Serialize>(key: Key, content: &T) -> Self {
        Self { key, value: Some(encode(content)) }
    }

    fn delete(key: Key) -> Self {
        Self { key, value: None }
    }

    pub fn status(cluster: &str, status: &Status) -> Self {
        Self::put(status_key(cluster), status)
    }

    pub fn events(cluster: &str, events: &VecDeque<Event>) -> Self {
        Self::put(events_key(cluster), events)
    }

    pub fn revision(cluster: &str, revision: &Revision) -> Self {
        Self::put(revision_key(cluster, revision.number), revision)
    }

    pub fn forget_revision(cluster: &str, number: u64) -> Self {
        Self::delete(revision_key(cluster, number))
    }

    pub fn audit(number: u64, entry: &AuditEntry) -> Self {
        Self::put(audit_key(number), entry)
    }

    pub fn forget_audit(number: u64) -> Self {
        Self::delete(audit_key(number))
    }

    /// All records of a cluster go.
    pub fn forget(cluster: &Cluster) -> Vec<Self> {
        let name = &cluster.name;
        let revisions = cluster.revisions.keys().map(|number| Self::forget_revision(name, *number));
        let others = [status_key(name), events_key(name)].map(Self::delete);
        revisions.chain(others).collect()
    }

    pub fn bytes(&self) -> usize {
        self.key.as_str().len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_their_names() {
        let subject = |text: &str| cluster_of(&key(text)).map(|(name, subject)| (name.to_owned(), subject));
        assert_eq!(cluster_of(&status_key("a")), Some(("a", Subject::Status)));
        assert_eq!(cluster_of(&events_key("a")), Some(("a", Subject::Events)));
        assert_eq!(cluster_of(&revision_key("a", 12)), Some(("a", Subject::Revision(12))));
        assert_eq!(subject("clusters/a/later"), Some(("a".to_owned(), Subject::Unknown)));
        assert_eq!(subject("clusters/a/revisions/x"), Some(("a".to_owned(), Subject::Unknown)));
        assert_eq!(subject("clusters"), None);
        assert_eq!(subject("scheduler/state"), None);
        assert_eq!(audit_number(&audit_key(7)), Some(7));
        assert_eq!(audit_number(&status_key("a")), None);
    }

    #[test]
    fn a_newer_record_is_told_from_a_damaged_one() {
        assert!(decode::<Head>(br#"{"format":1,"content":{"format":7}}"#).is_ok());
        let newer = decode::<Head>(br#"{"format":2,"all":"new"}"#).map(|_| ()).expect_err("newer");
        assert!(matches!(newer, DecodeError::Newer { found: 2 }), "{newer}");
        for damaged in ["", "{}", r#"{"format":1}"#, r#"{"format":1,"content":{}}"#] {
            let error = decode::<Head>(damaged.as_bytes()).map(|_| ()).expect_err("damaged");
            assert!(matches!(error, DecodeError::Damaged(_)), "{error}");
        }
    }
}
