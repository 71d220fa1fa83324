//! What is to be done, in this order.

use std::sync::Arc;

use manifest::Manifest;
use records::Change;

use super::journal::Event;

/// Orders to the scheduler are numbered, from 1 on in each process. [`crate::Dispatcher::handle_groups`] is told the last one that
/// was carried out before the scheduler was looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Is durable before the next action is asked for.
    Commit(Vec<Change>),
    /// There is a group for this cluster from now on, or it is another one than it was. Those that the scheduler has at its
    /// start are all that were defined before.
    Define(Definition),
    /// The cluster's record cannot be read: what runs of it goes on as it is, nothing is launched, and nothing ended.
    Keep { order: u64, cluster: String },
    /// What the cluster's group failed of counts no more, nor does its end, unless that is one of this generation: it may have
    /// ended since it was looked at.
    Renew { order: u64, cluster: String, generation: u64 },
    /// Another AppMaster in the place of this one, which is of an older generation.
    Replace { order: u64, cluster: String, task_id: String },
    /// The cluster's group is no more: its tasks end.
    Remove { order: u64, cluster: String },
    /// For the log and for those who follow; it is stored.
    Event(Event),
}

/// What the group of a cluster shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub order: u64,
    pub cluster: String,
    pub revision: u64,
    /// Tasks that are launched from now on are of it. It grows whenever AppMasters have to begin anew.
    pub generation: u64,
    /// What Flink stores of it goes there, and is found there by the next AppMaster.
    pub place: String,
    /// With its secrets.
    pub manifest: Arc<Manifest>,
    /// How many AppMasters there shall be; none of a cluster that is suspended or has ended.
    pub target: u32,
}

impl Action {
    /// Whose group an order to the scheduler is about.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Self::Define(Definition { cluster, .. })
            | Self::Keep { cluster, .. }
            | Self::Renew { cluster, .. }
            | Self::Replace { cluster, .. }
            | Self::Remove { cluster, .. } => Some(cluster),
            Self::Commit(_) | Self::Event(_) => None,
        }
    }

    /// The number of an order to the scheduler.
    pub fn order(&self) -> Option<u64> {
        match self {
            Self::Define(Definition { order, .. })
            | Self::Keep { order, .. }
            | Self::Renew { order, .. }
            | Self::Replace { order, .. }
            | Self::Remove { order, .. } => Some(*order),
            Self::Commit(_) | Self::Event(_) => None,
        }
    }
}
