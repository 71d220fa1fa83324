//! The heart: keeps the wanted number of each group of tasks running in Mesos; a cluster's TaskManagers are one group.
//!
//! [`Scheduler`] is pure. Facts come in through `handle_…`, orders go out through [`Scheduler::next_action`] and must
//! be carried out in their order; a [`Action::Store`] is durable before any later action. Facts that came together may
//! be handed in together: one `Store` then stands for all of them. Time and randomness are arguments. [`driver`] is the one asynchronous file.

#![forbid(unsafe_code)]

mod action;
mod again;
mod agents;
mod cause;
mod check;
pub mod counters;
mod demand;
mod departures;
pub mod driver;
mod elastic;
pub mod explain;
mod failures;
pub mod fitting;
mod gang;
mod giving_way;
pub mod ground;
mod group;
mod life;
mod look;
pub mod neighbours;
mod offered;
mod offers;
pub mod place;
mod probe;
mod progress;
pub mod queue;
mod reconcile;
pub mod report;
pub mod resources;
mod retire;
pub mod spec;
mod task;
#[cfg(test)]
mod tests;
mod timeout;
mod token;
#[cfg(test)]
mod transcript;
mod turns;
mod updates;
pub mod verdict;
pub mod witness;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub use action::{Action, Failure, Note};

use base::time::Moment;
use domain::group::GroupName;
use mesos::call::Call;
use mesos::wire::status::TaskState;

use action::{Queue, SharedState};
use again::FailedCalls;
use agents::Agents;
use counters::Counters;
use demand::{Demand, Reviving};
use departures::Departures;
use domain::state::{Goal, State};
use group::{Census, Group};
use look::Look;
use offered::Offered;
use reconcile::Reconciliation;
use report::MasterReport;
use spec::Spec;
use witness::{Hearing, Witness};

/// Everything the scheduler knows.
pub struct Scheduler {
    /// Without the groups.
    spec: Spec,
    /// In boxes, as a map has much room to spare.
    groups: BTreeMap<GroupName, Box<Group>>,
    state: SharedState,
    /// What we have seen of each task in `state.tasks`, by task id; lost with the worker and asked for again.
    seen: BTreeMap<String, Seen>,
    phase: Phase,
    connection: Connection,
    jobmanager: JobManager,
    demand: Option<Demand>,
    /// REVIVE again until an offer proves that it arrived.
    reviving: Reviving,
    /// Offers are asked for although nothing may be wanted.
    look: Look,
    agents: Agents,
    departures: Departures,
    witness: Witness,
    /// No task settles by itself before; none while none runs that has not.
    settles_from: Option<Moment>,
    reconciliation: Reconciliation,
    offered: Offered,
    counters: Counters,
    neighbours: neighbours::Watch,
    /// The one that took the last subscription.
    master: Option<MasterReport>,
    /// The master's, as far as it told.
    home_region: Option<String>,
    failed_calls: FailedCalls,
    actions: Queue,
    /// Counted when asked for after a change.
    census: OnceLock<Census>,
    random: fastrand::Rng,
    #[cfg(test)]
    serves_by_name: bool,
}

/// What the updates told about a task.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    what: Sight,
    since: Moment,
    launched: Moment,
    running_since: Option<Moment>,
    /// Missing for so long that the next answer of this kind is the last.
    last_asked: bool,
    kill_sent: Option<Moment>,
    /// When the JobManager has heard it last, as far as it said.
    heard: Option<Moment>,
    hearing: Hearing,
    /// Since when it gives way because the JobManager does not hear it.
    gives_way_since: Option<Moment>,
    /// It has registered with the JobManager, or has had the time for it.
    is_settled: bool,
    /// This scheduler has launched it.
    is_fresh: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Sight {
    /// Launched or taken up, and no update yet.
    Nothing,
    Alive(TaskState),
    /// Mesos does not know where it is; it may come back.
    Missing(TaskState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Working,
    /// The framework is to be torn down as soon as the master can hear it.
    Ending,
    Ended,
}

#[derive(Clone, Debug, PartialEq)]
enum Connection {
    Subscribed { since: Moment },
    Disconnected { since: Moment, why: Option<String> },
}

/// A TaskManager that is started before its JobManager listens loses seconds in retries, so none is launched
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobManager {
    Starting,
    Listening,
}

/// What a call that failed has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    Unknown,
}

impl Scheduler {
    /// Goes on from `state`, which the store gave or [`State::default`] with a fresh secret.
    pub fn new(spec: Spec, state: State, seed: u64, now: Moment) -> Self {
        let seen = state.tasks.keys().map(|id| (id.clone(), Seen::new(now))).collect();
        let Spec { groups, has_jobmanager, .. } = spec;
        let spec = Spec { groups: BTreeMap::new(), ..spec };
        let mut scheduler = Self {
            groups: groups.into_iter().map(|(name, spec)| (name, Box::new(Group::new(spec, now)))).collect(),
            agents: Agents::default(),
            departures: Departures::default(),
            witness: Witness::default(),
            settles_from: None,
            failed_calls: FailedCalls::new(spec.patience.call_again),
            reviving: Reviving::new(spec.patience.revive),
            look: Look::default(),
            reconciliation: Reconciliation::new(&spec.patience),
            spec,
            state: SharedState::new(state),
            seen,
            phase: Phase::Working,
            connection: Connection::Disconnected { since: now, why: None },
            jobmanager: if has_jobmanager { JobManager::Starting } else { JobManager::Listening },
            demand: Some(Demand::Suppressed),
            offered: Offered::default(),
            counters: Counters::default(),
            neighbours: neighbours::Watch::default(),
            master: None,
            home_region: None,
            actions: Queue::default(),
            census: OnceLock::new(),
            random: fastrand::Rng::with_seed(seed),
            #[cfg(test)]
            serves_by_name: false,
        };
        // There may be fewer groups, or fewer may be wanted, than when the state was stored.
        scheduler.retire_strangers();
        scheduler.retire_surplus();
        scheduler.resume_probing(now);
        scheduler
    }

    /// The next order, or none when the next fact may come.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop(&self.state)
    }

    /// The fault domain's region of the master that took the subscription, if it has one.
    pub fn handle_home_region(&mut self, region: Option<String>) {
        self.home_region = region;
    }

    /// Who took the subscription.
    pub fn handle_master(&mut self, master: MasterReport) {
        self.master = Some(master);
    }

    /// The JobManager's RPC port is open.
    pub fn handle_jobmanager_listening(&mut self, now: Moment) {
        if self.jobmanager == JobManager::Starting {
            self.jobmanager = JobManager::Listening;
            self.note(Note::JobManagerListening);
        }
        self.plan(now);
    }

    /// A call did not reach the master, or nobody knows whether it did.
    pub fn handle_call_failed(&mut self, call: &Call, effect: Effect, now: Moment) {
        match (call, effect) {
            (Call::Accept { launch, .. }, Effect::None) => {
                self.forget_launches(launch);
                self.failed_calls.wait(None, self.random.f64(), now);
            }
            // The tasks are asked about when they stay silent.
            (Call::Accept { .. }, Effect::Unknown) => {}
            (Call::Revive { .. } | Call::Suppress { .. }, Effect::None | Effect::Unknown) => {
                self.demand = None;
                self.failed_calls.wait(None, self.random.f64(), now);
            }
            (Call::Kill { task_id, .. }, Effect::None | Effect::Unknown) => {
                if let Some(seen) = self.seen.get_mut(task_id.text()) {
                    seen.kill_sent = None;
                }
                self.failed_calls.wait(None, self.random.f64(), now);
            }
            // Without an answer the master may wait for one as long as the subscription lasts; an agent that is not
            // asked for again is taken for one that stays; and who shall end waits for nothing else.
            (Call::Decline { .. }, Effect::Unknown)
            | (Call::AcceptInverseOffers { .. } | Call::Teardown, Effect::None | Effect::Unknown)
                if self.is_subscribed() =>
            {
                self.failed_calls.wait(Some(call.clone()), self.random.f64(), now);
            }
            // Offers run out or come again, updates are repeated, questions too, and TEARDOWN goes out with the
            // next subscription.
            (
                Call::Decline { .. }
                | Call::AcceptInverseOffers { .. }
                | Call::Acknowledge { .. }
                | Call::Reconcile { .. }
                | Call::Teardown,
                Effect::None | Effect::Unknown,
            ) => {}
        }
        self.plan(now);
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Ids of the tasks that shall run, of whatever group.
    fn kept(&self) -> impl Iterator<Item = &String> {
        self.state.tasks.iter().filter(|(_, record)| record.goal == Goal::Run).map(|(id, _)| id)
    }

    fn goal(&self, id: &str) -> Option<Goal> {
        self.state.tasks.get(id).map(|record| record.goal)
    }

    fn is_working(&self) -> bool {
        self.phase == Phase::Working && self.is_subscribed()
    }

    fn is_subscribed(&self) -> bool {
        matches!(self.connection, Connection::Subscribed { .. })
    }

    fn send(&mut self, call: Call) {
        self.counters.count_call(&call);
        self.actions.push_back(Action::Send(call));
    }

    /// The state has changed.
    fn store(&mut self) {
        self.census = OnceLock::new();
        self.actions.push_store();
    }

    fn note(&mut self, note: Note) {
        self.counters.count_note(&note);
        self.actions.push_back(Action::Note(note));
    }
}

impl Seen {
    fn new(now: Moment) -> Self {
        Self {
            what: Sight::Nothing,
            since: now,
            launched: now,
            running_since: None,
            last_asked: false,
            kill_sent: None,
            heard: None,
            hearing: Hearing::default(),
            gives_way_since: None,
            is_settled: false,
            is_fresh: false,
        }
    }
}
