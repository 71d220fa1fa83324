//! The driver: one task that owns the master and the agents of this process, hands messages between them and to
//! agents on other hosts, keeps the streams and the clock. Its sources are requests, links, the host and timers.

mod joined;
#[cfg(feature = "faults")]
mod mishaps;
#[cfg(not(feature = "faults"))]
#[path = "cluster/calm.rs"]
mod mishaps;
mod pace;

use std::collections::BTreeMap;
#[cfg(feature = "faults")]
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use base::time::{Deadline, Moment};
use mesos::wire::event::Event;
use mesos::wire::id::AgentId;
use mesos::wire::operator;

use super::agent::Agent;
#[cfg(feature = "faults")]
use super::fault::{Fault, FaultError};
use super::host::Host;
use super::ids::Ids;
use super::leadership::Leadership;
use super::link::{Greeting, ToHost};
use super::master::{Action, Answer, Master, OperatorCall, StreamId};
use super::message::{FromAgent, ToAgent};
use super::order::Call;
use super::reaper::Reaper;
use super::state::{self, Question};

use joined::Joined;
pub use joined::LinkId;
use mishaps::{Flow, Mishaps};
pub use pace::Pace;

/// Events that wait for a slow client; one that falls further behind is cut off, as a full socket would do.
const MAX_EVENTS_WAITING: usize = 4096;

/// Requests that wait for their turn; more are held back in their connections.
pub const MAX_INPUTS_WAITING: usize = 256;

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
    #[cfg(feature = "faults")]
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
    #[cfg(feature = "faults")]
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
    #[cfg(feature = "faults")]
    Split(Box<Event>, NonZeroUsize),
    /// The stream breaks in the middle of it.
    #[cfg(feature = "faults")]
    Torn(Box<Event>),
}

struct Outlet {
    records: mpsc::Sender<Record>,
    flow: Flow,
}

pub struct Cluster {
    master: Master,
    host: Host,
    joined: Joined,
    pace: Pace,
    streams: BTreeMap<StreamId, Outlet>,
    leadership: watch::Sender<Leadership>,
    mishaps: Mishaps,
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
            pace,
            streams: BTreeMap::new(),
            leadership: watch::Sender::new(Leadership::Leads),
            mishaps: Mishaps::new(ids),
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
        let timeouts = self.host.poll_timeout().into_iter().chain(self.master.poll_timeout());
        timeouts.chain(self.mishaps.poll_timeout()).min()
    }

    fn handle(&mut self, input: Input) {
        let now = self.pace.now();
        match input {
            Input::Called { call, reply } => self.handle_call(*call, reply, now),
            Input::Operated { call, reply } => {
                drop(reply.send(self.master.handle_operator_call(*call, now)));
            }
            #[cfg(feature = "faults")]
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
        let Some((call, reply)) = self.let_through(call, reply, now) else { return };
        // A caller who is gone will close his stream or miss an answer.
        let _ = reply.send(self.answer(call, now));
    }

    fn answer(&mut self, call: Call, now: Moment) -> Answered {
        match self.master.handle_call(call, now) {
            Answer::Stream(stream) => {
                let (records, receiver) = mpsc::channel(MAX_EVENTS_WAITING);
                self.streams.insert(stream.clone(), Outlet { records, flow: Flow::Open });
                Answered::WithEvents(Events { stream, receiver })
            }
            answer => Answered::Plainly(answer),
        }
    }

    fn handle_timeout(&mut self) {
        let now = self.pace.now();
        self.end_mishaps(now);
        self.master.handle_timeout(now);
        self.host.handle_timeout(now);
    }

    /// Answers until when that may take.
    fn stop(&mut self, now: Moment) -> Deadline {
        self.master.report_books();
        self.streams.clear();
        self.mishaps.stop();
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
        let Some(message) = self.carry(id, message, now) else { return };
        match self.host.agent_mut(id) {
            Some(agent) => agent.handle_message(message, now),
            None => self.order(id, ToHost::Tell(message), now),
        }
    }

    /// To an agent on another host.
    fn order(&mut self, id: &AgentId, order: ToHost, now: Moment) {
        if !self.joined.send(id, order) {
            self.master.handle_agent_disconnected(id, now);
        }
    }

    fn send(&mut self, stream: &StreamId, event: Box<Event>, now: Moment) {
        let Some(outlet) = self.streams.get(stream) else { return };
        let is_last = outlet.flow.ends();
        let Some(record) = outlet.flow.record(event) else { return };
        let is_full = matches!(outlet.records.try_send(record), Err(mpsc::error::TrySendError::Full(_)));
        if is_full {
            tracing::warn!(stream = stream.0, "disconnected a scheduler that does not read its events");
        }
        if is_full || is_last {
            self.close(stream, now);
        }
    }

    fn report(&mut self, id: &AgentId, event: &FromAgent, now: Moment) {
        for _ in 0..self.mishaps.arrivals(id, event) {
            self.master.handle_agent_event(id, event.clone(), now);
        }
    }
}
