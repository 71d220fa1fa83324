//! Seeded runs of a cluster with everything that can go wrong in it, on a virtual clock.
//!
//! `SIMULATION_RUNS` sets how many, `SIMULATION_SEED` the first seed; one that fails is printed and fails again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::{Cluster, Link, Out};
use super::mutations::Mutation;
use super::oracle::{self, Oracle};
use crate::local::agent::{ContainerId, ProcessEvent};
use crate::local::master::{Answer, Master, StreamId};
use crate::local::message::{FromAgent, ToAgent};
use crate::mesos::answer::Refusal;
use crate::mesos::call::Call;
use crate::mesos::event::Event;
use crate::mesos::wire;
use crate::mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use crate::mesos::wire::id::{FrameworkId, OfferId};
use crate::scheduler::resources::{Milli, Need};
use crate::scheduler::spec::{Patience, Placement, Spec, Template};
use crate::scheduler::state::State;
use crate::scheduler::{Action, Effect, Scheduler};
use crate::time::Moment;

/// In the test suite; a long run is told by the environment.
const RUNS: u64 = 2_000;

/// After the last fault: waits for lost agents, reconciliation's longest pause and replacement's backoff fit in.
const SETTLING: Duration = Duration::from_secs(30 * 60);

/// The master's `--offer_timeout`; without one an offer whose answer got lost would be gone for good.
const OFFER_TIMEOUT: Duration = Duration::from_secs(60);

/// More steps mean that somebody is spinning.
const STEPS_MOST: u32 = 60_000;

#[test]
fn whatever_happens_the_truths_hold_and_the_target_is_reached() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let first = number("SIMULATION_SEED", 1);
    let runs = number("SIMULATION_RUNS", RUNS);
    for seed in first..first + runs {
        if let Err(violation) = Run::new(seed, Mutation::None).run() {
            let mut again = Run::new(seed, Mutation::None);
            again.trace = Some(Vec::new());
            let _ = again.run();
            let lines = again.trace.unwrap_or_default();
            let last = lines.len().saturating_sub(150);
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
        (Mutation::StayRemoved, "live"),
        (Mutation::OneMore, "live"),
        (Mutation::SleepThroughDeadlines, "wanted"),
    ] {
        let caught = (1..400).filter_map(|seed| Run::new(seed, mutation).run().err());
        let violations: Vec<_> = caught.take(10).collect();
        let is_caught = violations.iter().any(|violation| violation.contains(complaint));
        assert!(is_caught, "{mutation:?}: {violations:#?}");
    }
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
    pub(super) target: u32,
    pub(super) spec: Spec,
    pub(super) failover_timeout: f64,
    pub(super) oracle: Oracle,
    pub(super) violation: Option<String>,
    pub(super) calm_from: Moment,
    pub(super) streams: BTreeMap<StreamId, Wires>,
    pub(super) mutation: Mutation,
    pub(super) trace: Option<Vec<String>>,
}

pub struct Worker {
    pub(super) number: u32,
    pub(super) scheduler: Scheduler,
    pub(super) framework_id: Option<String>,
    pub(super) is_suppressed: bool,
    pub(super) stream: Option<StreamId>,
    pub(super) is_subscribed: bool,
}

/// The connections of one subscription keep the order of what they carry.
#[derive(Default)]
pub struct Wires {
    last_event: Moment,
    last_call: Moment,
}

pub enum Item {
    StartWorker,
    JobManagerListens { worker: u32 },
    Subscribe { worker: u32 },
    Event { stream: StreamId, event: Box<wire::event::Event> },
    StreamEnds { stream: StreamId },
    Call { stream: StreamId, framework: String, call: Call, fate: Fate },
    CallFailed { worker: u32, call: Call, effect: Effect },
    ToAgent { host: usize, message: ToAgent },
    FromAgent { host: usize, event: FromAgent },
    Process { host: usize, container: ContainerId, event: ProcessEvent },
    Fault,
    StartMaster,
    Register { host: usize },
    Unreachable { host: usize, since: Moment },
    Mend { host: usize },
    NewHost,
    OffersTimeOut { offers: Vec<OfferId> },
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
    fn new(seed: u64, mutation: Mutation) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let hosts = random.usize(2..=4);
        let target = random.u32(1..=4);
        let mut patience = Patience::default();
        if mutation == Mutation::GiveUpAtOnce {
            patience.lost = Duration::ZERO;
        }
        let spec = Spec {
            need: Need { scalars: vec![("cpus".into(), Milli::whole(1))], ports: 0 },
            template: Template::default(),
            placement: if random.bool() { Placement::Spread } else { Placement::Pack },
            target: target + u32::from(mutation == Mutation::OneMore),
            roles: vec!["*".into()],
            refuse: Duration::from_secs(random.u64(1..10)),
            kill_grace: Duration::from_secs(30),
            hard: Vec::new(),
            soft: Vec::new(),
            gang: seed.is_multiple_of(5).then_some(Duration::from_secs(30)),
            failures_most: None,
            patience,
        };
        let calm_from = Moment::START + Duration::from_secs(random.u64(20..400));
        let mut run = Self {
            now: Moment::START,
            queue: BTreeMap::new(),
            items: 0,
            cluster: Cluster::new(hosts, seed),
            worker: None,
            workers: 0,
            stored: State { token_secret: [7; 32], ..State::default() },
            target,
            spec,
            failover_timeout: if random.u8(..4) == 0 { 60.0 } else { 604_800.0 },
            oracle: Oracle::default(),
            violation: None,
            calm_from,
            streams: BTreeMap::new(),
            mutation,
            trace: None,
            random,
        };
        run.after(Duration::ZERO, Item::StartWorker);
        run.after(Duration::from_secs(3), Item::Fault);
        run
    }

    fn run(&mut self) -> Result<(), String> {
        let end = self.calm_from + SETTLING;
        let mut rested = None;
        for _ in 0..STEPS_MOST {
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
            let Some(next) = self.next_moment().filter(|next| *next <= end) else {
                return self.at_rest();
            };
            self.now = next.max(self.now);
            self.step();
            self.observe();
            // Rested for longer than the longest wait but the periodic reconciliation: nothing more will come.
            if self.now > self.calm_from && self.at_rest().is_ok() {
                let since = *rested.get_or_insert(self.now);
                if self.now.since(since) > Duration::from_secs(150) {
                    return Ok(());
                }
            } else {
                rested = None;
            }
        }
        Err(format!("{STEPS_MOST} steps and no end"))
    }

    fn next_moment(&self) -> Option<Moment> {
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

    fn step(&mut self) {
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
            Item::JobManagerListens { .. } | Item::Subscribe { .. } => {}
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
            Item::ToAgent { host, message } => self.cluster.reach_agent(host, message, self.now),
            Item::FromAgent { host, event } => self.cluster.reach_master(host, event, self.now),
            Item::Process { host, container, event } => {
                self.cluster.process(host, &container, event, self.now);
            }
            Item::Fault => self.fault(),
            Item::StartMaster => {
                self.log(|| "a new master".to_owned());
                self.cluster.start_master(self.now);
                for host in 0..self.cluster.hosts.len() {
                    let seconds = if self.random.u8(..6) == 0 { 120 } else { 30 };
                    let delay = Duration::from_millis(self.random.u64(..seconds * 1000));
                    self.after(delay, Item::Register { host });
                }
            }
            Item::Register { host } => self.cluster.register(host, self.now),
            Item::Unreachable { host, since } => {
                let is_so = self.cluster.hosts[host].link == (Link::Cut { since });
                let is_dead = self.cluster.hosts[host].link == Link::Dead;
                if (is_so || is_dead) && self.cluster.is_registered(host) {
                    self.log(|| format!("host-{host} is called unreachable"));
                    self.cluster.call_unreachable(host);
                }
            }
            Item::Mend { host } => {
                // What was under way to it is lost with the connection.
                self.queue
                    .retain(|_, item| !matches!(item, Item::ToAgent { host: other, .. } if *other == host));
                self.log(|| format!("host-{host} is back"));
                self.cluster.mend(host, self.now);
            }
            Item::NewHost => self.cluster.add_host(self.now),
            Item::OffersTimeOut { offers } => {
                for offer in offers {
                    self.cluster.rescind(&offer, self.now);
                }
            }
        }
    }

    // --- the worker

    fn start_worker(&mut self) {
        if self.worker.is_some() {
            return;
        }
        self.workers += 1;
        let number = self.workers;
        if self.mutation == Mutation::ForgetTasksInCrash {
            self.stored.tasks.clear();
        }
        // Somebody may have asked for another number while no worker could hear it.
        self.stored.scale = self.stored.scale.map(|_| self.spec.target);
        let state = self.stored.clone();
        self.worker = Some(Worker {
            number,
            framework_id: state.framework_id.clone(),
            scheduler: Scheduler::new(self.spec.clone(), state, self.random.u64(..), self.now),
            is_suppressed: true,
            stream: None,
            is_subscribed: false,
        });
        self.with_scheduler(|_| {});
        let delay = Duration::from_millis(self.random.u64(..3_000));
        self.after(delay, Item::JobManagerListens { worker: number });
        self.after(Duration::from_millis(100), Item::Subscribe { worker: number });
    }

    pub(super) fn crash(&mut self, how: &str) {
        let Some(worker) = self.worker.take() else { return };
        self.log(|| format!("the worker crashes {how}"));
        self.oracle.crashed();
        if let Some(stream) = worker.stream {
            self.close(&stream);
        }
        // Long enough at times for a short failover timeout to pass.
        let longest = if self.random.u8(..4) == 0 { 100_000 } else { 10_000 };
        let delay = Duration::from_millis(self.random.u64(100..longest));
        self.after(delay, Item::StartWorker);
    }

    fn is_current(&self, number: u32) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.number == number)
    }

    pub(super) fn with_scheduler(&mut self, tell: impl FnOnce(&mut Scheduler)) {
        let Some(worker) = &mut self.worker else { return };
        tell(&mut worker.scheduler);
        let mut actions = Vec::new();
        while let Some(action) = worker.scheduler.next_action() {
            actions.push(action);
        }
        self.mutate(&mut actions);
        for action in actions {
            if self.now < self.calm_from && self.random.u16(..400) == 0 {
                self.crash("between two actions");
                return;
            }
            self.carry_out(action);
        }
        let checked = self.worker.as_ref().map_or(Ok(()), |worker| worker.scheduler.check());
        let judgement = checked.and_then(|()| self.oracle.settled());
        self.judge(judgement);
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Store(state) => {
                let judgement = self.oracle.stored(&self.stored, &state, self.target, &self.cluster);
                self.judge(judgement);
                self.stored = state;
            }
            Action::Send(call) => self.send(call),
            Action::SubscribeAnew => {
                let Some(worker) = &mut self.worker else { return };
                worker.framework_id = None;
                let number = worker.number;
                self.after(Duration::from_millis(10), Item::Subscribe { worker: number });
            }
            Action::Note(note) => self.log(|| format!("    {note}")),
            Action::End => self.violate("it ended by itself".to_owned()),
            Action::Fail(failure) => self.violate(format!("it gave up: {failure}")),
        }
    }

    fn send(&mut self, call: Call) {
        let judgement = self.oracle.sent(&call, &self.stored, self.target, &self.cluster);
        self.judge(judgement);
        self.log(|| format!("  -> {call:.120?}"));
        let worker = self.worker.as_mut().expect("it has sent");
        let number = worker.number;
        if let Call::Revive { .. } | Call::Suppress { .. } = call {
            worker.is_suppressed = matches!(call, Call::Suppress { .. });
        }
        let (Some(stream), Some(framework), true) =
            (worker.stream.clone(), worker.framework_id.clone(), worker.is_subscribed)
        else {
            self.after(Duration::ZERO, Item::CallFailed { worker: number, call, effect: Effect::None });
            return;
        };
        let fate = match self.random.u8(..100) {
            _ if self.now >= self.calm_from => Fate::Arrives,
            0 | 1 => Fate::ArrivesUnanswered,
            2 | 3 => Fate::IsLost,
            4 => Fate::IsRejected,
            _ => Fate::Arrives,
        };
        let delay = self.delay();
        let wires = self.streams.entry(stream.clone()).or_default();
        wires.last_call = wires.last_call.max(self.now + delay);
        let at = wires.last_call;
        self.at(at, Item::Call { stream, framework, call, fate });
    }

    fn call_arrives(&mut self, stream: &StreamId, framework: &str, call: Call, fate: Fate) {
        let sender = self.worker.as_ref().filter(|worker| worker.stream.as_ref() == Some(stream));
        let sender = sender.map(|worker| worker.number);
        let fails = |run: &mut Self, call, effect| {
            if let Some(worker) = sender {
                run.after(Duration::from_millis(5), Item::CallFailed { worker, call, effect });
            }
        };
        match fate {
            // Nobody can know then that the master still takes the offers for ours.
            Fate::IsLost => self.lose(&call),
            Fate::IsRejected => {
                self.lose(&call);
                fails(self, call, Effect::None);
            }
            Fate::Arrives | Fate::ArrivesUnanswered => {
                match self.cluster.call(framework, stream, call.clone(), self.now) {
                    None => fails(self, call, Effect::Unknown),
                    Some(Answer::Accepted | Answer::Done) if fate == Fate::Arrives => {}
                    Some(Answer::Accepted | Answer::Done) => fails(self, call, Effect::Unknown),
                    Some(Answer::Forbidden(_) | Answer::BadRequest(_)) => fails(self, call, Effect::None),
                    Some(other) => self.violate(format!("{} answered {other:?}", call.name())),
                }
            }
        }
    }

    fn lose(&mut self, call: &Call) {
        self.oracle.lost(call);
        if let Call::Accept { offer_ids, .. } | Call::Decline { offer_ids, .. } = call {
            let offers = offer_ids.clone();
            self.after(OFFER_TIMEOUT, Item::OffersTimeOut { offers });
        }
    }

    fn subscribe(&mut self) {
        let Some(worker) = &mut self.worker else { return };
        if worker.stream.is_some() {
            return;
        }
        let number = worker.number;
        let capabilities = [
            CapabilityType::MultiRole,
            CapabilityType::ReservationRefinement,
            CapabilityType::PartitionAware,
            CapabilityType::TaskKillingState,
        ];
        let info = FrameworkInfo {
            user: Some("root".to_owned()),
            name: Some("Flink".to_owned()),
            id: worker.framework_id.as_ref().map(FrameworkId::new),
            checkpoint: Some(true),
            failover_timeout: Some(self.failover_timeout),
            roles: self.spec.roles.clone(),
            capabilities: capabilities.map(|kind| Capability { r#type: Some(kind as i32) }).to_vec(),
            ..FrameworkInfo::default()
        };
        let suppressed = if worker.is_suppressed { self.spec.roles.clone() } else { Vec::new() };
        match self.cluster.subscribe(info, suppressed, self.now) {
            Some(stream) => worker.stream = Some(stream),
            None => {
                let now = self.now;
                self.with_scheduler(|scheduler| scheduler.handle_unreachable("master:5050", "refused", now));
                let delay = Duration::from_millis(self.random.u64(300..4_000));
                self.after(delay, Item::Subscribe { worker: number });
            }
        }
    }

    fn event(&mut self, stream: &StreamId, event: wire::event::Event) {
        let now = self.now;
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.stream.as_ref() == Some(stream))
        else {
            return;
        };
        let event = Event::from_wire(event).expect("a usable event");
        match event {
            Event::Subscribed { framework_id, .. } => {
                worker.is_subscribed = true;
                worker.framework_id = Some(framework_id.text().to_owned());
                self.with_scheduler(|scheduler| scheduler.handle_subscribed(framework_id.text(), now));
            }
            Event::Failed(message) => {
                let refusal = Refusal::from_error(message);
                worker.stream = None;
                worker.is_subscribed = false;
                worker.is_suppressed = true;
                self.log(|| format!("refused: {refusal}"));
                if self.mutation != Mutation::StayRemoved {
                    self.with_scheduler(|scheduler| scheduler.handle_refused("m:5050", &refusal, now));
                }
            }
            Event::Offers(offers) => {
                self.log(|| format!("offers: {}", offers.len()));
                self.with_scheduler(|scheduler| scheduler.handle_offers(&offers, now));
            }
            Event::Updated(update) => {
                self.log(|| {
                    format!("update: {} {:?} {:?}", update.task_id.text(), update.state, update.reason)
                });
                self.oracle.handed_in(&update);
                self.with_scheduler(|scheduler| scheduler.handle_update(&update, now));
            }
            _ => {}
        }
    }

    pub(super) fn stream_ends(&mut self, stream: &StreamId) {
        let now = self.now;
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.stream.as_ref() == Some(stream))
        else {
            return;
        };
        worker.stream = None;
        worker.is_subscribed = false;
        let number = worker.number;
        // Calls under way may or may not arrive; nobody will tell.
        let mut failed = Vec::new();
        for item in self.queue.values_mut() {
            if let Item::Call { stream: other, call, fate, .. } = item
                && other == stream
            {
                failed.push(call.clone());
                *fate = if self.random.bool() { Fate::IsLost } else { *fate };
            }
        }
        self.with_scheduler(|scheduler| scheduler.handle_disconnected("end of stream", now));
        for call in failed {
            self.after(Duration::ZERO, Item::CallFailed { worker: number, call, effect: Effect::Unknown });
        }
        let delay = Duration::from_millis(self.random.u64(100..3_000));
        self.after(delay, Item::Subscribe { worker: number });
    }

    pub(super) fn close(&mut self, stream: &StreamId) {
        self.queue.retain(|_, item| !matches!(item, Item::Event { stream: other, .. } if other == stream));
        self.cluster.close(stream, self.now);
    }

    // --- the wires

    /// Puts what the cluster has to say on its wires.
    pub(super) fn carry(&mut self) {
        self.cluster.collect(self.now);
        for out in std::mem::take(&mut self.cluster.outbox) {
            let delay = self.delay();
            match out {
                Out::Event { event, .. } if is_heartbeat(&event) => {}
                Out::Event { stream, event } => {
                    let at = self.event_at(&stream, delay);
                    if event.update.is_some() && self.is_unlucky() {
                        // Sent again by an impatient agent.
                        let again = self.event_at(&stream, delay);
                        self.at(again, Item::Event { stream: stream.clone(), event: event.clone() });
                    }
                    self.at(at, Item::Event { stream, event });
                }
                Out::Close { stream } => {
                    let at = self.event_at(&stream, delay);
                    self.at(at, Item::StreamEnds { stream });
                }
                // Between master and agent, too, order is kept.
                Out::ToAgent { host, message } => {
                    self.after(Duration::from_millis(20), Item::ToAgent { host, message });
                }
                Out::FromAgent { host, event } => {
                    if !self.is_unlucky() {
                        self.after(Duration::from_millis(20), Item::FromAgent { host, event });
                    }
                }
                Out::Process { host, container, event } => {
                    let delay = Duration::from_millis(self.random.u64(10..8_000));
                    self.after(delay, Item::Process { host, container, event });
                }
            }
        }
    }

    fn event_at(&mut self, stream: &StreamId, delay: Duration) -> Moment {
        let wires = self.streams.entry(stream.clone()).or_default();
        wires.last_event = wires.last_event.max(self.now + delay);
        wires.last_event
    }

    fn delay(&mut self) -> Duration {
        let longest = if self.is_unlucky() { 6_000 } else { 60 };
        Duration::from_millis(self.random.u64(1..longest))
    }

    fn is_unlucky(&mut self) -> bool {
        self.now < self.calm_from && self.random.u8(..20) == 0
    }

    pub(super) fn after(&mut self, delay: Duration, item: Item) {
        self.at(self.now + delay, item);
    }

    fn at(&mut self, at: Moment, item: Item) {
        self.items += 1;
        self.queue.insert((at, self.items), item);
    }

    // --- judging

    fn observe(&mut self) {
        let judgement = self.oracle.watch(&self.cluster, &self.stored, self.target, self.now);
        self.judge(judgement);
        if let Some(Err(imbalance)) = self.cluster.master.as_ref().map(Master::check_books) {
            self.violate(imbalance.to_string());
        }
    }

    fn at_rest(&self) -> Result<(), String> {
        self.oracle.at_rest(&self.cluster, &self.stored, self.target)?;
        let worker = self.worker.as_ref().ok_or("no worker")?;
        let report = worker.scheduler.report(self.now);
        if !report.subscribed {
            return Err("not subscribed".to_owned());
        }
        match report.tasks.iter().find(|task| !oracle::runs(&task.state)) {
            Some(task) => Err(format!("{} is {} in the scheduler's eyes", task.task_id, task.state)),
            None => Ok(()),
        }
    }

    fn judge(&mut self, judgement: Result<(), String>) {
        if let Err(violation) = judgement {
            self.violate(violation);
        }
    }

    fn violate(&mut self, violation: String) {
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
