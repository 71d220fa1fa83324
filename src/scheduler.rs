//! The heart: keeps the wanted number of TaskManagers running as Mesos tasks.
//!
//! [`Scheduler`] is pure. Facts come in through `handle_…`, orders go out through [`Scheduler::next_action`] and must
//! be carried out in their order before the next fact is handed in; a [`Action::Store`] is durable before any
//! later action. Time and randomness are arguments. [`driver`] is the one asynchronous file.

mod action;
mod agents;
mod check;
pub mod constraint;
mod demand;
mod departures;
pub mod driver;
mod life;
mod offers;
pub mod place;
mod reconcile;
pub mod report;
pub mod resources;
pub mod spec;
pub mod state;
mod task;
#[cfg(test)]
mod tests;
mod token;
#[cfg(test)]
mod transcript;
mod updates;
mod witness;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub use action::{Action, Failure, Note};

use crate::mesos::call::Call;
use crate::mesos::wire::id::{AgentId, TaskId};
use crate::mesos::wire::status::TaskState;
use crate::time::{Backoff, Deadline, Moment};

use agents::Agents;
use demand::{Demand, Reviving};
use departures::Departures;
use place::Verdict;
use reconcile::Reconciliation;
use spec::Spec;
use state::{Goal, State};

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
    asked_jobmanager: Option<Moment>,
    /// While the whole set of TaskManagers waits for offers that hold all of it.
    gang: Option<Gang>,
    replacing: Backoff,
    /// No launch before this, because TaskManagers failed.
    hold: Option<Hold>,
    reconciliation: Reconciliation,
    last_round: Option<Round>,
    actions: VecDeque<Action>,
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
    /// When the JobManager last had it among its TaskManagers.
    heard: Option<Moment>,
    /// It has registered with the JobManager, or has had the time for it.
    is_settled: bool,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gang {
    since: Moment,
    /// How many of them the last offers held.
    fits: usize,
}

/// What a call that failed has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
struct Hold {
    until: Deadline,
    cause: String,
}

/// The last offers that came while TaskManagers were wanted.
#[derive(Clone, Debug)]
struct Round {
    at: Moment,
    offers: usize,
    verdicts: Vec<Verdict>,
}

impl Scheduler {
    /// Goes on from `state`, which the store gave or [`State::default`] with a fresh secret.
    pub fn new(spec: Spec, state: State, seed: u64, now: Moment) -> Self {
        let seen = state.tasks.keys().map(|id| (id.clone(), Seen::new(now))).collect();
        let mut scheduler = Self {
            agents: Agents::default(),
            departures: Departures::default(),
            asked_jobmanager: None,
            gang: None,
            replacing: Backoff::new(spec.patience.replace),
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
            last_round: None,
            actions: VecDeque::new(),
            random: fastrand::Rng::with_seed(seed),
        };
        // Fewer may be wanted than when the state was stored.
        scheduler.retire_surplus();
        scheduler
    }

    /// The next order, or none when the next fact may come.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Self::handle_timeout`] is due if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let patience = &self.spec.patience;
        let hold = self.hold.as_ref().map(|hold| hold.until.at());
        let registration = self.registration_deadline();
        let connected = self.is_subscribed().then(|| self.reconciliation.due()).flatten();
        let departure = self.is_working().then(|| self.departure_due()).flatten();
        let revival = self.is_subscribed().then_some(self.reviving.again_at).flatten();
        // Without a master nothing can be done for a task.
        let seen = self.is_subscribed().then_some(&self.seen).into_iter().flatten();
        let tasks = seen.filter_map(|(id, seen)| match (&seen.what, self.goal(id)) {
            (_, Some(Goal::End)) if seen.kill_sent.is_some() => {
                seen.kill_sent.map(|sent| sent + patience.kill_again)
            }
            (Sight::Missing(_), _) if seen.last_asked => Some(seen.since + patience.unanswered),
            (Sight::Missing(_), _) => Some(seen.since + patience.lost),
            (Sight::Nothing, _) if !self.reconciliation.asks_about(id) => {
                Some(seen.launched + patience.launch)
            }
            (Sight::Nothing | Sight::Alive(_), _) => None,
        });
        let waits = [hold, registration, connected, revival, departure, self.asks_jobmanager_at()];
        tasks.chain(waits.into_iter().flatten()).min()
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.fail_without_master(now);
        self.let_go(now);
        if self.is_subscribed() {
            self.ask_a_last_time(now);
            self.give_up_unanswered(now);
            self.question_silent_launches(now);
            self.reconcile_if_due(now);
        }
        self.plan(now);
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
            (Call::Accept { launch, .. }, Effect::None) => self.forget_launches(launch),
            // The tasks are asked about when they stay silent.
            (Call::Accept { .. }, Effect::Unknown) => {}
            (Call::Revive { .. } | Call::Suppress { .. }, Effect::None | Effect::Unknown) => {
                self.demand = None;
            }
            (Call::Kill { task_id, .. }, Effect::None | Effect::Unknown) => {
                if let Some(seen) = self.seen.get_mut(task_id.text()) {
                    seen.kill_sent = None;
                }
            }
            // Without an answer the master may wait for one as long as the subscription lasts.
            (Call::Decline { .. }, Effect::Unknown) if self.is_subscribed() => self.send(call.clone()),
            // The same, and what is not asked for again is taken for called off.
            (Call::AcceptInverseOffers { .. }, Effect::None | Effect::Unknown) if self.is_subscribed() => {
                self.send(call.clone());
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
    pub fn handle_scaled(&mut self, target: u32, now: Moment) {
        self.state.scale = Some(target);
        self.store();
        self.note(Note::Scaled { target });
        self.plan(now);
    }

    /// How many TaskManagers there shall be.
    pub fn target(&self) -> u32 {
        self.state.scale.unwrap_or(self.spec.target)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many TaskManagers the target is ahead of those that run, start or may come back.
    fn lacking(&self) -> usize {
        (self.target() as usize).saturating_sub(self.kept().count())
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

    fn retire_surplus(&mut self) {
        let surplus = self.kept().count().saturating_sub(self.target() as usize);
        if surplus == 0 {
            return;
        }
        // Those that do not run yet cost least, then the youngest.
        let mut candidates: Vec<_> = self.kept().cloned().collect();
        candidates.sort_by_key(|id| {
            let running = self.seen.get(id).is_some_and(|seen| seen.running_since.is_some());
            (running, std::cmp::Reverse(id.clone()))
        });
        for id in candidates.into_iter().take(surplus) {
            self.retire(&id);
        }
        self.store();
    }

    fn retire(&mut self, id: &str) {
        if let Some(record) = self.state.tasks.get_mut(id) {
            record.goal = Goal::End;
            self.note(Note::Retired { task: id.to_owned() });
        }
    }

    fn send_kills(&mut self, now: Moment) {
        let due: Vec<_> = self
            .state
            .tasks
            .iter()
            .filter(|(_, record)| record.goal == Goal::End)
            .map(|(id, record)| (id.clone(), record.agent_id.clone()))
            .collect();
        for (id, agent_id) in due {
            let again = self.spec.patience.kill_again;
            let Some(seen) = self.seen.get_mut(&id) else { continue };
            if seen.kill_sent.is_none_or(|sent| now.since(sent) >= again) {
                seen.kill_sent = Some(now);
                self.kill(TaskId::new(id), Some(AgentId::new(agent_id)));
            }
        }
    }

    fn kill(&mut self, task_id: TaskId, agent_id: Option<AgentId>) {
        let grace = Some(self.spec.kill_grace);
        self.send(Call::Kill { task_id, agent_id, grace });
    }

    /// A TaskManager failed: the next launch waits. Failures while one is awaited count as one.
    fn hold_back(&mut self, cause: String, now: Moment) {
        if self.hold.is_none() {
            let wait: Duration = self.replacing.failed(self.random.f64());
            self.hold = Some(Hold { until: Deadline::after(now, wait), cause });
        }
    }

    fn let_go(&mut self, now: Moment) {
        self.hold.take_if(|hold| hold.until.has_passed(now));
    }

    fn send(&mut self, call: Call) {
        self.actions.push_back(Action::Send(call));
    }

    fn store(&mut self) {
        self.actions.push_back(Action::Store(self.state.clone()));
    }

    fn note(&mut self, note: Note) {
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
            is_settled: false,
        }
    }
}
