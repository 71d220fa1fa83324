//! What is stored around a value, and at the root of a place.
//!
//! A record is a line and then the value: `flink-on-mesos-record <format> <revision>`.

use serde::{Deserialize, Serialize};

use crate::change::Revision;

const NAME: &str = "flink-on-mesos-record";

/// Of a record. Raised with every change that an older program would misread.
const RECORD_FORMAT: u32 = 1;

/// Of a place as a whole: where records lie in it, and what is around them.
pub const FORMAT: u32 = 1;

/// Of the line.
pub const MAX_HEAD_BYTES: usize = NAME.len() + 2 + 10 + 20 + 1;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("it was written by a newer program: format {found}, this one reads up to {RECORD_FORMAT}")]
    Newer { found: u32 },
    #[error("it is not a record that this program has written")]
    Damaged,
}

pub fn wrap(revision: Revision, value: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{NAME} {RECORD_FORMAT} {revision}\n").into_bytes();
    bytes.extend(value);
    bytes
}

pub fn unwrap(bytes: &[u8]) -> Result<(Revision, &[u8]), EnvelopeError> {
    let end = bytes.iter().take(MAX_HEAD_BYTES).position(|byte| *byte == b'\n');
    let end = end.ok_or(EnvelopeError::Damaged)?;
    let head = str::from_utf8(&bytes[..end]).map_err(|_| EnvelopeError::Damaged)?;
    let mut words = head.split(' ');
    let format = words.next().filter(|name| *name == NAME).and_then(|_| words.next()?.parse().ok());
    match format {
        None => return Err(EnvelopeError::Damaged),
        Some(found) if found > RECORD_FORMAT => return Err(EnvelopeError::Newer { found }),
        Some(_) => {}
    }
    let revision = words.next().and_then(|word| word.parse().ok()).filter(|_| words.next().is_none());
    let revision = revision.ok_or(EnvelopeError::Damaged)?;
    Ok((Revision(revision), &bytes[end + 1..]))
}

/// What lies at the root of a place, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub instance: String,
    /// Of the last commit.
    pub revision: u64,
    /// It was being removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub purged: bool,
}

#[derive(Serialize, Deserialize)]
struct Written<R> {
    #[serde(rename = "records-format")]
    format: u32,
    #[serde(flatten)]
    root: R,
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

#[derive(Debug, thiserror::Error)]
pub enum RootError {
    #[error("it was written by a newer program: format {found}, this one reads up to {FORMAT}")]
    Newer { found: u32 },
    #[error("it holds something other than this program's records")]
    Malformed(#[source] serde_json::Error),
    #[error("it has the records of instance {found:?}, not of {wanted:?}")]
    OtherInstance { found: String, wanted: String },
}

impl Root {
    pub fn new(instance: &str) -> Self {
        Self { instance: instance.to_owned(), revision: 0, purged: false }
    }

    pub fn revision(&self) -> Revision {
        Revision(self.revision)
    }

    pub fn at(&self, revision: Revision) -> Self {
        Self { revision: revision.0, ..self.clone() }
    }

    pub fn encode(&self) -> Vec<u8> {
        let written = serde_json::to_vec(&Written { format: FORMAT, root: self });
        written.expect("strings, numbers and truth values can be written as JSON")
    }

    /// The root of a place of `instance`.
    pub fn decode(bytes: &[u8], instance: &str) -> Result<Self, RootError> {
        let Written { format, root: Nothing {} } =
            serde_json::from_slice(bytes).map_err(RootError::Malformed)?;
        if format > FORMAT {
            return Err(RootError::Newer { found: format });
        }
        let Written { root, .. } =
            serde_json::from_slice::<Written<Self>>(bytes).map_err(RootError::Malformed)?;
        if root.instance == instance {
            Ok(root)
        } else {
            Err(RootError::OtherInstance { found: root.instance, wanted: instance.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_newer_record_is_told_from_a_damaged_one() {
        assert_eq!(unwrap(b"flink-on-mesos-record 2 all new\n"), Err(EnvelopeError::Newer { found: 2 }));
        for bytes in [
            &b""[..],
            b"flink-on-mesos-record 1 7",
            b"flink-on-mesos-record 1 7 8\n",
            b"flink-on-mesos-record 1\n",
            b"flink-on-mesos-record one 7\n",
            b"another 1 7\n",
        ] {
            assert_eq!(unwrap(bytes), Err(EnvelopeError::Damaged), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_root_tells_whose_it_is() {
        let root = Root { revision: 7, ..Root::new("one") };
        let text = r#"{"records-format":1,"instance":"one","revision":7}"#;
        assert_eq!(String::from_utf8(root.encode()).expect("text"), text);
        assert_eq!(Root::decode(text.as_bytes(), "one").expect("read"), root);
        assert!(matches!(Root::decode(text.as_bytes(), "two"), Err(RootError::OtherInstance { .. })));
        let newer = Root::decode(br#"{"records-format":9,"all":"new"}"#, "one");
        assert!(matches!(newer, Err(RootError::Newer { found: 9 })));
        assert!(matches!(Root::decode(b"{}", "one"), Err(RootError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_unwrapped(revision: u64, value: Vec<u8>) {
            let bytes = wrap(Revision(revision), &value);
            prop_assert!(bytes.len() <= value.len() + MAX_HEAD_BYTES);
            prop_assert_eq!(unwrap(&bytes), Ok((Revision(revision), &value[..])));
        }
    }
}
