//! The nodes below the root, and what changes of records mean for them.

use std::collections::BTreeMap;

use crate::change::{Change, Revision};
use crate::envelope;
use crate::error::CommitError;

/// By path below the root. A node that has others below it, and is no record, is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// ZooKeeper's.
    pub version: i32,
    /// None: no record.
    pub revision: Option<Revision>,
}

/// A change of one node.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    pub path: String,
    /// None: it shall go.
    pub content: Option<Vec<u8>>,
    /// As the node is; none: it is not there.
    pub version: Option<i32>,
    /// Of the record that it becomes.
    revision: Option<Revision>,
}

/// What a node shall become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish<'a> {
    Record(&'a [u8]),
    Empty,
    Gone,
}

type Wishes<'a> = BTreeMap<&'a str, Wish<'a>>;

impl Tree {
    pub fn insert(&mut self, path: String, node: Node) {
        self.nodes.insert(path, node);
    }

    /// In the order in which ZooKeeper takes them: what is created before what lies below it, what goes after that.
    pub fn plan(&self, changes: &[Change], revision: Revision) -> Result<Vec<Step>, CommitError> {
        for change in changes {
            change.check(self.record(change.key().as_str()))?;
        }
        let mut wishes = Wishes::new();
        for change in changes {
            let key = change.key().as_str();
            match change.value() {
                Some(value) => drop(wishes.insert(key, Wish::Record(value))),
                None if self.record(key).is_some() => drop(wishes.insert(key, Wish::Gone)),
                None => {}
            }
        }
        self.make_room(changes, &mut wishes);
        self.clear_away(changes, &mut wishes);
        let step = |path: &str, content: Option<Vec<u8>>, revision| {
            let version = self.nodes.get(path).map(|node| node.version);
            Step { path: path.to_owned(), content, version, revision }
        };
        let stay = wishes.iter().filter_map(|(path, wish)| match wish {
            Wish::Record(value) => Some(step(path, Some(envelope::wrap(revision, value)), Some(revision))),
            Wish::Empty => Some(step(path, Some(Vec::new()), None)),
            Wish::Gone => None,
        });
        let go = wishes.iter().rev().filter(|(_, wish)| **wish == Wish::Gone);
        Ok(stay.chain(go.map(|(path, _)| step(path, None, None))).collect())
    }

    /// What lies above a record is there.
    fn make_room<'a>(&self, changes: &'a [Change], wishes: &mut Wishes<'a>) {
        for change in changes.iter().filter(|change| change.value().is_some()) {
            for above in above(change.key().as_str()) {
                match wishes.get(above) {
                    None if self.nodes.contains_key(above) => {}
                    None | Some(Wish::Gone) => drop(wishes.insert(above, Wish::Empty)),
                    Some(Wish::Record(_) | Wish::Empty) => {}
                }
            }
        }
    }

    /// What has nothing below it any more, and is no record, goes.
    fn clear_away<'a>(&self, changes: &'a [Change], wishes: &mut Wishes<'a>) {
        let mut gone: Vec<_> = changes.iter().map(|change| change.key().as_str()).collect();
        gone.retain(|key| wishes.get(key) == Some(&Wish::Gone));
        // Children first.
        gone.sort_by(|one, other| other.cmp(one));
        for key in gone {
            if self.has_children(key, wishes) {
                wishes.insert(key, Wish::Empty);
                continue;
            }
            for above in above(key) {
                let is_needed = wishes.contains_key(above)
                    || self.record(above).is_some()
                    || self.has_children(above, wishes);
                if is_needed {
                    break;
                }
                wishes.insert(above, Wish::Gone);
            }
        }
    }

    fn has_children(&self, path: &str, wishes: &Wishes<'_>) -> bool {
        let (first, end) = (format!("{path}/"), format!("{path}0"));
        let stays = |path: &str| wishes.get(path) != Some(&Wish::Gone);
        self.nodes.range(first.clone()..end.clone()).any(|(path, _)| stays(path))
            || wishes.range(&*first..&*end).any(|(_, wish)| *wish != Wish::Gone)
    }

    fn record(&self, path: &str) -> Option<Revision> {
        self.nodes.get(path)?.revision
    }

    /// The steps were made, with the new version of each node.
    pub fn follow(&mut self, steps: Vec<Step>, versions: impl Iterator<Item = i32>) {
        for (step, version) in steps.into_iter().zip(versions) {
            match step.content {
                Some(_) => drop(self.nodes.insert(step.path, Node { version, revision: step.revision })),
                None => drop(self.nodes.remove(&step.path)),
            }
        }
    }
}

/// The nodes above one, the nearest first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(above, _)| above.rsplit_once('/')).map(|(above, _)| above)
}

#[cfg(test)]
mod tests;
