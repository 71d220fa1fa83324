//! Where a cluster stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::{Cluster, Ended, Wanted};
use domain::view::{TaskView, View};

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// For the scheduler, or for room.
    Waiting,
    Starting,
    Running,
    /// Fewer AppMasters run than are wanted.
    Degraded,
    /// Too many AppMasters have failed: none is launched for a while.
    Resting,
    Suspended,
    Finished,
    Failed,
    Deleting,
    /// What is stored of it cannot be read.
    Unreadable,
}

/// With the reason in one sentence, where there is more to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Condition {
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// With which an AppMaster ends whose application has failed: 1443, of which a process's code keeps the last eight bits.
const JOB_FAILED: u8 = 163;

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Resting => "resting",
            Self::Suspended => "suspended",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it says how AppMasters were seen last.
    fn is_seen(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Degraded | Self::Resting => true,
            Self::Waiting
            | Self::Suspended
            | Self::Finished
            | Self::Failed
            | Self::Deleting
            | Self::Unreadable => false,
        }
    }
}

impl Condition {
    pub fn new(state: State, why: impl Into<Option<String>>) -> Self {
        Self { state, why: why.into() }
    }

    pub fn of(cluster: &Cluster) -> Self {
        let status = &cluster.status;
        if status.wanted == Wanted::Deleted {
            return Self::new(State::Deleting, Some(leaving(cluster)));
        }
        if let Some(ended) = &status.ended {
            return Self::of_end(ended);
        }
        if cluster.is_suspended() {
            let is_empty = cluster.view.as_ref().is_some_and(|view| view.tasks.is_empty());
            return Self::new(State::Suspended, (!is_empty).then(|| leaving(cluster)));
        }
        match &cluster.view {
            // Its end is an older generation's.
            Some(view) if status.frozen && view.ended.is_some() && view.tasks.is_empty() => {
                let why = "the cluster is frozen; it begins anew when it is thawed";
                Self::new(State::Waiting, Some(why.to_owned()))
            }
            Some(view) => Self::of_view(view, cluster.replicas()),
            // Unknown is not none.
            None if status.state.is_seen() => {
                let why = "this is how it was last seen; the scheduler has not reported since";
                Self::new(status.state, Some(why.to_owned()))
            }
            None => Self::new(State::Waiting, Some("the scheduler has not reported on it yet".to_owned())),
        }
    }

    fn of_end(ended: &Ended) -> Self {
        let Ended { task_id, code, .. } = ended;
        match *code {
            0 => Self::new(State::Finished, Some(format!("AppMaster {task_id} ended with code 0"))),
            JOB_FAILED => {
                let why = format!("the job has failed: AppMaster {task_id} ended with code {code}");
                Self::new(State::Failed, Some(why))
            }
            _ => Self::new(State::Failed, Some(format!("AppMaster {task_id} ended with code {code}"))),
        }
    }

    fn of_view(view: &View, replicas: u32) -> Self {
        let (running, wanted) = (running(view, replicas), replicas);
        if view.rests {
            return Self::new(State::Resting, view.waiting.clone());
        }
        if running >= wanted {
            return Self::new(State::Running, None);
        }
        if running > 0 {
            let lacking = match &view.waiting {
                Some(why) => format!("{running} of {wanted} AppMasters run: {why}"),
                None => format!("{running} of {wanted} AppMasters run"),
            };
            return Self::new(State::Degraded, Some(lacking));
        }
        if view.tasks.iter().any(|task| !task.ending) {
            return Self::new(State::Starting, view.waiting.clone());
        }
        let why = view.waiting.clone().unwrap_or_else(|| "no AppMaster is launched yet".to_owned());
        Self::new(State::Waiting, Some(why))
    }
}

/// How many AppMasters run, one at most for each that is wanted: one that gives way and its successor are one.
pub fn running(view: &View, replicas: u32) -> u32 {
    let is_counted = |task: &&TaskView| task.runs && !task.ending;
    let count = view.tasks.iter().filter(is_counted).count();
    u32::try_from(count).unwrap_or(u32::MAX).min(replicas)
}

fn leaving(cluster: &Cluster) -> String {
    match cluster.view.as_ref().map(|view| view.tasks.len()) {
        None => "the scheduler has not reported on it yet".to_owned(),
        Some(0) => "no AppMaster is left".to_owned(),
        Some(1) => "one AppMaster is ending".to_owned(),
        Some(count) => format!("{count} AppMasters are ending"),
    }
}
