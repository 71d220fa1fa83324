//! What AppMasters have told of their clusters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::Description;

/// By task id, none of one that has told nothing yet.
pub type AppMasters = Arc<dyn Fn(&str) -> Option<AppMaster> + Send + Sync>;

/// How an AppMaster's cluster was when it told last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppMaster {
    pub task_id: String,
    /// Whether it leads, where its cluster has several: `leader`, `standby`, …
    pub standing: String,
    pub framework_id: Option<String>,
    /// Whether the Mesos master hears its framework.
    pub subscribed: bool,
    /// The REST API and Web UI of the JobManager that leads.
    pub flink_url: Option<String>,
    /// The AppMaster's own status page.
    pub status_url: Option<String>,
    /// TaskManagers that there shall be.
    pub target: u32,
    /// Of them.
    pub running: u32,
    /// None while the JobManager does not tell.
    pub jobs_running: Option<u32>,
    /// Why TaskManagers are missing, if any are.
    pub waiting: Option<String>,
}

/// All that is known of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Described {
    #[serde(flatten)]
    pub known: Description,
    /// Of attempts that have not ended, the newest first.
    pub appmasters: Vec<AppMaster>,
}

impl Described {
    pub fn new(known: Description, appmasters: &AppMasters) -> Self {
        let alive = known.attempts.iter().filter(|attempt| attempt.ended.is_none());
        let appmasters = alive.filter_map(|attempt| appmasters(&attempt.task_id)).collect();
        Self { known, appmasters }
    }
}
