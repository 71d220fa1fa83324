//! Why things are as they are, for log, status page, `explain` and tests alike.

mod agents;
mod groups;
mod probing;
mod views;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

pub use agents::{AgentStanding, AgentState};
pub use groups::GroupReport;

pub use probing::ProbingReport;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::time::Moment;
use domain::demand::Asked;
use domain::group::GroupName;
use domain::leadership::Leadership;
use mesos::wire::status::TaskState;

use super::counters::Counters;
use super::explain::descriptions;
use super::neighbours::Neighbours;
use super::verdict::Verdict;
use super::{Connection, JobManager, Phase, Scheduler, Seen, Sight};
use domain::state::Goal;

/// The status tells of so many agents; `explain` of more.
const MAX_VERDICTS: usize = 20;

/// A picture of the scheduler; spans of time are seconds up to the moment it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Only with high availability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_availability: Option<Leadership>,
    /// Only with high availability: where the JobManager that leads Flink answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobmanager_leader: Option<String>,
    /// Why this AppMaster's JobManager, which leads Flink, has lost its place in Flink's election.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobmanager_trouble: Option<String>,
    pub framework_id: Option<String>,
    /// The one that took the last subscription.
    pub master: Option<MasterReport>,
    pub subscribed: bool,
    /// How many TaskManagers there shall be.
    pub target: u32,
    /// How many Mesos runs and the JobManager hears, as far as it can be asked.
    pub running: usize,
    /// How many Mesos runs and the JobManager has not heard for long.
    pub unheard: usize,
    /// Only where the number follows the jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Of all groups.
    pub tasks: Vec<TaskReport>,
    /// How many TaskManagers are still to be launched, and why they are not; none when all are.
    pub waiting: Option<Waiting>,
    /// While TaskManagers fail at their start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing: Option<ProbingReport>,
    /// By name, where there are other groups of tasks than that of TaskManagers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupReport>,
    /// Those with TaskManagers of ours, and those that something is held against.
    pub agents: Vec<AgentState>,
    pub neighbours: Neighbours,
    pub counters: Counters,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MasterReport {
    pub hostname: String,
    pub port: u16,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskReport {
    pub task_id: String,
    /// The group that it is of, where that is not the TaskManagers'.
    #[serde(default, skip_serializing_if = "GroupName::is_taskmanagers")]
    #[schema(value_type = String)]
    pub group: GroupName,
    /// Which of the group's launches it is, from 1; not counted of TaskManagers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Of the group's specification that it was launched with; not counted of TaskManagers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: u64,
    pub agent_id: String,
    pub hostname: String,
    /// Mesos' name of the state, or `LAUNCHED` before the first update.
    #[schema(value_type = String)]
    pub state: Cow<'static, str>,
    pub since_s: u64,
    /// The same as seconds since 1970.
    pub since: u64,
    pub registration: Registration,
    /// For how many seconds the JobManager has received no heartbeat, if that is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard_s: Option<u64>,
    /// It is being killed.
    pub ending: bool,
    /// It is being replaced: it goes on until another TaskManager runs.
    pub giving_way: bool,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// What the JobManager says of a TaskManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// The JobManager has not answered yet, or cannot be asked.
    Unknown,
    /// It has not registered yet.
    Awaited,
    Registered,
    /// The JobManager has received no heartbeat for long, or none since the TaskManager runs.
    Unheard,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    pub taskmanagers: usize,
    pub reason: Reason,
    /// The reason in words.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    Ending,
    NotSubscribed {
        since_s: u64,
        why: Option<String>,
    },
    /// The state cannot be written, and nothing is done that depends on it.
    NotStored {
        why: String,
    },
    JobManagerStarting,
    /// What agents fetch is read to make addresses of its content.
    FilesUnread,
    /// Earlier TaskManagers failed.
    Backoff {
        left_ms: u64,
        cause: String,
    },
    /// TaskManagers fail at their start, so that few at a time are tried until one registers.
    Probing(ProbingReport),
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

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lacks {
    pub agent_id: String,
    pub hostname: String,
    /// `resource: needs N, offered M`, `constraint attribute:value: has X`, `quarantine: …`
    pub lacks: Vec<String>,
}

impl TaskReport {
    /// Mesos says so.
    fn is_running(&self) -> bool {
        self.state == TaskState::Running.name()
    }

    /// Mesos says that it runs, and the JobManager hears it, where it can be asked.
    pub fn runs(&self) -> bool {
        match self.registration {
            Registration::Unknown | Registration::Registered => self.is_running(),
            Registration::Awaited | Registration::Unheard => false,
        }
    }

    /// Mesos says that it runs, and the JobManager has not heard it for long.
    pub fn is_unheard(&self) -> bool {
        self.is_running() && !self.ending && self.registration == Registration::Unheard
    }

    /// In words, for those that are not heard.
    pub fn silence(&self) -> String {
        let since = self.unheard_s.unwrap_or_default();
        format!("{} on {} for {since} s", self.task_id, self.hostname)
    }
}

impl Waiting {
    pub fn new(taskmanagers: usize, reason: Reason) -> Self {
        Self { taskmanagers, why: reason.to_string(), reason }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ending => write!(out, "the cluster is ending"),
            Self::NotSubscribed { since_s, why: None } => {
                write!(out, "not subscribed to a Mesos master for {since_s} s")
            }
            Self::NotSubscribed { since_s, why: Some(why) } => {
                write!(out, "not subscribed to a Mesos master for {since_s} s: {why}")
            }
            Self::NotStored { why } => write!(out, "{why}"),
            Self::JobManagerStarting => write!(out, "the JobManager does not listen yet"),
            Self::FilesUnread => write!(out, "the files that agents fetch are still being read"),
            Self::Backoff { left_ms, cause } => {
                write!(out, "launching again in {} s after a failure: {cause}", seconds(*left_ms))
            }
            Self::Probing(probing) => write!(out, "{probing}"),
            Self::NoOffers => write!(out, "waiting for offers; none since REVIVE"),
            Self::Gang { fits, left_ms, .. } => write!(
                out,
                "all start together (mesos.gang-start.timeout): {fits} would fit now, waiting {} s at most for the rest",
                seconds(*left_ms)
            ),
            Self::DoesNotFit { age_s, offers, nearest, .. } => {
                write!(out, "no room in {offers} offers {age_s} s ago; {nearest}")
            }
        }
    }
}

impl Report {
    /// Of an AppMaster that schedules nothing at the moment.
    pub fn idle(leadership: Leadership) -> Self {
        Self {
            high_availability: Some(leadership),
            jobmanager_leader: None,
            jobmanager_trouble: None,
            framework_id: None,
            master: None,
            subscribed: false,
            target: 0,
            running: 0,
            unheard: 0,
            asked: None,
            tasks: Vec::new(),
            waiting: None,
            probing: None,
            groups: BTreeMap::new(),
            agents: Vec::new(),
            neighbours: Neighbours::default(),
            counters: Counters::default(),
        }
    }
}

impl Scheduler {
    pub fn report(&self, now: Moment) -> Report {
        let tasks: Vec<_> = self.state.tasks.keys().filter_map(|id| self.task_report(id, now)).collect();
        let mut groups = self.group_reports(&tasks, now);
        let GroupReport { target, running, unheard, asked, waiting, probing, .. } =
            groups.get(GroupName::TASKMANAGERS.text()).cloned().unwrap_or_default();
        if groups.len() == 1 && self.groups.contains_key(&GroupName::TASKMANAGERS) {
            groups.clear();
        }
        Report {
            high_availability: None,
            jobmanager_leader: None,
            jobmanager_trouble: None,
            framework_id: self.state.framework_id.clone(),
            master: self.master.clone(),
            subscribed: self.is_subscribed(),
            target,
            running,
            unheard,
            asked,
            tasks,
            waiting,
            probing,
            groups,
            agents: self.agent_states(now),
            neighbours: self.neighbours.neighbours().clone(),
            counters: self.counters,
        }
    }

    pub(super) fn task_report(&self, id: &str, now: Moment) -> Option<TaskReport> {
        let record = self.state.tasks.get(id)?;
        let seen = self.seen.get(id)?;
        Some(TaskReport {
            task_id: id.to_owned(),
            group: record.group.clone(),
            attempt: record.attempt,
            generation: record.generation,
            agent_id: record.agent_id.clone(),
            hostname: record.hostname.clone(),
            state: match &seen.what {
                Sight::Nothing => "LAUNCHED".into(),
                Sight::Alive(state) | Sight::Missing(state) => state.name().into(),
            },
            since_s: now.since(seen.since).as_secs(),
            since: self.since_1970(seen.since),
            registration: self.registration(seen),
            unheard_s: seen.silent_for(now).map(|silent| silent.as_secs()),
            ending: record.goal == Goal::End,
            giving_way: record.goal == Goal::Replace,
        })
    }

    fn registration(&self, seen: &Seen) -> Registration {
        match (self.witness.answered, seen.heard) {
            _ if seen.hearing.is_unheard => Registration::Unheard,
            (_, Some(_)) => Registration::Registered,
            (Some(_), None) => Registration::Awaited,
            (None, None) => Registration::Unknown,
        }
    }

    pub(super) fn since_1970(&self, moment: Moment) -> u64 {
        (self.spec.epoch + moment.since(Moment::START)).as_secs()
    }

    /// Why tasks of the group are lacking.
    pub(super) fn reason(&self, name: &GroupName, now: Moment) -> Reason {
        if self.phase != Phase::Working {
            return Reason::Ending;
        }
        if let Connection::Disconnected { since, why } = &self.connection {
            return Reason::NotSubscribed { since_s: now.since(*since).as_secs(), why: why.clone() };
        }
        if self.jobmanager == JobManager::Starting {
            return Reason::JobManagerStarting;
        }
        let Some(group) = self.groups.get(name) else { return Reason::Ending };
        if group.spec.template.delivery.is_none() {
            return Reason::FilesUnread;
        }
        let hold = group.hold.as_ref().filter(|hold| !hold.until.has_passed(now));
        if let Some(probing) = self.probing_report(name, now).filter(|_| !group.rests(now))
            && (probing.left_ms > 0 || !probing.tasks.is_empty())
        {
            return Reason::Probing(probing);
        }
        if let Some(hold) = hold.filter(|hold| hold.places >= self.lacking(name)) {
            let left_ms = u64::try_from(hold.until.left(now).as_millis()).unwrap_or(u64::MAX);
            return Reason::Backoff { left_ms, cause: hold.cause.clone() };
        }
        if let (Some(gang), Some(patience)) = (&group.gang, group.spec.gang)
            && gang.since + patience > now
        {
            let left = (gang.since + patience).since(now);
            return Reason::Gang {
                fits: gang.fits,
                left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                verdicts: self.lacks(name, now),
            };
        }
        match &group.last_round {
            Some(round) if round.nearest.is_some() => Reason::DoesNotFit {
                age_s: now.since(round.at).as_secs(),
                offers: round.offers,
                nearest: round.nearest.as_ref().map(|nearest| nearest.describe(now)).unwrap_or_default(),
                verdicts: self.lacks(name, now),
            },
            Some(_) | None => Reason::NoOffers,
        }
    }

    fn lacks(&self, name: &GroupName, now: Moment) -> Vec<Lacks> {
        let verdicts = self.verdicts(name, MAX_VERDICTS, now).into_iter();
        verdicts.map(|verdict| lacks(verdict, now)).collect()
    }
}

fn lacks(verdict: Verdict, now: Moment) -> Lacks {
    let lacks = descriptions(&verdict, now);
    Lacks { agent_id: verdict.agent_id, hostname: verdict.hostname, lacks }
}
