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
enum Target<'a> {
    Record(&'a [u8]),
    Empty,
    Gone,
}

type Targets<'a> = BTreeMap<&'a str, Target<'a>>;

impl Tree {
    pub fn insert(&mut self, path: String, node: Node) {
        self.nodes.insert(path, node);
    }

    /// In the order in which ZooKeeper takes them: what is created before what lies below it, what goes after that.
    pub fn plan(&self, changes: &[Change], revision: Revision) -> Result<Vec<Step>, CommitError> {
        for change in changes {
            change.check(self.record(change.key().as_str()))?;
        }
        let mut targets = Targets::new();
        for change in changes {
            let key = change.key().as_str();
            match change.value() {
                Some(value) => drop(targets.insert(key, Target::Record(value))),
                None if self.record(key).is_some() => drop(targets.insert(key, Target::Gone)),
                None => {}
            }
        }
        self.make_room(changes, &mut targets);
        self.clear_away(changes, &mut targets);
        let step = |path: &str, content: Option<Vec<u8>>, revision| {
            let version = self.nodes.get(path).map(|node| node.version);
            Step { path: path.to_owned(), content, version, revision }
        };
        let stay = targets.iter().filter_map(|(path, target)| match target {
            Target::Record(value) => Some(step(path, Some(envelope::wrap(revision, value)), Some(revision))),
            Target::Empty => Some(step(path, Some(Vec::new()), None)),
            Target::Gone => None,
        });
        let go = targets.iter().rev().filter(|(_, target)| **target == Target::Gone);
        Ok(stay.chain(go.map(|(path, _)| step(path, None, None))).collect())
    }

    /// What lies above a record is there.
    fn make_room<'a>(&self, changes: &'a [Change], targets: &mut Targets<'a>) {
        for change in changes.iter().filter(|change| change.value().is_some()) {
            for above in above(change.key().as_str()) {
                match targets.get(above) {
                    None if self.nodes.contains_key(above) => {}
                    None | Some(Target::Gone) => drop(targets.insert(above, Target::Empty)),
                    Some(Target::Record(_) | Target::Empty) => {}
                }
            }
        }
    }

    /// What has nothing below it any more, and is no record, goes.
    fn clear_away<'a>(&self, changes: &'a [Change], targets: &mut Targets<'a>) {
        let mut gone: Vec<_> = changes.iter().map(|change| change.key().as_str()).collect();
        gone.retain(|key| targets.get(key) == Some(&Target::Gone));
        // Children first.
        gone.sort_by(|one, other| other.cmp(one));
        for key in gone {
            if self.has_children(key, targets) {
                targets.insert(key, Target::Empty);
                continue;
            }
            for above in above(key) {
                let is_needed = targets.contains_key(above)
                    || self.record(above).is_some()
                    || self.has_children(above, targets);
                if is_needed {
                    break;
                }
                targets.insert(above, Target::Gone);
            }
        }
    }

    fn has_children(&self, path: &str, targets: &Targets<'_>) -> bool {
        let (first, end) = (format!("{path}/"), format!("{path}0"));
        let stays = |path: &str| targets.get(path) != Some(&Target::Gone);
        self.nodes.range(first.clone()..end.clone()).any(|(path, _)| stays(path))
            || targets.range(&*first..&*end).any(|(_, target)| *target != Target::Gone)
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
