//! What AppMasters are told to do while they run, until one says what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base::events::Level;
use base::time::{Backoff, BackoffPolicy};
use domain::carried::Carried;
use domain::job::SessionJob;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::{Attempt, Cluster};
use super::limits::{self, MAX_TEXT};
use super::refusal::Refusal;
use super::stored::Write;
use super::{Action, Dispatcher};
use domain::time::Timestamp;

/// Of one cluster: one number of TaskManagers, restarts of some, and jobs.
#[cfg(test)]
pub const MAX_PENDING: usize = 1 + MAX_RESTARTS + super::jobs::MAX_UNSUBMITTED;
const MAX_RESTARTS: usize = 15;

/// An id that is never given: what an AppMaster is told last may have it.
pub const LAST_ID: u64 = u64::MAX;

/// Before an AppMaster that could not carry out an order is told it again.
const NOT_NOW: BackoffPolicy =
    BackoffPolicy { first: Duration::from_secs(1), most: Duration::from_secs(60), jitter: 0.0 };

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Instruction {
    /// Keep so many TaskManagers.
    Scale { taskmanagers: u32 },
    /// Start another TaskManager in the place of this one.
    Replace { taskmanager: String },
    /// Give the JobManager this job.
    Submit { job_id: String, job: SessionJob },
}

/// An order to a cluster's AppMaster of which no outcome is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingOrder {
    /// Grows from order to order of one cluster. An AppMaster answers each once.
    pub id: u64,
    #[serde(flatten)]
    pub what: Instruction,
    /// When it was ordered.
    pub at: Timestamp,
    /// As often an AppMaster could not carry it out yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub postponed: u32,
    /// When it is told again after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why it could not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How an AppMaster stands that asks what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// It knows of no others.
    Alone,
    /// It was elected, and nothing that another one writes counts.
    Leader,
}

/// What there is to do, by task of an AppMaster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instructions(BTreeMap<String, ToDo>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct ToDo {
    /// No AppMaster of the cluster was launched later.
    is_newest: bool,
    orders: Arc<Vec<PendingOrder>>,
}

/// What an AppMaster is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due<'a> {
    /// By their ids: none is told before those that were ordered earlier.
    pub orders: &'a [PendingOrder],
    /// When there is more.
    pub next: Option<Timestamp>,
}

impl Instructions {
    /// For the AppMaster that is this task.
    pub fn due(&self, task_id: &str, asker: Asker, now: Timestamp) -> Due<'_> {
        let Some(ToDo { is_newest, orders }) = self.0.get(task_id) else { return Due::default() };
        // Two that know of no others are no cluster: the later one is in the place of the other.
        if asker == Asker::Alone && !is_newest {
            return Due::default();
        }
        let is_due = |order: &PendingOrder| order.waits_until(now).is_none();
        let count = orders.iter().position(|order| !is_due(order)).unwrap_or(orders.len());
        let next = orders.get(count).and_then(|order| order.waits_until(now));
        Due { orders: &orders[..count], next }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PendingOrder {
    fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let most = now.0.saturating_add(millis(NOT_NOW.most));
        // A clock that was set back lengthens no wait.
        self.not_before.filter(|until| *until > now && until.0 <= most)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// `1 TaskManager`, `2 TaskManagers`
pub fn counted(taskmanagers: u32) -> String {
    format!("{taskmanagers} TaskManager{}", if taskmanagers == 1 { "" } else { "s" })
}

impl fmt::Display for Instruction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale { taskmanagers } => write!(out, "scaling to {}", counted(*taskmanagers)),
            Self::Replace { taskmanager } => write!(out, "restart of TaskManager {taskmanager}"),
            Self::Submit { job_id, .. } => write!(out, "submission of job {job_id}"),
        }
    }
}

impl Instruction {
    fn done(&self) -> String {
        match self {
            Self::Scale { taskmanagers } => format!("scaled to {}", counted(*taskmanagers)),
            Self::Replace { taskmanager } => format!("TaskManager {taskmanager} is being replaced"),
            Self::Submit { job_id, .. } => format!("job {job_id} was submitted"),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Scale { .. } => "scaled",
            Self::Replace { .. } => "replaced",
            Self::Submit { .. } => "job",
        }
    }
}

impl Dispatcher {
    /// What there is to do for AppMasters. Only what is durable may be told them: so it is asked when there is no next action.
    pub fn instructions(&self) -> Instructions {
        let has_some = |cluster: &Cluster| !cluster.status.pending.is_empty() && cluster.may_be_told();
        let mut all = BTreeMap::new();
        for cluster in self.clusters.values().filter(|cluster| has_some(cluster)) {
            let orders = Arc::new(cluster.status.pending.clone());
            let newest = cluster.current().map(|attempt| attempt.number).max();
            for attempt in cluster.current() {
                let is_newest = Some(attempt.number) == newest;
                all.insert(attempt.task_id.clone(), ToDo { is_newest, orders: Arc::clone(&orders) });
            }
        }
        Instructions(all)
    }

    /// What came of an order, as the AppMaster says that is this task. What is no order of its cluster any more changes nothing.
    /// Whether the AppMaster is a current one; what others say is not taken down, and may be said again.
    pub fn handle_outcome(&mut self, task_id: &str, id: u64, carried: &Carried, now: Timestamp) -> bool {
        let Self { clusters, limits, sequence, .. } = self;
        let mut clusters = clusters.values_mut();
        let Some(cluster) = clusters.find(|cluster| cluster.current().any(|own| own.task_id == task_id))
        else {
            return false;
        };
        let Some(told) = cluster.take_outcome(id, carried, now) else { return true };
        let name = cluster.name.clone();
        let mut writes = vec![Write::status(&name, &cluster.status)];
        let mut then = None;
        if let Told { event: Some((kind, level, text)) } = told {
            *sequence += 1;
            then = Some(cluster.note(*sequence, kind, level, &text, now, limits.events));
            writes.push(Write::events(&name, &cluster.events));
        }
        self.commit(writes);
        then.into_iter().for_each(|event| self.act(Action::Event(event)));
        true
    }

    /// The attempt that runs in the place of this task, which the scheduler has given up. None where its cluster does not run
    /// without it, as far as is known.
    pub fn successor(&self, task_id: &str) -> Option<u32> {
        let (cluster, gone) = self.clusters.values().find_map(|cluster| {
            let known = cluster.status.attempts.iter().find(|attempt| attempt.task_id == task_id)?;
            Some((cluster, known))
        })?;
        if gone.ended.is_none() || cluster.target() == 0 {
            return None;
        }
        let running: Vec<_> = cluster.current().filter(|attempt| attempt.runs()).collect();
        let later = running.iter().map(|attempt| attempt.number).max();
        let is_whole = running.len() >= cluster.replicas() as usize;
        later.filter(|number| is_whole && *number > gone.number)
    }
}

/// What is told of an outcome that was stored.
struct Told {
    event: Option<(&'static str, Level, String)>,
}

impl Cluster {
    /// Nobody is there to carry anything out, and who comes begins with what the specification says.
    pub fn is_over(&self) -> bool {
        self.is_deleted() || self.is_suspended() || self.status.ended.is_some()
    }

    /// Those that have not ended, and were launched with what counts now.
    pub fn current(&self) -> impl Iterator<Item = &Attempt> {
        let generation = self.status.generation;
        self.alive().filter(move |attempt| attempt.generation == generation)
    }

    /// What was launched before the scheduler heard of the last specification has read an older one: until it is known who was,
    /// nobody is told anything.
    fn may_be_told(&self) -> bool {
        self.view.is_some() && !self.status.frozen && !self.is_over()
    }

    /// There shall be as many TaskManagers as what runs says. An AppMaster reads their number from its configuration when it
    /// begins; one that was ordered another since goes on with that, and so does its successor with high availability.
    pub fn scale(&mut self, now: Timestamp) {
        self.status.pending.retain(|order| !matches!(order.what, Instruction::Scale { .. }));
        if let Some(taskmanagers) = self.running().manifest.spec.initial_task_managers(&self.name) {
            self.order(Instruction::Scale { taskmanagers }, now);
        }
    }

    /// The same where it begins after it was over: nobody knows what the last AppMaster could remove of what it was ordered.
    pub fn scale_again(&mut self, now: Timestamp) {
        if self.status.ordered > 0 {
            self.scale(now);
        }
    }

    /// Whether that is new.
    pub fn order_replacement(&mut self, taskmanager: &str, now: Timestamp) -> Result<bool, Refusal> {
        let what = Instruction::Replace { taskmanager: taskmanager.to_owned() };
        if self.status.pending.iter().any(|order| order.what == what) {
            return Ok(false);
        }
        let replaces = |order: &&PendingOrder| matches!(order.what, Instruction::Replace { .. });
        if self.status.pending.iter().filter(replaces).count() >= MAX_RESTARTS {
            return Err(Refusal::TooManyRestarts { name: self.name.clone(), most: MAX_RESTARTS });
        }
        self.order(what, now);
        Ok(true)
    }

    pub(crate) fn order(&mut self, what: Instruction, at: Timestamp) {
        let id = self.next_id();
        let pending = PendingOrder { id, what, at, postponed: 0, not_before: None, why: None };
        self.status.pending.push(pending);
    }

    fn next_id(&mut self) -> u64 {
        self.status.ordered = self.status.ordered.saturating_add(1).min(LAST_ID - 1);
        self.status.ordered
    }

    /// None where no such order is pending.
    fn take_outcome(&mut self, id: u64, carried: &Carried, now: Timestamp) -> Option<Told> {
        let place = self.status.pending.iter().position(|order| order.id == id)?;
        let order = self.status.pending.remove(place);
        if let Instruction::Submit { job_id, .. } = &order.what {
            self.take_submission(job_id, carried);
        }
        let kind = order.what.word();
        let event = match carried {
            Carried::Done => Some((kind, Level::Info, order.what.done())),
            Carried::Refused { why } => {
                Some((kind, Level::Warn, format!("{} was refused: {why}", order.what)))
            }
            Carried::NotNow { why } => {
                // Once, however often it is tried.
                let text = (order.postponed == 0).then(|| format!("{} has to wait: {why}", order.what));
                self.postpone(order, why, now);
                text.map(|text| (kind, Level::Info, text))
            }
        };
        Some(Told { event })
    }

    /// An AppMaster answers an id once, so it gets another one; and as ids are told in their order, others wait for it.
    fn postpone(&mut self, order: PendingOrder, why: &str, now: Timestamp) {
        let wait = Backoff::after(NOT_NOW, order.postponed).failed(0.0);
        let not_before = Timestamp(now.0.saturating_add(millis(wait)));
        let id = self.next_id();
        self.status.pending.push(PendingOrder {
            id,
            postponed: order.postponed.saturating_add(1),
            not_before: Some(not_before),
            why: Some(limits::cut(why, MAX_TEXT)),
            ..order
        });
    }
}
