//! What the scheduler orders.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::wire::status::TaskState;

use super::neighbours::News;
use super::report::MasterReport;
use base::events::Level;
use domain::group::GroupName;
use domain::state::State;

/// Carried out by the driver, strictly in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Durable before any later action is carried out.
    Store(Arc<State>),
    Send(Call),
    /// Subscribe without a framework id: the old one is of no use any more.
    SubscribeAnew,
    /// Which TaskManagers the JobManager hears is to be handed in.
    AskJobManager,
    /// For the log and whoever follows the events.
    Note(Note),
    /// The framework is gone from the master; nothing is left to do.
    End,
    /// Nothing more can be done.
    Fail(Failure),
}

/// Actions in their order. Of several stores that wait only the first is kept: it stores what the state is by then, so
/// that whatever follows any of them finds it stored.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    waits_to_store: bool,
}

#[derive(Debug)]
enum Item {
    Store,
    Other(Action),
}

impl Queue {
    pub fn push_back(&mut self, action: Action) {
        self.items.push_back(Item::Other(action));
    }

    pub fn push_store(&mut self) {
        if !self.waits_to_store {
            self.items.push_back(Item::Store);
            self.waits_to_store = true;
        }
    }

    pub fn pop(&mut self, state: &SharedState) -> Option<Action> {
        Some(match self.items.pop_front()? {
            Item::Other(action) => action,
            Item::Store => {
                self.waits_to_store = false;
                Action::Store(Arc::clone(&state.0))
            }
        })
    }
}

/// The state, shared with an order to store it until it changes.
#[derive(Debug)]
pub(super) struct SharedState(Arc<State>);

impl SharedState {
    pub fn new(state: State) -> Self {
        Self(Arc::new(state))
    }
}

impl Deref for SharedState {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for SharedState {
    fn deref_mut(&mut self) -> &mut State {
        Arc::make_mut(&mut self.0)
    }
}

/// Why the scheduler gave up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error(
        "no Mesos master could be reached within {} (mesos.registration.timeout): {why}",
        humantime::format_duration(*.within)
    )]
    NoMaster { within: Duration, why: String },
    #[error("the Mesos master at {address} refused the framework ({identity})")]
    Refused {
        address: String,
        /// As whom it came, and the keys that say so.
        identity: String,
        #[source]
        why: Refusal,
    },
    #[error(
        "{failures} TaskManagers have failed{}, more than mesos.maximum-failed-tasks allows",
        .within.map(|within| format!(" within {}", humantime::format_duration(within))).unwrap_or_default()
    )]
    TooManyFailures { failures: u32, within: Option<Duration> },
    #[error("another AppMaster has taken the framework over")]
    Superseded,
}

/// A change worth a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    Subscribed { framework_id: String, master: Option<MasterReport> },
    Disconnected { why: String },
    Unreachable { address: String, why: String },
    FrameworkRemoved { framework_id: String },
    JobManagerListening,
    Scaled { group: GroupName, target: u32 },
    Launched { task: String, hostname: String, agent_id: String },
    Running { task: String, hostname: String },
    Missing { task: String, state: TaskState, detail: String },
    Returned { task: String },
    Ended { task: String, state: TaskState, detail: String, expected: bool },
    StillHeard { task: String },
    Registered { task: String, hostname: String },
    Unheard { task: String, hostname: String, since_s: u64, has_registered: bool },
    HeardAgain { task: String, after_s: u64 },
    Stays { task: String },
    GivenUp { task: String },
    Replacing { task: String, why: String },
    NotMoving { task: String },
    Retired { task: String, unheard: bool },
    Unknown { task: String, state: TaskState },
    DoesNotFit { group: GroupName, wanted: usize, offers: usize, nearest: String },
    StillWaiting { group: GroupName, tasks: usize, why: String },
    Probing { group: GroupName, failures: u32, cause: String, keys: Vec<String> },
    ProbeRegistered { group: GroupName, task: String, lacking: usize },
    Resting { group: GroupName, rest_s: u64, cause: String },
    GroupEnded { group: GroupName, task: String, code: u8 },
    StillStarting { task: String, hostname: String, state: Cow<'static, str>, since_s: u64, others: usize },
    Neighbours(News),
}

impl Note {
    /// What it is, in one word or two.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Subscribed { .. } => "subscribed",
            Self::Disconnected { .. } => "disconnected",
            Self::Unreachable { .. } => "master_unreachable",
            Self::FrameworkRemoved { .. } => "framework_removed",
            Self::JobManagerListening => "jobmanager_listening",
            Self::Scaled { .. } => "scaled",
            Self::Launched { .. } => "launched",
            Self::Running { .. } => "running",
            Self::Missing { .. } => "missing",
            Self::Returned { .. } => "returned",
            Self::Ended { .. } => "ended",
            Self::StillHeard { .. } => "still_heard",
            Self::Registered { .. } => "registered",
            Self::Unheard { .. } => "unheard",
            Self::HeardAgain { .. } => "heard_again",
            Self::Stays { .. } => "stays",
            Self::GivenUp { .. } => "given_up",
            Self::Replacing { .. } => "replacing",
            Self::NotMoving { .. } => "not_moving",
            Self::Retired { .. } => "retired",
            Self::Unknown { .. } => "unknown_task",
            Self::DoesNotFit { .. } => "does_not_fit",
            Self::StillWaiting { .. } => "still_waiting",
            Self::Probing { .. } => "probing",
            Self::ProbeRegistered { .. } => "probe_registered",
            Self::Resting { .. } => "resting",
            Self::GroupEnded { .. } => "group_ended",
            Self::StillStarting { .. } => "still_starting",
            Self::Neighbours(news) => news.kind(),
        }
    }

    /// The task that it is about.
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Launched { task, .. }
            | Self::Running { task, .. }
            | Self::Missing { task, .. }
            | Self::Returned { task }
            | Self::Ended { task, .. }
            | Self::StillHeard { task }
            | Self::Registered { task, .. }
            | Self::Unheard { task, .. }
            | Self::HeardAgain { task, .. }
            | Self::Stays { task }
            | Self::GivenUp { task }
            | Self::Replacing { task, .. }
            | Self::NotMoving { task }
            | Self::Retired { task, .. }
            | Self::Unknown { task, .. }
            | Self::ProbeRegistered { task, .. }
            | Self::GroupEnded { task, .. }
            | Self::StillStarting { task, .. } => Some(task),
            Self::Subscribed { .. }
            | Self::Disconnected { .. }
            | Self::Unreachable { .. }
            | Self::FrameworkRemoved { .. }
            | Self::JobManagerListening
            | Self::Scaled { .. }
            | Self::DoesNotFit { .. }
            | Self::Probing { .. }
            | Self::Resting { .. }
            | Self::StillWaiting { .. }
            | Self::Neighbours(_) => None,
        }
    }

    pub fn level(&self) -> Level {
        match self {
            Self::Disconnected { .. }
            | Self::Unreachable { .. }
            | Self::FrameworkRemoved { .. }
            | Self::Missing { .. }
            | Self::StillHeard { .. }
            | Self::Unheard { .. }
            | Self::GivenUp { .. }
            | Self::Unknown { .. }
            | Self::DoesNotFit { .. }
            | Self::Probing { .. }
            | Self::Resting { .. }
            | Self::StillWaiting { .. } => Level::Warn,
            Self::Ended { expected, .. } => {
                if *expected {
                    Level::Info
                } else {
                    Level::Warn
                }
            }
            Self::Neighbours(news) => news.level(),
            Self::Subscribed { .. }
            | Self::JobManagerListening
            | Self::Scaled { .. }
            | Self::Launched { .. }
            | Self::Running { .. }
            | Self::Registered { .. }
            | Self::HeardAgain { .. }
            | Self::Stays { .. }
            | Self::Returned { .. }
            | Self::Replacing { .. }
            | Self::NotMoving { .. }
            | Self::Retired { .. }
            | Self::ProbeRegistered { .. }
            | Self::GroupEnded { .. }
            | Self::StillStarting { .. } => Level::Info,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribed { framework_id, master } => {
                write!(out, "subscribed framework={framework_id}{}", at_master(master.as_ref()))
            }
            Self::Disconnected { why } => write!(out, "disconnected from the master: {why}"),
            Self::Unreachable { address, why } => write!(out, "no Mesos master at {address}: {why}"),
            Self::FrameworkRemoved { framework_id } => {
                write!(out, "the master has removed framework {framework_id}: registering as a new one")
            }
            Self::JobManagerListening => write!(out, "the JobManager listens, TaskManagers can start"),
            Self::Scaled { group, target } => write!(out, "scaled {}={target}", counted(group)),
            Self::Launched { task, hostname, agent_id } => {
                write!(out, "launched task={task} host={hostname} agent={agent_id}")
            }
            Self::Running { task, hostname } => write!(out, "running task={task} host={hostname}"),
            Self::Missing { task, state, detail } => {
                write!(out, "missing task={task} state={} {detail}", state.name())
            }
            Self::Returned { task } => write!(out, "returned task={task}"),
            Self::Ended { task, state, detail, .. } => {
                write!(out, "ended task={task} state={} {detail}", state.name())
            }
            Self::StillHeard { task } => {
                write!(out, "keeping task={task}: lost to Mesos, but the JobManager receives its heartbeats")
            }
            Self::Registered { task, hostname } => {
                write!(out, "registered task={task} host={hostname}: the JobManager receives its heartbeats")
            }
            Self::Unheard { task, hostname, since_s, has_registered } => {
                write!(out, "unheard task={task} host={hostname}: {}", silence(*since_s, *has_registered))
            }
            Self::HeardAgain { task, after_s } => {
                write!(out, "heard again task={task} after {after_s} s: the JobManager receives heartbeats")
            }
            Self::Stays { task } => {
                write!(out, "keeping task={task}: the JobManager receives its heartbeats again")
            }
            Self::Replacing { task, why } => {
                write!(out, "replacing task={task} as soon as another one runs: {why}")
            }
            Self::GivenUp { task } => write!(out, "given up task={task}: it did not come back"),
            Self::NotMoving { task } => {
                write!(out, "not moving task={task}: its agent's maintenance has been called off or is over")
            }
            Self::Retired { task, unheard } => write!(out, "retiring task={task}: {}", retired(*unheard)),
            Self::Unknown { task, state } => {
                write!(out, "killing task={task} state={}: this AppMaster has not launched it", state.name())
            }
            Self::DoesNotFit { group, wanted, offers, nearest } => {
                write!(out, "no offer has room {}={wanted} offers={offers} {nearest}", counted(group))
            }
            Self::StillWaiting { group, tasks, why } => {
                write!(out, "still waiting {}={tasks}: {why}", counted(group))
            }
            Self::Probing { group, failures, cause, keys } => {
                out.write_str(&probing(&named(group), *failures, cause, keys))
            }
            Self::ProbeRegistered { group, task, lacking } => {
                out.write_str(&probe_registered(group, task, *lacking))
            }
            Self::Resting { group, rest_s, cause } => out.write_str(&resting(group, *rest_s, cause)),
            Self::GroupEnded { group, task, code } => out.write_str(&group_ended(group, task, *code)),
            Self::Neighbours(news) => write!(out, "{news}"),
            Self::StillStarting { task, hostname, state, since_s, others } => {
                let more = if *others == 0 { String::new() } else { format!(", and {others} more") };
                write!(out, "still starting task={task} host={hostname} state={state} for {since_s} s{more}")
            }
        }
    }
}

fn at_master(master: Option<&MasterReport>) -> String {
    master.map_or_else(String::new, |MasterReport { hostname, port, version }| {
        format!(" master={hostname}:{port} version={version}")
    })
}

fn silence(since_s: u64, has_registered: bool) -> String {
    if has_registered {
        format!("the JobManager has received no heartbeat from it for {since_s} s")
    } else {
        format!("it has run for {since_s} s and has not registered with the JobManager")
    }
}

fn retired(unheard: bool) -> &'static str {
    if unheard { "the JobManager receives no heartbeats from it" } else { "more than wanted" }
}

/// The key of a number of its tasks.
fn counted(group: &GroupName) -> String {
    if group.is_taskmanagers() { "taskmanagers".to_owned() } else { format!("group={group} tasks") }
}

/// Its tasks.
fn named(group: &GroupName) -> String {
    if group.is_taskmanagers() { "TaskManagers".to_owned() } else { format!("tasks of {group}") }
}

fn probe_registered(group: &GroupName, task: &str, lacking: usize) -> String {
    format!("registered task={task}: {} start again, launching the other {lacking}", named(group))
}

fn resting(group: &GroupName, rest_s: u64, cause: &str) -> String {
    format!("launching none of the {} for {rest_s} s: {cause}", named(group))
}

fn group_ended(group: &GroupName, task: &str, code: u8) -> String {
    format!("group={group} has ended: task={task} ended with code {code}")
}

fn probing(tasks: &str, failures: u32, cause: &str, keys: &[String]) -> String {
    let text = format!(
        "{failures} {tasks} failed at their start and none has registered since: \
         trying one at a time; the last failure: {cause}"
    );
    if keys.is_empty() { text } else { format!("{text}; check {}", keys.join(", ")) }
}
