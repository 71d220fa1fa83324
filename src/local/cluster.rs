//! The driver: one task that owns master and agents, hands messages between them, keeps the streams, the
//! processes and the clock. Its sources are requests, the ends of processes and timers.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::mesos::wire::event::Event;
use crate::mesos::wire::id::AgentId;
use crate::time::{Clock, Deadline, Moment};

use super::agent::{self, Agent, ContainerId, ProcessEvent};
use super::master::{Action, Answer, Master, StreamId};
use super::order::Call;
use super::processes::Processes;
use super::state;

/// Events that wait for a slow client; one that falls further behind is cut off, as a full socket would do.
const EVENTS_WAITING_MOST: usize = 4096;

/// Requests that wait for their turn; more are held back in their connections.
pub const INPUTS_WAITING_MOST: usize = 256;

/// How long a stop waits beyond the grace, for SIGKILL to take effect.
const STOP_SLACK: Duration = Duration::from_secs(2);

pub enum Input {
    Called { call: Box<Call>, reply: oneshot::Sender<Answered> },
    StreamClosed(StreamId),
    AskedForState(oneshot::Sender<serde_json::Value>),
    AskedForMetrics(oneshot::Sender<serde_json::Value>),
    Stopped,
}

pub enum Answered {
    Plainly(Answer),
    WithEvents(Events),
}

pub struct Events {
    pub stream: StreamId,
    pub receiver: mpsc::Receiver<Box<Event>>,
}

pub struct Cluster {
    master: Master,
    agents: BTreeMap<AgentId, Agent>,
    clock: Clock,
    streams: BTreeMap<StreamId, mpsc::Sender<Box<Event>>>,
    processes: Processes,
    /// Whose task runs in which container.
    containers: BTreeMap<ContainerId, AgentId>,
    ends: mpsc::UnboundedReceiver<(ContainerId, ProcessEvent)>,
}

impl Cluster {
    pub fn new(master: Master, agents: BTreeMap<AgentId, Agent>, clock: Clock) -> Self {
        let (processes, ends) = Processes::new();
        let (streams, containers) = (BTreeMap::new(), BTreeMap::new());
        Self { master, agents, clock, streams, processes, containers, ends }
    }

    /// Runs until it is told to stop and all tasks have ended.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut stop_by: Option<Deadline> = None;
        loop {
            self.settle();
            let now = self.clock.now();
            let is_idle = self.agents.values().all(Agent::is_idle);
            if stop_by.is_some_and(|deadline| is_idle || deadline.has_passed(now)) {
                return;
            }
            let timeout = self.poll_timeout().into_iter().chain(stop_by.map(Deadline::at)).min();
            if timeout.is_some_and(|at| at <= now) {
                self.handle_timeout();
                continue;
            }
            let wait = timeout.map_or(Duration::MAX, |at| at.since(now));
            tokio::select! {
                biased;
                Some((container, event)) = self.ends.recv() => self.handle_end(&container, event),
                input = inputs.recv() => match input {
                    Some(Input::Stopped) | None => {
                        self.stop(self.clock.now());
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
        self.agents.values().filter_map(Agent::poll_timeout).chain(self.master.poll_timeout()).min()
    }

    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        match input {
            Input::Called { call, reply } => {
                let answered = match self.master.handle_call(*call, now) {
                    Answer::Stream(stream) => {
                        let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MOST);
                        self.streams.insert(stream.clone(), sender);
                        Answered::WithEvents(Events { stream, receiver })
                    }
                    answer => Answered::Plainly(answer),
                };
                // A caller who is gone will close his stream or miss an answer.
                let _ = reply.send(answered);
            }
            Input::StreamClosed(stream) => self.close(&stream, now),
            Input::AskedForState(reply) => drop(reply.send(state::state(&self.master, now))),
            Input::AskedForMetrics(reply) => drop(reply.send(state::metrics(&self.master, now))),
            Input::Stopped => {}
        }
    }

    fn handle_end(&mut self, container: &ContainerId, event: ProcessEvent) {
        self.processes.forget(container);
        let agent = self.containers.remove(container).and_then(|agent| self.agents.get_mut(&agent));
        if let Some(agent) = agent {
            agent.handle_process(container, event, self.clock.now());
        }
    }

    fn handle_timeout(&mut self) {
        let now = self.clock.now();
        self.master.handle_timeout(now);
        for agent in self.agents.values_mut() {
            agent.handle_timeout(now);
        }
    }

    fn stop(&mut self, now: Moment) {
        self.streams.clear();
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
        let now = self.clock.now();
        match action {
            Action::Send { stream, event } => {
                let sent = self.streams.get(&stream).map(|sender| sender.try_send(event));
                if let Some(Err(mpsc::error::TrySendError::Full(_))) = sent {
                    tracing::warn!(stream = stream.0, "the scheduler does not read its events: cut off");
                    self.close(&stream, now);
                }
            }
            Action::Close { stream } => drop(self.streams.remove(&stream)),
            Action::Tell { agent, message } => {
                if let Some(agent) = self.agents.get_mut(&agent) {
                    agent.handle_message(message, now);
                }
            }
        }
    }

    fn perform_for_agent(&mut self, id: &AgentId, action: agent::Action) {
        match action {
            agent::Action::Report(event) => self.master.handle_agent_event(id, event),
            agent::Action::Start(start) => {
                let event = self.processes.start(&start);
                if let ProcessEvent::Started { .. } = event {
                    self.containers.insert(start.container.clone(), id.clone());
                }
                let now = self.clock.now();
                if let Some(agent) = self.agents.get_mut(id) {
                    agent.handle_process(&start.container, event, now);
                }
            }
            agent::Action::Signal { container, signal } => self.processes.signal(&container, signal),
        }
    }
}
