//! Records of a test: what is durable, without a place to keep it.

use std::collections::BTreeMap;

use crate::{Change, Expected, Key, Loaded, MAX_CHANGES, Record, Revision};

#[derive(Clone, Default)]
pub struct Memory {
    pub revision: u64,
    pub records: BTreeMap<Key, (Revision, Vec<u8>)>,
}

impl Memory {
    /// A change that does not find what it expects is a fault of the core: it is the only writer.
    pub fn commit(&mut self, changes: &[Change]) -> Result<Revision, String> {
        assert!(changes.len() <= MAX_CHANGES, "{} changes at once", changes.len());
        let revision = Revision(self.revision + 1);
        for change in changes {
            let found = self.records.get(change.key()).map(|(revision, _)| *revision);
            let (Change::Put { expected, .. } | Change::Delete { expected, .. }) = change else {
                match found {
                    None => continue,
                    Some(_) => return Err(format!("{} is made twice", change.key())),
                }
            };
            match (expected, found) {
                (Expected::At(wanted), Some(found)) if *wanted == found => {}
                _ => return Err(format!("{} is at {found:?}, expected {expected:?}", change.key())),
            }
        }
        for change in changes {
            match change.value() {
                Some(value) => self.records.insert(change.key().clone(), (revision, value.to_vec())),
                None => self.records.remove(change.key()),
            };
        }
        self.revision = revision.0;
        Ok(revision)
    }

    pub fn loaded(&self) -> Loaded {
        let record = |(key, (revision, value)): (&Key, &(Revision, Vec<u8>))| Record {
            key: key.clone(),
            revision: *revision,
            value: value.clone(),
        };
        Loaded { revision: Revision(self.revision), records: self.records.iter().map(record).collect() }
    }

    /// Those whose names begin so.
    pub fn below(&self, prefix: &str) -> Vec<(&Key, &Vec<u8>)> {
        let records = self.records.iter().filter(|(key, _)| key.as_str().starts_with(prefix));
        records.map(|(key, (_, value))| (key, value)).collect()
    }
}
