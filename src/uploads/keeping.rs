//! What is kept, what may come and what goes: facts go in, decisions come out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::digest::Digest;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How much there may be, in bytes, and how long something is kept to which nothing refers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub file: u64,
    pub total: u64,
    pub grace: Duration,
}

/// What is known of a file besides its content; stored beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In bytes.
    pub size: u64,
    /// Who uploaded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub digest: Digest,
    pub about: About,
}

/// Why something is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("an artifact may have {most} bytes at most (`dispatcher.artifacts.max-file`), and this one has {}", bytes_told(*bytes, *is_all))]
    File { bytes: u64, is_all: bool, most: u64 },
    #[error(
        "all artifacts together may have {most} bytes (`dispatcher.artifacts.max-total`), there are {kept}, and this one has {}: remove some with `artifact rm`",
        bytes_told(*bytes, *is_all)
    )]
    Total { bytes: u64, is_all: bool, kept: u64, most: u64 },
    #[error("artifact {digest} is being removed: push it again in a moment")]
    Going { digest: Digest },
}

fn bytes_told(bytes: u64, is_all: bool) -> String {
    format!("{}{bytes}", if is_all { "" } else { "at least " })
}

#[derive(Debug)]
struct Entry {
    about: About,
    /// None while something refers to it.
    unused_since: Option<Timestamp>,
    /// Nobody may refer to it any more.
    is_going: bool,
}

/// All artifacts of one directory.
#[derive(Debug)]
pub struct Keeping {
    limits: Limits,
    entries: BTreeMap<Digest, Entry>,
    /// Bytes of files that are on their way.
    coming: u64,
}

impl Keeping {
    pub fn new(limits: Limits) -> Self {
        Self { limits, entries: BTreeMap::new(), coming: 0 }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What the directory holds now. The grace of what was not known begins.
    pub fn handle_found(&mut self, found: BTreeMap<Digest, About>, now: Timestamp) {
        self.entries.retain(|digest, entry| entry.is_going || found.contains_key(digest));
        for (digest, about) in found {
            match self.entries.get_mut(&digest) {
                Some(entry) => entry.about = about,
                None => self.handle_stored(digest, about, now),
            }
        }
    }

    /// A file has come.
    pub fn handle_stored(&mut self, digest: Digest, about: About, now: Timestamp) {
        self.entries.insert(digest, Entry { about, unused_since: Some(now), is_going: false });
    }

    /// What is kept of this digest already, so that it need not come; its grace begins again.
    pub fn renew(&mut self, digest: &Digest, now: Timestamp) -> Result<Option<About>, Refusal> {
        match self.entries.get_mut(digest) {
            None => Ok(None),
            Some(Entry { is_going: true, .. }) => Err(Refusal::Going { digest: *digest }),
            Some(entry) => {
                entry.unused_since = entry.unused_since.map(|_| now);
                Ok(Some(entry.about.clone()))
            }
        }
    }

    /// Room for `more` bytes of a file that has `bytes` with them; all of them if `is_all`.
    pub fn reserve(&mut self, more: u64, bytes: u64, is_all: bool) -> Result<(), Refusal> {
        let Limits { file, total, .. } = self.limits;
        if bytes > file {
            return Err(Refusal::File { bytes, is_all, most: file });
        }
        let kept = self.entries.values().fold(0u64, |sum, entry| sum.saturating_add(entry.about.size));
        if kept.saturating_add(self.coming).saturating_add(more) > total {
            return Err(Refusal::Total { bytes, is_all, kept, most: total });
        }
        self.coming += more;
        Ok(())
    }

    /// Of what was reserved.
    pub fn release(&mut self, bytes: u64) {
        self.coming = self.coming.saturating_sub(bytes);
    }

    /// Whether specifications may refer to it.
    pub fn get(&self, digest: &Digest) -> Option<&About> {
        self.entries.get(digest).filter(|entry| !entry.is_going).map(|entry| &entry.about)
    }

    pub fn list(&self) -> Vec<Listed> {
        let there = self.entries.iter().filter(|(_, entry)| !entry.is_going);
        there.map(|(digest, entry)| Listed { digest: *digest, about: entry.about.clone() }).collect()
    }

    /// From now on it is not there. False where it was not.
    pub fn begin_removal(&mut self, digest: &Digest) -> bool {
        match self.entries.get_mut(digest) {
            Some(entry) if !entry.is_going => {
                entry.is_going = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Its removal came to an end; none of it is left if `is_gone`.
    pub fn end_removal(&mut self, digest: &Digest, is_gone: bool) {
        if is_gone {
            self.entries.remove(digest);
        } else if let Some(entry) = self.entries.get_mut(digest) {
            entry.is_going = false;
        }
    }

    /// Specifications refer to these and to no others, as was known `late` ago at the latest. What goes for that is not there from
    /// now on.
    pub fn collect(&mut self, referred: &BTreeSet<Digest>, late: Duration, now: Timestamp) -> Vec<Digest> {
        let grace = self.limits.grace.saturating_add(late);
        let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        let mut due = Vec::new();
        for (digest, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.is_going) {
            if referred.contains(digest) {
                entry.unused_since = None;
                continue;
            }
            let since = *entry.unused_since.get_or_insert(now);
            if now.0.saturating_sub(since.0) >= grace {
                entry.is_going = true;
                due.push(*digest);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { file: 10, total: 25, grace: Duration::from_secs(1) };

    fn about(size: u64) -> About {
        About { size, ..About::default() }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::of_seconds(seconds)
    }

    #[test]
    fn what_nothing_refers_to_goes_after_its_grace() {
        let mut keeping = Keeping::new(LIMITS);
        let [a, b] = ["a", "b"].map(Digest::of);
        keeping.handle_stored(a, about(1), at(0));
        keeping.handle_stored(b, about(2), at(0));
        let only_a = BTreeSet::from([a]);
        assert_eq!(keeping.collect(&only_a, Duration::ZERO, at(0)), []);
        assert_eq!(keeping.collect(&only_a, Duration::ZERO, at(1)), [b]);
        assert_eq!(keeping.collect(&only_a, Duration::ZERO, at(9)), [], "it goes once");
        assert!(keeping.get(&b).is_none() && keeping.get(&a).is_some());
        assert_eq!(keeping.renew(&b, at(9)), Err(Refusal::Going { digest: b }));
        keeping.end_removal(&b, true);
        assert_eq!(keeping.renew(&b, at(9)), Ok(None));
        // The grace begins when the last reference goes.
        assert_eq!(keeping.collect(&BTreeSet::new(), Duration::ZERO, at(9)), []);
        assert_eq!(keeping.collect(&BTreeSet::new(), Duration::ZERO, at(10)), [a]);
        keeping.end_removal(&a, false);
        assert!(keeping.get(&a).is_some());
    }

    #[test]
    fn whoever_pushes_again_begins_the_grace_again() {
        let mut keeping = Keeping::new(LIMITS);
        let a = Digest::of("a");
        keeping.handle_stored(a, about(1), at(0));
        assert_eq!(keeping.renew(&a, at(5)), Ok(Some(about(1))));
        assert_eq!(keeping.collect(&BTreeSet::new(), Duration::ZERO, at(5)), []);
        assert_eq!(
            keeping.collect(&BTreeSet::new(), Duration::from_secs(1), at(6)),
            [],
            "it may be referred to by now"
        );
        assert_eq!(keeping.collect(&BTreeSet::new(), Duration::ZERO, at(6)), [a]);
    }

    #[test]
    fn what_is_on_its_way_counts_too() {
        let mut keeping = Keeping::new(LIMITS);
        keeping.handle_stored(Digest::of("a"), about(9), at(0));
        assert_eq!(keeping.reserve(11, 11, true), Err(Refusal::File { bytes: 11, is_all: true, most: 10 }));
        assert_eq!(keeping.reserve(10, 10, true), Ok(()));
        assert_eq!(keeping.reserve(6, 6, false), Ok(()));
        let full = Refusal::Total { bytes: 7, is_all: false, kept: 9, most: 25 };
        assert_eq!(
            full.to_string(),
            "all artifacts together may have 25 bytes (`dispatcher.artifacts.max-total`), there are 9, and this one has at least 7: remove some with `artifact rm`"
        );
        assert_eq!(keeping.reserve(1, 7, false), Err(full));
        keeping.release(10);
        assert_eq!(keeping.reserve(1, 7, false), Ok(()));
    }

    #[test]
    fn what_somebody_else_has_put_or_taken_is_seen() {
        let mut keeping = Keeping::new(LIMITS);
        let [a, b] = ["a", "b"].map(Digest::of);
        keeping.handle_stored(a, about(1), at(0));
        keeping.handle_found(BTreeMap::from([(b, about(2))]), at(7));
        assert_eq!(keeping.list(), [Listed { digest: b, about: about(2) }]);
        assert_eq!(keeping.collect(&BTreeSet::new(), Duration::ZERO, at(7)), []);
        assert!(keeping.begin_removal(&b) && !keeping.begin_removal(&b) && !keeping.begin_removal(&a));
        // Its file is not away yet.
        keeping.handle_found(BTreeMap::from([(b, about(2))]), at(8));
        assert!(keeping.list().is_empty());
    }
}
