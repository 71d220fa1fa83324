//! The driver: one task that owns the master and the agents of this process, hands messages between them and to
//! agents on other hosts, keeps the streams and the clock. Its sources are requests, links, the host and timers.

mod joined;
mod links;
mod mishaps;
mod pace;
mod rules;

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use base::time::{Deadline, Moment};
use mesos::wire::event::Event;
use mesos::wire::id::AgentId;
use mesos::wire::operator;

use super::agent::Agent;
use super::fault::{Deed, Fault, FaultError, Leadership};
use super::host::Host;
use super::ids::Ids;
use super::link::{Greeting, ToHost};
use super::master::{Action, Answer, Master, OperatorCall, StreamId};
use super::message::{FromAgent, ToAgent};
use super::order::Call;
use super::reaper::Reaper;
use super::state::{self, Question};

use joined::Joined;
pub use joined::LinkId;
use links::Links;
pub use pace::Pace;
use rules::Rules;

/// Events that wait for a slow client; one that falls further behind is cut off, as a full socket would do.
const EVENTS_WAITING_MOST: usize = 4096;

/// Requests that wait for their turn; more are held back in their connections.
pub const INPUTS_WAITING_MOST: usize = 256;

/// How long a stop waits beyond the grace, for SIGKILL to take effect.
pub const STOP_SLACK: Duration = Duration::from_secs(2);

pub enum Input {
    Called {
        call: Box<Call>,
        reply: oneshot::Sender<Answered>,
    },
    Operated {
        call: Box<OperatorCall>,
        reply: oneshot::Sender<Answer>,
    },
    Faulted {
        fault: Box<Fault>,
        reply: oneshot::Sender<Result<(), FaultError>>,
    },
    StreamClosed(StreamId),
    Asked {
        question: Question,
        reply: oneshot::Sender<serde_json::Value>,
    },
    FrameworksAsked(oneshot::Sender<operator::Response>),
    /// An agent on another host. Refused if there is no reply.
    AgentCame {
        greeting: Greeting,
        orders: mpsc::Sender<ToHost>,
        reply: oneshot::Sender<LinkId>,
    },
    AgentSaid {
        link: LinkId,
        report: Box<FromAgent>,
    },
    AgentLost(LinkId),
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
    host: Host,
    joined: Joined,
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
}

impl Cluster {
    pub fn new(
        master: Master,
        agents: BTreeMap<AgentId, Agent>,
        ids: Ids,
        pace: Pace,
        reaper: &Reaper,
    ) -> Self {
        Self {
            master,
            host: Host::new(agents, reaper),
            joined: Joined::default(),
            ids,
            pace,
            streams: BTreeMap::new(),
            links: Links::default(),
            rules: Rules::default(),
            leadership: watch::Sender::new(Leadership::Leads),
            phases: VecDeque::new(),
            hung: Vec::new(),
        }
    }

    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    /// Runs until it is told to stop and all tasks have ended.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut stop_by: Option<Deadline> = None;
        loop {
            self.settle();
            let now = self.pace.now();
            if stop_by.is_some_and(|deadline| self.host.is_idle() || deadline.has_passed(now)) {
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
                () = &mut stop, if stop_by.is_none() => stop_by = Some(self.stop(now)),
                incident = self.host.next_incident() => self.host.handle_incident(incident, self.pace.now()),
                input = inputs.recv(), if !inputs.is_closed() || stop_by.is_none() => match input {
                    Some(input) if stop_by.is_none() => self.handle(input),
                    // Whoever asks now is told by the server that there is nobody to answer.
                    Some(_) => {}
                    None if stop_by.is_none() => stop_by = Some(self.stop(now)),
                    None => {}
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn poll_timeout(&self) -> Option<Moment> {
        let phase = self.phases.front().map(|(at, _)| *at);
        let timeouts = self.host.poll_timeout().into_iter().chain(self.master.poll_timeout());
        timeouts.chain(phase).chain(self.links.poll_timeout()).min()
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
            Input::FrameworksAsked(reply) => drop(reply.send(state::frameworks::answer(&self.master))),
            Input::AgentCame { greeting, orders, reply } => {
                self.handle_agent_came(greeting, orders, reply, now);
            }
            Input::AgentSaid { link, report } => self.handle_agent_said(link, &report, now),
            Input::AgentLost(link) => self.handle_agent_lost(link, now),
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

    fn handle_timeout(&mut self) {
        let now = self.pace.now();
        while let Some((_, leadership)) = self.phases.pop_front_if(|(at, _)| *at <= now) {
            self.leadership.send_replace(leadership);
        }
        for agent in self.links.restored(now) {
            self.connect(&agent, now);
        }
        self.master.handle_timeout(now);
        self.host.handle_timeout(now);
    }

    /// Answers until when that may take.
    fn stop(&mut self, now: Moment) -> Deadline {
        self.master.report_books();
        self.streams.clear();
        self.hung.clear();
        self.host.stop(now);
        Deadline::after(now, self.master.settings().timing.shutdown_grace + STOP_SLACK)
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
            let now = self.pace.now();
            for (id, event) in self.host.settle(now) {
                is_settled = false;
                self.report(&id, &event, now);
            }
            if is_settled {
                self.close_links_of_removed();
                return;
            }
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.pace.now();
        match action {
            Action::Send { stream, event } => self.send(&stream, event, now),
            Action::Close { stream } => drop(self.streams.remove(&stream)),
            Action::Tell { agent, message } => self.tell(&agent, message, now),
        }
    }

    fn tell(&mut self, id: &AgentId, message: ToAgent, now: Moment) {
        if !self.links.is_up(id)
            || matches!(message, ToAgent::Acknowledge { .. }) && self.rules.loses_acknowledgement()
        {
            return;
        }
        let fate = if let ToAgent::Run(run) = &message { self.rules.fate(run) } else { None };
        match (self.host.agent_mut(id), message, fate) {
            (Some(agent), ToAgent::Run(run), Some(fate)) => agent.handle_doomed_run(*run, fate, now),
            (Some(agent), message, _) => agent.handle_message(message, now),
            (None, ToAgent::Run(run), Some(fate)) => self.order(id, ToHost::Doom { run, fate }, now),
            (None, message, _) => self.order(id, ToHost::Tell(message), now),
        }
    }

    /// To an agent on another host.
    fn order(&mut self, id: &AgentId, order: ToHost, now: Moment) {
        if !self.joined.send(id, order) {
            self.master.handle_agent_disconnected(id, now);
        }
    }

    /// An agent that was cut off is to register again.
    fn connect(&mut self, id: &AgentId, now: Moment) {
        match self.host.agent_mut(id) {
            Some(agent) => agent.handle_connected(now),
            None => self.joined.close(id),
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
            tracing::warn!(stream = stream.0, "disconnected a scheduler that does not read its events");
        }
        if is_full || is_last {
            self.close(stream, now);
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
