//! The heart: keeps the wanted number of TaskManagers running as Mesos tasks.
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
mod gang;
mod giving_way;
mod life;
pub mod neighbours;
mod offered;
mod offers;
pub mod place;
mod probe;
mod progress;
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
mod updates;
pub mod verdict;
pub mod witness;

use std::collections::BTreeMap;

pub use action::{Action, Failure, Note};

use base::time::{Backoff, Deadline, Moment};
use domain::demand::Asked;
use mesos::call::Call;
use mesos::wire::status::TaskState;

use action::Queue;
use again::FailedCalls;
use agents::Agents;
use counters::Counters;
use demand::{Demand, Reviving};
use departures::Departures;
use domain::leadership::NotScaled;
use domain::state::{Goal, State};
use failures::{Hold, Replacing};
use gang::Gang;
use offered::Offered;
use probe::Starts;
use progress::Progress;
use reconcile::Reconciliation;
use report::MasterReport;
use spec::{Delivery, Spec};
use verdict::Verdict;
use witness::{Hearing, Witness};

/// Everything the scheduler knows.
pub struct Scheduler {
    spec: Spec,
    state: State,
    /// What we have seen of each task in `state.tasks`, by task id; lost with the worker and asked for again.
    seen: BTreeMap<String, Seen>,
    phase: Phase,
    connection: Connection,
    jobmanager: JobManager,
    demand: Option<Demand>,
    /// REVIVE again until an offer proves that it arrived.
    reviving: Reviving,
    agents: Agents,
    departures: Departures,
    witness: Witness,
    /// While the whole set of TaskManagers waits for offers that hold all of it.
    gang: Option<Gang>,
    replacing: Replacing,
    recent_failures: failures::Recent,
    /// Replacements that wait, because TaskManagers failed.
    hold: Option<Hold>,
    starts: Starts,
    /// While TaskManagers fail at their start: when the next is tried.
    try_at: Option<Deadline>,
    /// Has registered when others failed at their start: those that were not launched meanwhile come after it.
    pioneer: Option<String>,
    reconciliation: Reconciliation,
    last_round: Option<Round>,
    /// What jobs asked for last; none while the number stays where somebody put it.
    asked: Option<Asked>,
    offered: Offered,
    progress: Progress,
    counters: Counters,
    neighbours: neighbours::Watch,
    /// The one that took the last subscription.
    master: Option<MasterReport>,
    /// The master's, as far as it told.
    home_region: Option<String>,
    failed_calls: FailedCalls,
    actions: Queue,
    /// Counted when asked for after a change.
    census: Option<Census>,
    random: fastrand::Rng,
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

/// What is asked at every step, and does not change at most of them.
#[derive(Clone, Debug)]
struct Census {
    kept: usize,
    /// Ids of tasks that are being ended.
    ending: Vec<String>,
}

/// What a call that failed has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    Unknown,
}

/// The last offers that came while TaskManagers were wanted.
#[derive(Clone, Debug)]
struct Round {
    at: Moment,
    offers: usize,
    /// Which came closest to holding one more.
    nearest: Option<Verdict>,
}

impl Scheduler {
    /// Goes on from `state`, which the store gave or [`State::default`] with a fresh secret.
    pub fn new(spec: Spec, state: State, seed: u64, now: Moment) -> Self {
        let seen = state.tasks.keys().map(|id| (id.clone(), Seen::new(now))).collect();
        let mut scheduler = Self {
            agents: Agents::default(),
            departures: Departures::default(),
            witness: Witness::default(),
            gang: None,
            replacing: Replacing::new(spec.patience.replace),
            failed_calls: FailedCalls::new(spec.patience.call_again),
            recent_failures: failures::Recent::new(),
            reviving: Reviving { backoff: Backoff::new(spec.patience.revive), again_at: None },
            reconciliation: Reconciliation::new(&spec.patience),
            spec,
            state,
            seen,
            phase: Phase::Working,
            connection: Connection::Disconnected { since: now, why: None },
            jobmanager: JobManager::Starting,
            demand: Some(Demand::Suppressed),
            hold: None,
            starts: Starts::default(),
            try_at: None,
            pioneer: None,
            last_round: None,
            asked: None,
            offered: Offered::default(),
            progress: Progress::default(),
            counters: Counters::default(),
            neighbours: neighbours::Watch::default(),
            master: None,
            home_region: None,
            actions: Queue::default(),
            census: None,
            random: fastrand::Rng::with_seed(seed),
        };
        // Fewer may be wanted than when the state was stored.
        scheduler.retire_surplus();
        scheduler.resume_probing(now);
        scheduler.progress.begin(now);
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

    /// What tasks are given of files is known.
    pub fn handle_files_read(&mut self, delivery: Delivery, now: Moment) {
        self.spec.template.delivery = Some(delivery);
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

    /// Somebody wants `target` TaskManagers from now on.
    pub fn handle_scaled(&mut self, target: u32, now: Moment) -> Result<(), NotScaled> {
        if self.spec.follows_jobs {
            return Err(NotScaled::FollowsJobs);
        }
        self.state.scale = Some(target);
        self.store();
        self.note(Note::Scaled { target });
        self.plan(now);
        Ok(())
    }

    /// How many TaskManagers there shall be.
    pub fn target(&self) -> u32 {
        let said = if self.spec.follows_jobs { self.state.demanded } else { self.state.scale };
        said.unwrap_or(self.spec.target)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many TaskManagers the target is ahead of those that run, start or may come back.
    fn lacking(&self) -> usize {
        let kept = self.census.as_ref().map_or_else(|| self.kept().count(), |census| census.kept);
        (self.target() as usize).saturating_sub(kept)
    }

    fn census(&mut self) -> &Census {
        let tasks = &self.state.tasks;
        self.census.get_or_insert_with(|| {
            let ending = tasks.iter().filter(|(_, record)| record.goal == Goal::End);
            let ending: Vec<_> = ending.map(|(id, _)| id.clone()).collect();
            let kept = tasks.values().filter(|record| record.goal == Goal::Run).count();
            Census { kept, ending }
        })
    }

    /// Ids of the tasks that shall run.
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
        self.census = None;
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
