//! How an AppMaster stands to the others of its cluster, and what it does not do for that.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::group::GroupName;

/// How this AppMaster stands to the others of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Leadership {
    /// It leads: of the others' reports none says more than this.
    Leader,
    /// It leads, but does nothing until ZooKeeper answers.
    Suspended,
    /// Another one leads, of whom this is known.
    Standby {
        #[schema(value_type = Option<Object>)]
        leader: Option<serde_json::Value>,
    },
    /// It takes no part in the election.
    Away { why: Option<String> },
}

/// Why an AppMaster neither tells nor does what only one that leads and may act can.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct NotLeading(pub Leadership);

/// Why the number of TaskManagers stays as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotScaled {
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    #[error("cannot set the number of TaskManagers: it follows the jobs (`mesos.scaling: demand`)")]
    FollowsJobs,
    #[error("there is no group of tasks named {0}")]
    NoSuchGroup(GroupName),
}

impl Leadership {
    /// In a sentence; `noun` says what they are that elect one of them.
    pub fn told(&self, noun: &str) -> String {
        match self {
            Self::Leader => format!("this {noun} leads"),
            Self::Suspended => format!("this {noun} leads, but does nothing until ZooKeeper answers"),
            Self::Standby { leader } => {
                let host = leader.as_ref().and_then(|about| about["host"].as_str());
                format!("this {noun} is a standby: the {noun} on {} leads", host.unwrap_or("another host"))
            }
            Self::Away { why } => {
                let why = why.as_deref().unwrap_or("there is no session with ZooKeeper yet");
                format!("this {noun} takes no part in the election: {why}")
            }
        }
    }
}

impl fmt::Display for Leadership {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.told("AppMaster"))
    }
}
