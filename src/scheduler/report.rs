//! Why things are as they are, for log, status page, `explain` and tests alike.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::mesos::wire::status::TaskState;
use crate::time::Moment;

use super::explain::told;
use super::state::Goal;
use super::verdict::Verdict;
use super::{Connection, JobManager, Phase, Scheduler, Sight};

/// The status tells of so many agents; `explain` of more.
const VERDICTS_MAX: usize = 20;

/// A picture of the scheduler; spans of time are seconds up to the moment it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Only with high availability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_availability: Option<Leadership>,
    /// Only with high availability: where the JobManager that leads Flink answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobmanager_leader: Option<String>,
    pub framework_id: Option<String>,
    pub subscribed: bool,
    pub target: u32,
    pub running: usize,
    pub tasks: Vec<TaskReport>,
    /// How many TaskManagers are still to be launched, and why they are not; none when all are.
    pub waiting: Option<Waiting>,
}

/// How this AppMaster stands to the others of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Leadership {
    /// It leads: of the others' reports none says more than this.
    Leader,
    /// It leads, but does nothing until ZooKeeper answers.
    Suspended,
    /// Another one leads, of whom this is known.
    Standby { leader: Option<serde_json::Value> },
    /// It takes no part in the election.
    Away { why: Option<String> },
}

/// Why an AppMaster neither tells nor does what only one that leads and may act can.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct NotLeading(pub Leadership);

impl fmt::Display for Leadership {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => write!(out, "this AppMaster leads"),
            Self::Suspended => write!(out, "this AppMaster leads, but does nothing until ZooKeeper answers"),
            Self::Standby { leader } => {
                let host = leader.as_ref().and_then(|about| about["host"].as_str());
                write!(out, "this AppMaster stands by: the one on {} leads", host.unwrap_or("another host"))
            }
            Self::Away { why } => {
                let why = why.as_deref().unwrap_or("there is no session with ZooKeeper yet");
                write!(out, "this AppMaster takes no part in the election: {why}")
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    pub task_id: String,
    pub agent_id: String,
    pub hostname: String,
    /// Mesos' name of the state, or `LAUNCHED` before the first update.
    pub state: Cow<'static, str>,
    pub since_s: u64,
    /// It is being killed.
    pub ending: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub taskmanagers: usize,
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    Ending,
    NotSubscribed {
        since_s: u64,
        why: Option<String>,
    },
    JobManagerStarting,
    /// Earlier TaskManagers failed.
    Backoff {
        left_ms: u64,
        cause: String,
    },
    NoOffers,
    /// The whole set is started together, once it fits or the time is over.
    Gang {
        fits: usize,
        left_ms: u64,
        verdicts: Vec<Lacks>,
    },
    DoesNotFit {
        age_s: u64,
        offers: usize,
        nearest: String,
        verdicts: Vec<Lacks>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lacks {
    pub agent_id: String,
    pub hostname: String,
    /// `resource: needs N, offered M`, `constraint attribute:value: has X`, `quarantine: …`
    pub lacks: Vec<String>,
}

impl Report {
    /// Of an AppMaster that schedules nothing at the moment.
    pub fn idle(leadership: Leadership) -> Self {
        Self {
            high_availability: Some(leadership),
            jobmanager_leader: None,
            framework_id: None,
            subscribed: false,
            target: 0,
            running: 0,
            tasks: Vec::new(),
            waiting: None,
        }
    }
}

impl Scheduler {
    pub fn report(&self, now: Moment) -> Report {
        let tasks: Vec<_> = self.state.tasks.keys().filter_map(|id| self.task_report(id, now)).collect();
        Report {
            high_availability: None,
            jobmanager_leader: None,
            framework_id: self.state.framework_id.clone(),
            subscribed: self.is_subscribed(),
            target: self.target(),
            running: tasks.iter().filter(|task| task.state == TaskState::Running.name()).count(),
            tasks,
            waiting: match self.lacking() {
                0 => None,
                taskmanagers => Some(Waiting { taskmanagers, reason: self.reason(now) }),
            },
        }
    }

    fn task_report(&self, id: &str, now: Moment) -> Option<TaskReport> {
        let record = self.state.tasks.get(id)?;
        let seen = self.seen.get(id)?;
        Some(TaskReport {
            task_id: id.to_owned(),
            agent_id: record.agent_id.clone(),
            hostname: record.hostname.clone(),
            state: match &seen.what {
                Sight::Nothing => "LAUNCHED".into(),
                Sight::Alive(state) | Sight::Missing(state) => state.name().into(),
            },
            since_s: now.since(seen.since).as_secs(),
            ending: record.goal == Goal::End,
        })
    }

    fn reason(&self, now: Moment) -> Reason {
        if self.phase != Phase::Working {
            return Reason::Ending;
        }
        if let Connection::Disconnected { since, why } = &self.connection {
            return Reason::NotSubscribed { since_s: now.since(*since).as_secs(), why: why.clone() };
        }
        if self.jobmanager == JobManager::Starting {
            return Reason::JobManagerStarting;
        }
        if let Some(hold) = self.hold.as_ref().filter(|hold| !hold.until.has_passed(now)) {
            let left_ms = u64::try_from(hold.until.left(now).as_millis()).unwrap_or(u64::MAX);
            return Reason::Backoff { left_ms, cause: hold.cause.clone() };
        }
        if let (Some(gang), Some(patience)) = (&self.gang, self.spec.gang)
            && gang.since + patience > now
        {
            let left = (gang.since + patience).since(now);
            return Reason::Gang {
                fits: gang.fits,
                left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                verdicts: self.lacks(now),
            };
        }
        match &self.last_round {
            Some(round) if round.nearest.is_some() => Reason::DoesNotFit {
                age_s: now.since(round.at).as_secs(),
                offers: round.offers,
                nearest: round.nearest.as_ref().map(|nearest| nearest.told(now)).unwrap_or_default(),
                verdicts: self.lacks(now),
            },
            Some(_) | None => Reason::NoOffers,
        }
    }

    fn lacks(&self, now: Moment) -> Vec<Lacks> {
        let verdicts = self.verdicts(VERDICTS_MAX, now).into_iter();
        verdicts.map(|verdict| lacks(verdict, now)).collect()
    }
}

fn lacks(verdict: Verdict, now: Moment) -> Lacks {
    let lacks = told(&verdict, now);
    Lacks { agent_id: verdict.agent_id, hostname: verdict.hostname, lacks }
}
