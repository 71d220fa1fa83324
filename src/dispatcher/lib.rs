//! The pure core of the dispatcher: which clusters there are, what is wanted of each, what is stored of it, what happened to it,
//! and what users are told. How tasks are launched, replaced and counted is the scheduler's, which has one group for each cluster.
//!
//! ```text
//! Dispatcher::restore(loaded, limits)
//! apply, delete, suspend, …, handle_groups(seen, views, now), handle_outcome(task_id, id, carried, now)
//!     then next_action() until there is none; after each Commit, once it is durable, handle_committed(revision)
//! list(), describe(name), plan(manifest, order), audit(), instructions()
//! ```
//!
//! Whoever carries the actions out does so one by one and in their order. What a [`Action::Commit`] holds is durable before the
//! next is asked for; if it cannot be made, this core is dropped, and another one begins with what is stored. So an order is
//! answered when all actions that follow from it have been carried out.

#![forbid(unsafe_code)]

mod action;
mod apply;
mod artifacts;
mod cluster;
mod condition;
pub mod driver;
mod groups;
mod instructions;
mod jobmanager;
mod jobs;
mod journal;
mod limits;
mod order;
mod orders;
mod queue;
mod refusal;
mod report;
mod restore;
mod stored;
mod taskmanagers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use records::{Change, Expected, Key, Revision};

pub use action::{Action, Definition};
pub use apply::{Outcome, Plan};
pub use artifacts::References;
pub use base::events::Level;
pub use cluster::{Attempt, Ended, Wanted};
pub use condition::{Condition, State};
pub use domain::time::Timestamp;
pub use domain::view::{End, TaskView, View};
pub use instructions::{Asker, Due, Instruction, Instructions, LAST_ID, PendingOrder, counted};
pub use jobs::{Submission, SubmissionState};
pub use journal::{AuditEntry, Event, Verb};
pub use limits::Limits;
pub use order::{Match, Order};
pub use orders::Jobs;
pub use queue::{WaitingCluster, WaitsFor};
pub use refusal::Refusal;
pub use report::{ClusterReport, Description, RevisionReport};

use cluster::Cluster;
use stored::Write;

/// All clusters of one dispatcher.
pub struct Dispatcher {
    limits: Limits,
    /// In boxes, as a map has much room to spare.
    clusters: BTreeMap<String, Box<Cluster>>,
    /// Those of which a record cannot be read, by name, and why not: nothing of them is touched.
    unreadable: BTreeMap<String, String>,
    /// By number; none where the entry cannot be read.
    audit: BTreeMap<u64, Option<AuditEntry>>,
    /// The last one that an event or an entry of the audit was given.
    sequence: u64,
    /// The number of the last order to the scheduler.
    orders: u64,
    /// The commit that wrote each record that is stored and can be read.
    versions: BTreeMap<Key, Revision>,
    /// What the commit under way writes, and whether it leaves a record.
    committing: Vec<(Key, bool)>,
    queue: VecDeque<Step>,
}

/// What is to be done, before it is known which versions of records it finds.
enum Step {
    Commit(Vec<Write>),
    Act(Action),
}

impl Dispatcher {
    /// What is to be done next. None while a commit is under way.
    pub fn next_action(&mut self) -> Option<Action> {
        while self.committing.is_empty() {
            match self.queue.pop_front()? {
                Step::Act(action) => return Some(action),
                Step::Commit(writes) => {
                    let changes: Vec<_> = writes.into_iter().filter_map(|write| self.change(write)).collect();
                    if changes.is_empty() {
                        continue;
                    }
                    let kept = |change: &Change| (change.key().clone(), change.value().is_some());
                    self.committing = changes.iter().map(kept).collect();
                    return Some(Action::Commit(changes));
                }
            }
        }
        None
    }

    /// The last commit is durable.
    pub fn handle_committed(&mut self, revision: Revision) {
        for (key, is_kept) in std::mem::take(&mut self.committing) {
            if is_kept {
                self.versions.insert(key, revision);
            } else {
                self.versions.remove(&key);
            }
        }
    }

    fn change(&self, Write { key, value }: Write) -> Option<Change> {
        let version = self.versions.get(&key).copied();
        match (value, version) {
            (Some(value), None) => Some(Change::Create { key, value }),
            (Some(value), Some(version)) => Some(Change::Put { key, value, expected: Expected::At(version) }),
            (None, Some(version)) => Some(Change::Delete { key, expected: Expected::At(version) }),
            (None, None) => None,
        }
    }

    fn commit(&mut self, writes: Vec<Write>) {
        self.queue.push_back(Step::Commit(writes));
    }

    fn act(&mut self, action: Action) {
        self.queue.push_back(Step::Act(action));
    }

    fn next_order(&mut self) -> u64 {
        self.orders += 1;
        self.orders
    }
}
