//! What AppMasters have told of their clusters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::{ClusterReport, Description, Dispatcher, Jobs};

use super::ui;

/// Those that live tell something every 20 s, whatever happens.
const SILENCE_MOST_S: u64 = 60;

/// In the order in which they are preferred: the last one leads, and does nothing until ZooKeeper answers.
const LEADING: [&str; 3] = ["leader", "alone", "suspended"];

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
    /// How many seconds ago it has told that.
    #[serde(default)]
    pub told_s_ago: u64,
    /// Why TaskManagers are missing, if any are.
    pub waiting: Option<String>,
}

/// What those that lead have told of the jobs of a cluster. Unknown is not none.
pub fn jobs_of(core: &Dispatcher, name: &str, appmasters: &AppMasters) -> Jobs {
    let told = core.running_appmasters(name).into_iter().filter_map(|task_id| appmasters(&task_id));
    let leading = told.filter(|told| LEADING.contains(&&*told.standing));
    let jobs: Option<Vec<_>> =
        leading.map(|told| told.jobs_running.filter(|_| told.told_s_ago <= SILENCE_MOST_S)).collect();
    let most = jobs.and_then(|jobs| jobs.into_iter().max());
    most.map_or(Jobs::Unknown, Jobs::Running)
}

/// The one that speaks for its cluster.
pub fn leading(appmasters: impl IntoIterator<Item = AppMaster>) -> Option<AppMaster> {
    let rank = |appmaster: &AppMaster| LEADING.iter().position(|standing| *standing == appmaster.standing);
    let ranked = appmasters.into_iter().filter_map(|appmaster| Some((rank(&appmaster)?, appmaster)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, appmaster)| appmaster)
}

/// One line of the list of clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed {
    #[serde(flatten)]
    pub known: ClusterReport,
    /// What the AppMaster that leads has told last.
    pub appmaster: Option<AppMaster>,
}

impl Listed {
    pub fn all(core: &Dispatcher, appmasters: &AppMasters) -> Vec<Self> {
        let listed = |known: ClusterReport| {
            let alive = core.alive(&known.name).filter_map(|attempt| appmasters(&attempt.task_id));
            Self { appmaster: leading(alive), known }
        };
        core.list().into_iter().map(listed).collect()
    }
}

/// All that is known of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Described {
    #[serde(flatten)]
    pub known: Description,
    /// Of attempts that have not ended, the newest first.
    pub appmasters: Vec<AppMaster>,
    /// Where this dispatcher hands Flink's Web UI and REST API on, as a path. None while no AppMaster has told where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui: Option<String>,
}

impl Described {
    pub fn new(known: Description, appmasters: &AppMasters) -> Self {
        let alive = known.attempts.iter().filter(|attempt| attempt.ended.is_none());
        let appmasters: Vec<_> = alive.filter_map(|attempt| appmasters(&attempt.task_id)).collect();
        let leads = leading(appmasters.iter().cloned());
        let ui = leads.and_then(|leads| leads.flink_url).map(|_| ui::path_of(&known.cluster.name));
        Self { known, appmasters, ui }
    }
}
