//! What shall remain of a cluster when an AppMaster of it is stopped.

use serde::{Deserialize, Serialize};

/// As whoever launched the AppMaster says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// Others go on with framework, TaskManagers and jobs.
    #[default]
    Cluster,
    /// What Flink has stored, from which the jobs go on one day; framework and TaskManagers end.
    Data,
    /// Framework and TaskManagers end, and Flink deletes what it has stored.
    Nothing,
    /// What a newer dispatcher knows.
    #[serde(other)]
    Unknown,
}

impl Remains {
    /// Whether the framework ends.
    pub fn ends(self) -> bool {
        match self {
            Self::Cluster | Self::Unknown => false,
            Self::Data | Self::Nothing => true,
        }
    }
}
