//! Seeded runs of a cluster with everything that can go wrong in it, on a virtual clock.
//!
//! `SIMULATION_RUNS` sets how many, `SIMULATION_SEED` the first seed; one that fails is printed and fails again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::{self, Cluster, Out};
use super::definitions::Definitions;
use super::dispatched::Dispatched;
use super::groups::{self, Targets};
use super::jobmanager::Mood;
use super::mutations::Mutation;
use super::oracle::Oracle;
use super::parting::Parting;
use super::spell::Spell;
use super::steps::Script;
use super::worker::Worker;
use crate::Effect;
use crate::spec::{Patience, Spec};
use crate::witness::Registered;
use base::time::Moment;
use domain::state::State;
use domain::view::View;
use mesos::call::Call;
use mesos::wire;
use mini_mesos::agent::{ContainerId, KillSignal, ProcessEvent};
use mini_mesos::master::{Master, OperatorCall, StreamId};
use mini_mesos::message::{FromAgent, ToAgent};

/// In the test suite; a long run is told by the environment.
const RUNS: u64 = 2_000;

/// After the last fault: waits for lost agents, reconciliation's longest pause and replacement's backoff fit in.
const SETTLING: Duration = Duration::from_secs(30 * 60);

/// More steps mean that somebody is spinning.
const MAX_STEPS: u32 = 60_000;

#[test]
fn whatever_happens_the_truths_hold_and_the_target_is_reached() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let first = number("SIMULATION_SEED", 1);
    let runs = number("SIMULATION_RUNS", RUNS);
    for seed in first..first + runs {
        if seed > first && (seed - first).is_multiple_of(10_000) {
            println!("{} runs without a violation", seed - first);
        }
        if let Err(violation) = Run::new(seed, Mutation::None).run() {
            let mut again = Run::new(seed, Mutation::None);
            again.trace = Some(Vec::new());
            let _ = again.run();
            let lines = again.trace.unwrap_or_default();
            let shown = number("SIMULATION_LINES", 150);
            let last = lines.len().saturating_sub(usize::try_from(shown).expect("a number of lines"));
            panic!("{}\nSIMULATION_SEED={seed}: {violation}", lines[last..].join("\n"));
        }
    }
    println!("{runs} runs from seed {first} without a violation");
}

/// Each invariant broken on purpose, so that its check is known to catch it.
#[test]
fn every_broken_invariant_is_caught() {
    for (mutation, complaint) in [
        (Mutation::SendBeforeStore, "is launched before it is stored"),
        (Mutation::AcknowledgeBeforeStore, "is acknowledged before it is stored"),
        (Mutation::NeverAcknowledge, "was not acknowledged"),
        (Mutation::AcknowledgeTwice, "is acknowledged twice"),
        (Mutation::ForgetTasksInCrash, "lives"),
        (Mutation::GiveUpAtOnce, "could be heard of, and was given up"),
        (Mutation::KeepSurplus, "live"),
        (Mutation::EndWhatIsReplaced, "is retired, which leaves"),
        (Mutation::DoNotAskJobManager, "could be heard of, and was given up"),
        (Mutation::TearDownInsteadOfHandingOver, "lives, could be heard of, and was given up"),
        (Mutation::HandOverInsteadOfTearingDown, "are left after the end"),
        (Mutation::ShowToken, "a token is where anybody sees it"),
        (Mutation::StayRemoved, "live"),
        (Mutation::OneMore, "live"),
        (Mutation::SleepThroughDeadlines, "live"),
        (Mutation::LaunchAllAgain, "failed at their start"),
        (Mutation::NameAgain, "is launched twice"),
    ] {
        assert_caught(mutation, complaint);
    }
}

/// The same for what is made of the JobManager's answers.
#[test]
fn answers_that_are_taken_wrongly_are_caught() {
    for (mutation, complaint) in [
        (Mutation::BelieveMesos, "does nothing and stays"),
        (Mutation::BeImpatient, "is replaced after"),
        (Mutation::TakeSilenceForAnAnswer, "is replaced after"),
        (Mutation::ReplaceAll, "give way at once"),
        (Mutation::ReplaceTheHeard, "is heard and gives way"),
        (Mutation::EndBlindly, "one in a row"),
        (Mutation::CountTheUnheard, "runs, and was never heard"),
    ] {
        assert_caught(mutation, complaint);
    }
}

/// The same for what only several groups show.
#[test]
fn groups_that_are_not_kept_apart_are_caught() {
    for (mutation, complaint) in [
        (Mutation::MixGroups, "was launched for"),
        (Mutation::ServeByName, "is short with"),
        (Mutation::KeepRemovedGroup, "live"),
        (Mutation::ShareBackoff, "waits after failures of others"),
    ] {
        assert_caught(mutation, complaint);
    }
}

/// The same for what groups are defined as.
#[test]
fn definitions_that_are_not_heeded_are_caught() {
    for (mutation, complaint) in [
        (Mutation::IgnorePause, "is paused"),
        (Mutation::ForgetGeneration, "is launched as one of generation"),
        (Mutation::EndByOutdated, "has ended with"),
        (Mutation::NeverEnd, "has done what it is for"),
        (Mutation::RenewWhatever, "renewed for"),
        (Mutation::TakeAnyRole, "takes what was offered to"),
    ] {
        assert_caught(mutation, complaint);
    }
}

fn assert_caught(mutation: Mutation, complaint: &str) {
    let mut others = Vec::new();
    let is_caught =
        (1..400).filter_map(|seed| Run::new(seed, mutation).run().err()).take(40).any(|violation| {
            let is_meant = violation.contains(complaint);
            others.push(violation);
            is_meant
        });
    assert!(is_caught, "{mutation:?}: {others:#?}");
}

pub struct Run {
    pub(super) random: fastrand::Rng,
    pub(super) now: Moment,
    pub(super) queue: BTreeMap<(Moment, u64), Item>,
    pub(super) items: u64,
    pub(super) cluster: Cluster,
    pub(super) worker: Option<Worker>,
    pub(super) workers: u32,
    /// What is durable.
    pub(super) stored: State,
    pub(super) targets: Targets,
    pub(super) spec: Spec,
    pub(super) failover_timeout: f64,
    pub(super) oracle: Oracle,
    pub(super) definitions: Definitions,
    pub(super) spell: Option<Spell>,
    pub(super) violation: Option<String>,
    pub(super) calm_from: Moment,
    pub(super) streams: BTreeMap<StreamId, Wires>,
    pub(super) agents: BTreeMap<usize, Wires>,
    pub(super) mutation: Mutation,
    pub(super) parting: Option<Parting>,
    pub(super) script: Option<Script>,
    pub(super) dispatched: Option<Dispatched>,
    pub(super) trace: Option<Vec<String>>,
}

/// The connections of one subscription or agent keep the order of what they carry.
#[derive(Default)]
pub struct Wires {
    /// When what was sent last arrives.
    from_master: Moment,
    to_master: Moment,
}

pub enum Item {
    StartWorker,
    JobManagerListens {
        worker: u32,
    },
    /// It is asked.
    JobManagerAsked {
        worker: u32,
    },
    /// Its answer arrives.
    JobManagerAnswers {
        worker: u32,
        registered: Registered,
    },
    JobManagerRecovers,
    Thaw {
        host: usize,
        container: ContainerId,
    },
    Subscribe {
        worker: u32,
    },
    Event {
        stream: StreamId,
        event: Box<wire::event::Event>,
    },
    StreamEnds {
        stream: StreamId,
    },
    Call {
        stream: StreamId,
        framework: String,
        call: Call,
        fate: Fate,
    },
    CallFailed {
        worker: u32,
        call: Call,
        effect: Effect,
    },
    ToAgent {
        host: usize,
        connection: u32,
        message: ToAgent,
    },
    FromAgent {
        host: usize,
        connection: u32,
        event: FromAgent,
    },
    Process {
        host: usize,
        container: ContainerId,
        event: ProcessEvent,
    },
    Fault,
    StartMaster,
    Mend {
        host: usize,
    },
    NewHost,
    Operate {
        call: OperatorCall,
    },
    SpellEnds,
    /// The dispatcher looks at its groups.
    Look {
        worker: u32,
    },
    /// It learns what it has looked at after this order.
    Seen {
        worker: u32,
        order: u64,
        views: BTreeMap<String, View>,
    },
    /// A user wants something of the dispatcher.
    Order,
    /// The last fault has happened.
    Calm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// It arrives, and its answer is lost.
    ArrivesUnanswered,
    /// Answered with 202 and lost nevertheless.
    IsLost,
    IsRejected,
}

impl Run {
    pub(super) fn new(seed: u64, mutation: Mutation) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let hosts = random.usize(2..=4);
        let mut groups = groups::at_random(&mut random, mutation);
        let targets = groups.iter().map(|(name, spec)| (name.clone(), spec.target)).collect();
        for spec in groups.values_mut() {
            spec.target += u32::from(mutation == Mutation::OneMore);
        }
        let mut patience = Patience::default();
        if mutation == Mutation::BeImpatient {
            patience.heartbeat_timeout = Duration::ZERO;
            patience.register = Duration::ZERO;
        }
        if mutation == Mutation::GiveUpAtOnce {
            patience.lost = Duration::ZERO;
        }
        let spec =
            Spec { groups, refuse: Duration::from_secs(random.u64(1..10)), patience, ..Spec::of_one_cpu(0) };
        let calm_from = Moment::START + Duration::from_secs(random.u64(20..400));
        let mut run = Self {
            now: Moment::START,
            queue: BTreeMap::new(),
            items: 0,
            cluster: Cluster::new(hosts, seed),
            worker: None,
            workers: 0,
            stored: State { token_secret: [7; 32], ..State::default() },
            targets,
            spec,
            failover_timeout: if random.u8(..4) == 0 { 60.0 } else { 604_800.0 },
            oracle: Oracle::default(),
            definitions: Definitions::default(),
            spell: None,
            violation: None,
            calm_from,
            streams: BTreeMap::new(),
            agents: BTreeMap::new(),
            mutation,
            parting: None,
            script: None,
            dispatched: None,
            trace: None,
            random,
        };
        run.after(Duration::ZERO, Item::StartWorker);
        run.after(Duration::from_secs(3), Item::Fault);
        run.at(calm_from, Item::Calm);
        run
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        let end = self.calm_from + SETTLING;
        let mut rested = None;
        for _ in 0..MAX_STEPS {
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
            let Some(next) = self.next_moment().filter(|next| *next <= end) else {
                return self.at_rest();
            };
            self.now = next.max(self.now);
            self.step();
            self.observe();
            // Rested for longer than the longest wait but the periodic reconciliation, that of maintenance which was
            // called off unheard: nothing more will come.
            if self.now > self.calm_from && self.at_rest().is_ok() {
                let since = *rested.get_or_insert(self.now);
                if self.now.since(since) > Duration::from_secs(200) {
                    return match self.dispatched {
                        Some(_) => self.clusters_are_stored(),
                        None => self.part(),
                    };
                }
            } else {
                rested = None;
            }
        }
        Err(format!("{MAX_STEPS} steps and no end"))
    }

    pub(super) fn next_moment(&self) -> Option<Moment> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        // Without anybody who wants offers the master's allocations do nothing.
        let is_quiet = self.worker.as_ref().is_none_or(|worker| worker.is_suppressed);
        let pause = if is_quiet { Duration::from_secs(5) } else { Duration::ZERO };
        let cluster = self.cluster.poll_timeout().map(|due| due.max(self.now + pause));
        [queued, cluster, self.scheduler_due()].into_iter().flatten().min()
    }

    fn scheduler_due(&self) -> Option<Moment> {
        if self.mutation == Mutation::SleepThroughDeadlines {
            return None;
        }
        self.worker.as_ref().and_then(|worker| worker.scheduler.poll_timeout())
    }

    pub(super) fn step(&mut self) {
        self.cluster.handle_timeout(self.now);
        self.carry();
        if self.scheduler_due().is_some_and(|due| due <= self.now) {
            let now = self.now;
            self.with_scheduler(|scheduler| scheduler.handle_timeout(now));
            if self.scheduler_due().is_some_and(|due| due <= self.now) {
                self.violate("the scheduler wants to be woken at once, again and again".to_owned());
            }
        }
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let item = entry.remove();
            self.happen(item);
            self.carry();
        }
    }

    fn happen(&mut self, item: Item) {
        match item {
            Item::StartWorker => self.start_worker(),
            Item::JobManagerListens { worker } if self.is_current(worker) => {
                let now = self.now;
                self.with_scheduler(|scheduler| scheduler.handle_jobmanager_listening(now));
            }
            Item::Subscribe { worker } if self.is_current(worker) => self.subscribe(),
            Item::JobManagerAsked { worker } if self.is_current(worker) => self.ask_jobmanager(worker),
            Item::JobManagerAnswers { worker, registered } if self.is_current(worker) => {
                self.jobmanager_answers(&registered);
            }
            Item::JobManagerListens { .. }
            | Item::JobManagerAsked { .. }
            | Item::JobManagerAnswers { .. }
            | Item::Subscribe { .. } => {}
            Item::JobManagerRecovers => self.cluster.jobmanager.set_mood(Mood::Well),
            Item::Thaw { host, container } => self.cluster.freeze(host, &container, false),
            Item::Event { stream, event } => self.event(&stream, *event),
            Item::StreamEnds { stream } => self.stream_ends(&stream),
            Item::Call { stream, framework, call, fate } => {
                self.call_arrives(&stream, &framework, call, fate);
            }
            Item::CallFailed { worker, call, effect } => {
                if self.is_current(worker) {
                    self.log(|| format!("failed {effect:?}: {}", call.name()));
                    let now = self.now;
                    self.with_scheduler(|scheduler| scheduler.handle_call_failed(&call, effect, now));
                }
            }
            Item::ToAgent { host, connection, message } => {
                self.log(|| format!("      to h{host} {message:.60?}"));
                self.cluster.reach_agent(host, connection, message, self.now);
            }
            Item::FromAgent { host, connection, event } => {
                self.log(|| format!("      from h{host} {event:.60?}"));
                self.cluster.reach_master(host, connection, event, self.now);
            }
            Item::Process { host, container, event } => {
                self.cluster.process(host, &container, event, self.now);
            }
            Item::Fault => self.fault(),
            Item::StartMaster => self.start_master(),
            Item::Mend { host } => {
                self.log(|| format!("h{host} is back"));
                self.cluster.mend(host, self.now);
            }
            Item::NewHost if !self.cluster.add_host(self.now) => {
                self.after(Duration::from_secs(5), Item::NewHost);
            }
            Item::NewHost => {}
            Item::Operate { call } => {
                self.log(|| format!("{call:?}"));
                self.cluster.operate(call, self.now);
            }
            Item::SpellEnds => self.end_spell(),
            Item::Look { worker } if self.is_current(worker) => self.look_at_groups(worker),
            Item::Seen { worker, order, views } if self.is_current(worker) => self.groups_seen(order, &views),
            Item::Look { .. } | Item::Seen { .. } => {}
            Item::Order => self.user_orders(),
            Item::Calm => self.calm(),
        }
    }

    // --- the wires

    /// Puts what the cluster has to say on its wires.
    pub(super) fn carry(&mut self) {
        self.cluster.collect();
        for out in std::mem::take(&mut self.cluster.outbox) {
            match out {
                Out::Event { event, .. } if is_heartbeat(&event) => {}
                Out::Event { stream, event } => {
                    let at = self.event_at(&stream);
                    self.at(at, Item::Event { stream, event });
                }
                Out::Close { stream } => {
                    let at = self.event_at(&stream);
                    self.at(at, Item::StreamEnds { stream });
                }
                Out::ToAgent { host, connection, message } => {
                    let at = self.now + self.delay();
                    let wires = self.agents.entry(host).or_default();
                    wires.from_master = wires.from_master.max(at);
                    let at = wires.from_master;
                    self.at(at, Item::ToAgent { host, connection, message });
                }
                Out::FromAgent { host, connection, event } => self.carry_up(host, connection, &event),
                Out::Start { host, container } => self.start_process(host, container),
                Out::Signal { host, container, signal } => self.signal(host, container, signal),
            }
        }
    }

    fn carry_up(&mut self, host: usize, connection: u32, event: &FromAgent) {
        if self.is_unlucky() {
            return;
        }
        // An impatient agent sends its updates again.
        let is_repeated = matches!(event, FromAgent::Updated { .. }) && self.is_unlucky();
        for _ in 0..=u8::from(is_repeated) {
            let at = self.now + self.delay();
            let wires = self.agents.entry(host).or_default();
            wires.to_master = wires.to_master.max(at);
            let at = wires.to_master;
            self.at(at, Item::FromAgent { host, connection, event: event.clone() });
        }
    }

    fn start_process(&mut self, host: usize, container: ContainerId) {
        if self.fails_in_spell(host, &container) {
            return;
        }
        let delay = Duration::from_millis(self.random.u64(10..8_000));
        let event = if self.is_unlucky() {
            ProcessEvent::FailedToStart { message: "no such image".to_owned() }
        } else {
            ProcessEvent::Started { pid: 1 }
        };
        self.after(delay, Item::Process { host, container, event });
    }

    fn signal(&mut self, host: usize, container: ContainerId, signal: KillSignal) {
        let is_deaf = self.cluster.is_frozen(host, &container) || self.random.u8(..10) == 0;
        if signal == KillSignal::Terminate && is_deaf {
            return;
        }
        let delay = Duration::from_millis(self.random.u64(10..8_000));
        self.after(delay, Item::Process { host, container, event: cluster::end_of(signal) });
    }

    fn event_at(&mut self, stream: &StreamId) -> Moment {
        let at = self.now + self.delay();
        let wires = self.streams.entry(stream.clone()).or_default();
        wires.from_master = wires.from_master.max(at);
        wires.from_master
    }

    pub(super) fn call_at(&mut self, stream: &StreamId) -> Moment {
        let at = self.now + self.delay();
        let wires = self.streams.entry(stream.clone()).or_default();
        wires.to_master = wires.to_master.max(at);
        wires.to_master
    }

    fn delay(&mut self) -> Duration {
        let longest = if self.is_unlucky() { 6_000 } else { 60 };
        Duration::from_millis(self.random.u64(1..longest))
    }

    pub(super) fn is_unlucky(&mut self) -> bool {
        self.now < self.calm_from && self.random.u8(..20) == 0
    }

    pub(super) fn after(&mut self, delay: Duration, item: Item) {
        self.at(self.now + delay, item);
    }

    pub(super) fn at(&mut self, at: Moment, item: Item) {
        self.items += 1;
        self.queue.insert((at, self.items), item);
    }

    // --- judging

    pub(super) fn observe(&mut self) {
        self.cluster.listen(self.now);
        let judgement = self.oracle.watch(&self.cluster, &self.stored, &self.targets, self.now);
        self.judge(judgement);
        if self.now > self.calm_from {
            let judgement = self.oracle.watch_frozen(&self.cluster, &self.stored, self.now);
            self.judge(judgement);
        }
        if let Some(Err(imbalance)) = self.cluster.master().map(Master::check_books) {
            self.violate(imbalance.to_string());
        }
    }

    pub(super) fn at_rest(&self) -> Result<(), String> {
        self.oracle.at_rest(&self.cluster, &self.stored, &self.targets)?;
        let worker = self.worker.as_ref().ok_or("no worker")?;
        let report = worker.scheduler.report(self.now);
        if !report.subscribed {
            return Err("not subscribed".to_owned());
        }
        match report.tasks.iter().find(|task| !task.runs() || task.giving_way) {
            Some(task) => Err(format!("{task:?} in the scheduler's eyes")),
            None => self.clusters_at_rest(),
        }
    }

    pub(super) fn judge(&mut self, judgement: Result<(), String>) {
        if let Err(violation) = judgement {
            self.violate(violation);
        }
    }

    pub(super) fn violate(&mut self, violation: String) {
        self.log(|| format!("VIOLATION {violation}"));
        self.violation.get_or_insert(violation);
    }

    pub(super) fn log(&mut self, line: impl FnOnce() -> String) {
        let at = self.now.since(Moment::START).as_secs_f64();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{at:9.3} {}", line()));
        }
    }
}

fn is_heartbeat(event: &wire::event::Event) -> bool {
    event.r#type == Some(wire::event::EventType::Heartbeat as i32)
}
