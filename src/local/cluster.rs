//! The driver: one task that owns master and agents, hands messages between them, keeps the streams, the
//! processes and the clock. Its sources are requests, the ends of processes and timers.

mod fetches;
mod links;
mod mishaps;
mod pace;
mod probes;
mod rules;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::mesos::wire::event::Event;
use crate::mesos::wire::id::AgentId;
use crate::time::{Deadline, Moment};

use super::agent::{self, Agent, ContainerId, End, KillSignal, ProbeId, ProcessEvent, Sighting, Start};
use super::fault::{Deed, Fault, FaultError, Leadership};
use super::ids::Ids;
use super::master::{Action, Answer, Master, OperatorCall, StreamId};
use super::message::{FromAgent, ToAgent};
use super::order::Call;
use super::processes::Processes;
use super::state::{self, Question};

use fetches::{Fetched, Fetches};
use links::Links;
pub use pace::Pace;
use probes::Probes;
use rules::Rules;

/// Events that wait for a slow client; one that falls further behind is cut off, as a full socket would do.
const EVENTS_WAITING_MOST: usize = 4096;

/// Requests that wait for their turn; more are held back in their connections.
pub const INPUTS_WAITING_MOST: usize = 256;

/// How long a stop waits beyond the grace, for SIGKILL to take effect.
const STOP_SLACK: Duration = Duration::from_secs(2);

pub enum Input {
    Called { call: Box<Call>, reply: oneshot::Sender<Answered> },
    Operated { call: Box<OperatorCall>, reply: oneshot::Sender<Answer> },
    Faulted { fault: Box<Fault>, reply: oneshot::Sender<Result<(), FaultError>> },
    StreamClosed(StreamId),
    Asked { question: Question, reply: oneshot::Sender<serde_json::Value> },
    Stopped,
}

pub enum Answered {
    Plainly(Answer),
    WithEvents(Events),
    /// As a fault wants it.
    Otherwise {
        status: u16,
        text: String,
    },
}

pub struct Events {
    pub stream: StreamId,
    pub receiver: mpsc::Receiver<Record>,
}

/// One event on its way to a scheduler.
pub enum Record {
    Whole(Box<Event>),
    /// In chunks of so many bytes.
    Split(Box<Event>, NonZeroUsize),
    /// The stream breaks in the middle of it.
    Torn(Box<Event>),
}

struct Outlet {
    records: mpsc::Sender<Record>,
    state: Flow,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// All comes out in chunks of so many bytes.
    Split(NonZeroUsize),
    /// Nothing comes out, and no end either.
    Silent,
    /// The next record is torn.
    Cut,
}

pub struct Cluster {
    master: Master,
    agents: BTreeMap<AgentId, Agent>,
    ids: Ids,
    pace: Pace,
    streams: BTreeMap<StreamId, Outlet>,
    links: Links,
    rules: Rules,
    leadership: watch::Sender<Leadership>,
    /// What the leadership is to be, and from when on.
    phases: VecDeque<(Moment, Leadership)>,
    /// Whom no answer will ever reach.
    hung: Vec<oneshot::Sender<Answered>>,
    fetches: Fetches,
    fetched: mpsc::UnboundedReceiver<Fetched>,
    probes: Probes,
    sightings: mpsc::UnboundedReceiver<(ProbeId, Sighting)>,
    processes: Processes,
    /// Whose task runs in which container.
    containers: BTreeMap<ContainerId, AgentId>,
    ends: mpsc::UnboundedReceiver<(ContainerId, ProcessEvent)>,
}

impl Cluster {
    pub fn new(master: Master, agents: BTreeMap<AgentId, Agent>, ids: Ids, pace: Pace) -> Self {
        let (processes, ends) = Processes::new();
        let (fetches, fetched) = Fetches::new();
        let (probes, sightings) = Probes::new();
        Self {
            master,
            agents,
            ids,
            pace,
            streams: BTreeMap::new(),
            links: Links::default(),
            rules: Rules::default(),
            leadership: watch::Sender::new(Leadership::Leads),
            phases: VecDeque::new(),
            hung: Vec::new(),
            fetches,
            fetched,
            probes,
            sightings,
            processes,
            containers: BTreeMap::new(),
            ends,
        }
    }

    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// Runs until it is told to stop and all tasks have ended.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut stop_by: Option<Deadline> = None;
        loop {
            self.settle();
            let now = self.pace.now();
            let is_idle = self.agents.values().all(Agent::is_idle);
            if stop_by.is_some_and(|deadline| is_idle || deadline.has_passed(now)) {
                return;
            }
            let timeout = self.poll_timeout().into_iter().chain(stop_by.map(Deadline::at)).min();
            if timeout.is_some_and(|at| at <= now) {
                self.handle_timeout();
                continue;
            }
            let wait = timeout.map_or(Duration::MAX, |at| self.pace.real(at.since(now)));
            tokio::select! {
                biased;
                Some((container, event)) = self.ends.recv() => self.handle_end(&container, event),
                Some((start, result)) = self.fetched.recv() => self.handle_fetched(&start, result),
                Some((probe, sighting)) = self.sightings.recv() => self.handle_sighting(&probe, sighting),
                input = inputs.recv() => match input {
                    Some(Input::Stopped) | None => {
                        self.stop(now);
                        let grace = self.master.settings().timing.shutdown_grace + STOP_SLACK;
                        stop_by.get_or_insert(Deadline::after(now, grace));
                    }
                    Some(input) if stop_by.is_none() => self.handle(input),
                    // Whoever asks now is told by the server that there is nobody to answer.
                    Some(_) => {}
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn poll_timeout(&self) -> Option<Moment> {
        let agents = self.agents.values().filter_map(Agent::poll_timeout);
        let phase = self.phases.front().map(|(at, _)| *at);
        agents.chain(self.master.poll_timeout()).chain(phase).chain(self.links.poll_timeout()).min()
    }

    fn handle(&mut self, input: Input) {
        let now = self.pace.now();
        match input {
            Input::Called { call, reply } => self.handle_call(*call, reply, now),
            Input::Operated { call, reply } => {
                drop(reply.send(self.master.handle_operator_call(*call, now)));
            }
            Input::Faulted { fault, reply } => drop(reply.send(self.handle_fault(*fault, now))),
            Input::StreamClosed(stream) => self.close(&stream, now),
            Input::Asked { question, reply } => {
                drop(reply.send(state::answer(&question, &self.master, now)));
            }
            Input::Stopped => {}
        }
    }

    fn handle_call(&mut self, call: Call, reply: oneshot::Sender<Answered>, now: Moment) {
        let answered = match self.rules.deed(call.name()) {
            None => self.answer(call, now),
            Some(Deed::Swallow) => Answered::Plainly(Answer::Accepted),
            Some(Deed::Refuse { status, text }) => Answered::Otherwise { status, text },
            Some(Deed::Hang) => return self.hang(reply),
            Some(Deed::Mute) => {
                drop(self.answer(call, now));
                return self.hang(reply);
            }
        };
        // A caller who is gone will close his stream or miss an answer.
        let _ = reply.send(answered);
    }

    fn answer(&mut self, call: Call, now: Moment) -> Answered {
        match self.master.handle_call(call, now) {
            Answer::Stream(stream) => {
                let (records, receiver) = mpsc::channel(EVENTS_WAITING_MOST);
                self.streams.insert(stream.clone(), Outlet { records, state: Flow::Open });
                Answered::WithEvents(Events { stream, receiver })
            }
            answer => Answered::Plainly(answer),
        }
    }

    fn hang(&mut self, reply: oneshot::Sender<Answered>) {
        self.hung.retain(|reply| !reply.is_closed());
        self.hung.push(reply);
    }

    fn handle_end(&mut self, container: &ContainerId, event: ProcessEvent) {
        self.processes.forget(container);
        let agent = self.containers.remove(container).and_then(|agent| self.agents.get_mut(&agent));
        if let Some(agent) = agent {
            agent.handle_process(container, event, self.pace.now());
        }
    }

    fn handle_fetched(&mut self, start: &Start, result: Result<(), String>) {
        if !self.fetches.forget(&start.container) {
            return;
        }
        match result {
            Ok(()) => self.start(start),
            Err(message) => self.handle_end(&start.container, ProcessEvent::FailedToStart { message }),
        }
    }

    fn handle_sighting(&mut self, probe: &ProbeId, sighting: Sighting) {
        self.probes.forget(probe);
        let agent = self.containers.get(&probe.container).and_then(|id| self.agents.get_mut(id));
        if let Some(agent) = agent {
            agent.handle_sighting(probe, sighting, self.pace.now());
        }
    }

    fn handle_timeout(&mut self) {
        let now = self.pace.now();
        while let Some((_, leadership)) = self.phases.pop_front_if(|(at, _)| *at <= now) {
            self.leadership.send_replace(leadership);
        }
        for agent in self.links.restored(now) {
            if let Some(agent) = self.agents.get_mut(&agent) {
                agent.handle_connected(now);
            }
        }
        self.master.handle_timeout(now);
        for agent in self.agents.values_mut() {
            agent.handle_timeout(now);
        }
    }

    fn stop(&mut self, now: Moment) {
        self.master.report_books();
        self.streams.clear();
        self.hung.clear();
        for agent in self.agents.values_mut() {
            agent.handle_stop(now);
        }
    }

    fn close(&mut self, stream: &StreamId, now: Moment) {
        self.streams.remove(stream);
        self.master.handle_stream_closed(stream, now);
    }

    /// Carries out what master and agents want until neither wants anything.
    fn settle(&mut self) {
        loop {
            let mut is_settled = true;
            while let Some(action) = self.master.next_action() {
                is_settled = false;
                self.perform(action);
            }
            let ids: Vec<_> = self.agents.keys().cloned().collect();
            for id in ids {
                while let Some(action) = self.agents.get_mut(&id).and_then(Agent::next_action) {
                    is_settled = false;
                    self.perform_for_agent(&id, action);
                }
            }
            if is_settled {
                return;
            }
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.pace.now();
        match action {
            Action::Send { stream, event } => self.send(&stream, event, now),
            Action::Close { stream } => drop(self.streams.remove(&stream)),
            Action::Tell { agent, message } => {
                let is_up = self.links.is_up(&agent);
                let Some(agent) = self.agents.get_mut(&agent).filter(|_| is_up) else { return };
                if matches!(message, ToAgent::Acknowledge { .. }) && self.rules.loses_acknowledgement() {
                    return;
                }
                let fate = if let ToAgent::Run(run) = &message { self.rules.fate(run) } else { None };
                match (message, fate) {
                    (ToAgent::Run(run), Some(fate)) => agent.handle_doomed_run(*run, fate, now),
                    (message, _) => agent.handle_message(message, now),
                }
            }
        }
    }

    fn send(&mut self, stream: &StreamId, event: Box<Event>, now: Moment) {
        let Some(outlet) = self.streams.get(stream) else { return };
        let record = match outlet.state {
            Flow::Open => Record::Whole(event),
            Flow::Split(bytes) => Record::Split(event, bytes),
            Flow::Silent => return,
            Flow::Cut => Record::Torn(event),
        };
        let is_last = outlet.state == Flow::Cut;
        let is_full = matches!(outlet.records.try_send(record), Err(mpsc::error::TrySendError::Full(_)));
        if is_full {
            tracing::warn!(stream = stream.0, "the scheduler does not read its events: cut off");
        }
        if is_full || is_last {
            self.close(stream, now);
        }
    }

    fn perform_for_agent(&mut self, id: &AgentId, action: agent::Action) {
        let now = self.pace.now();
        match action {
            agent::Action::Report(event) => self.report(id, &event, now),
            agent::Action::Start(start) => {
                self.containers.insert(start.container.clone(), id.clone());
                if start.fetches.is_empty() { self.start(&start) } else { self.fetches.begin(start) }
            }
            agent::Action::Signal { container, signal } => self.signal(&container, signal),
            agent::Action::Look { id, target } => self.probes.begin(id, target),
            agent::Action::LookAway(probe) => self.probes.end(&probe),
        }
    }

    fn start(&mut self, start: &Start) {
        match self.processes.start(start) {
            started @ ProcessEvent::Started { .. } => {
                let agent = self.containers.get(&start.container).and_then(|id| self.agents.get_mut(id));
                if let Some(agent) = agent {
                    agent.handle_process(&start.container, started, self.pace.now());
                }
            }
            end @ (ProcessEvent::FailedToStart { .. } | ProcessEvent::Ended(_)) => {
                self.handle_end(&start.container, end);
            }
        }
    }

    fn signal(&mut self, container: &ContainerId, signal: KillSignal) {
        if self.fetches.end(container) {
            let end = End::Signalled { number: nix::libc::SIGKILL, dumped_core: false };
            self.handle_end(container, ProcessEvent::Ended(end));
        } else {
            self.processes.signal(container, signal);
        }
    }

    fn report(&mut self, id: &AgentId, event: &FromAgent, now: Moment) {
        if !self.links.is_up(id) {
            return;
        }
        let times = match event {
            FromAgent::Updated { .. } => self.rules.deliveries(),
            FromAgent::Pong | FromAgent::Registering(_) | FromAgent::Unregistering => 1,
        };
        for _ in 0..times {
            self.master.handle_agent_event(id, event.clone(), now);
        }
    }
}
