//! How an AppMaster stands in the election.

use std::sync::Arc;

use base::log;
use domain::leadership::Leadership;
use zookeeper::NodeError;

#[derive(Clone, Debug)]
pub enum Candidacy {
    /// Not in line: without a session, or about to get one.
    Away { why: Option<String> },
    /// Somebody else leads, of whom this is known.
    Standby { leader: Option<Vec<u8>> },
    /// Leads as this node.
    Leading { node: String },
    /// Leads, but may not act: the ensemble is silent.
    Suspended { node: String },
    /// It makes no sense to go on.
    Failed(Arc<NodeError>),
}

impl Candidacy {
    /// The node as which this AppMaster leads, whether it may act or not.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Leading { node } | Self::Suspended { node } => Some(node),
            Self::Away { .. } | Self::Standby { .. } | Self::Failed(_) => None,
        }
    }

    /// As others are told.
    pub fn leadership(&self) -> Leadership {
        match self {
            Self::Away { why } => Leadership::Away { why: why.clone() },
            Self::Standby { leader } => Leadership::Standby {
                leader: leader.as_ref().and_then(|about| serde_json::from_slice(about).ok()),
            },
            Self::Leading { .. } => Leadership::Leader,
            Self::Suspended { .. } => Leadership::Suspended,
            Self::Failed(error) => Leadership::Away { why: Some(log::chain(&**error)) },
        }
    }

    /// Whether that was a change.
    pub(super) fn suspend(&mut self) -> bool {
        let Self::Leading { node } = self else { return false };
        *self = Self::Suspended { node: std::mem::take(node) };
        true
    }

    /// Whether that was a change.
    pub(super) fn resume(&mut self) -> bool {
        let Self::Suspended { node } = self else { return false };
        *self = Self::Leading { node: std::mem::take(node) };
        true
    }

    /// Whoever does not lead stands as `candidacy` from now on. Whether that was a change.
    pub(super) fn become_other(&mut self, candidacy: Self) -> bool {
        match (&*self, &candidacy) {
            (Self::Standby { leader: known }, Self::Standby { leader }) if known == leader => false,
            (Self::Away { .. } | Self::Standby { .. }, _) => {
                *self = candidacy;
                true
            }
            (Self::Leading { .. } | Self::Suspended { .. } | Self::Failed(_), _) => false,
        }
    }
}
