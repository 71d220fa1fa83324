//! What agents need of the machine they run on: drives them, their processes, what is fetched for them and the looks
//! at their tasks.

mod fetches;
mod probes;

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use base::time::Moment;
use mesos::wire::id::AgentId;

use super::agent::{Action, Agent, ContainerId, End, ProbeId, ProcessEvent, Sighting, Start};
use super::message::FromAgent;
use super::processes::{self, Processes};
use super::reaper::Reaper;

use fetches::{Fetched, Fetches};
use probes::Probes;

pub struct Host {
    agents: BTreeMap<AgentId, Agent>,
    fetches: Fetches,
    fetched: mpsc::UnboundedReceiver<Fetched>,
    probes: Probes,
    sightings: mpsc::UnboundedReceiver<(ProbeId, Sighting)>,
    processes: Processes,
    ends: mpsc::UnboundedReceiver<(ContainerId, ProcessEvent)>,
    /// Whose task runs in which container.
    containers: BTreeMap<ContainerId, AgentId>,
}

/// What came about on the machine.
pub enum Incident {
    Ended(ContainerId, ProcessEvent),
    Fetched(Fetched),
    Sighted(ProbeId, Sighting),
}

impl Host {
    pub fn new(agents: BTreeMap<AgentId, Agent>, reaper: &Reaper) -> Self {
        let (processes, ends) = Processes::new(reaper.clone());
        let (fetches, fetched) = Fetches::new(reaper.clone());
        let (probes, sightings) = Probes::new(reaper.clone());
        let containers = BTreeMap::new();
        Self { agents, fetches, fetched, probes, sightings, processes, ends, containers }
    }

    pub fn add(&mut self, agent: Agent) {
        self.agents.insert(agent.settings().id.clone(), agent);
    }

    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub fn agents_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        self.agents.values_mut()
    }

    pub fn agent_mut(&mut self, id: &AgentId) -> Option<&mut Agent> {
        self.agents.get_mut(id)
    }

    /// Whether no process of a task is left.
    pub fn is_idle(&self) -> bool {
        self.agents.values().all(Agent::is_idle)
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.agents.values().filter_map(Agent::poll_timeout).min()
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        for agent in self.agents.values_mut() {
            agent.handle_timeout(now);
        }
    }

    /// Ends every task; nobody is told.
    pub fn stop(&mut self, now: Moment) {
        for agent in self.agents.values_mut() {
            agent.handle_stop(now);
        }
    }

    /// Waits for what comes about next. Nothing is lost when nobody waits to the end.
    pub async fn next_incident(&mut self) -> Incident {
        // The senders live as long as this does.
        tokio::select! {
            biased;
            Some((container, event)) = self.ends.recv() => Incident::Ended(container, event),
            Some(fetched) = self.fetched.recv() => Incident::Fetched(fetched),
            Some((probe, sighting)) = self.sightings.recv() => Incident::Sighted(probe, sighting),
            else => std::future::pending().await,
        }
    }

    pub fn handle_incident(&mut self, incident: Incident, now: Moment) {
        match incident {
            Incident::Ended(container, event) => self.handle_end(&container, event, now),
            Incident::Fetched((start, result)) => self.handle_fetched(&start, result, now),
            Incident::Sighted(probe, sighting) => self.handle_sighting(&probe, sighting, now),
        }
    }

    /// Carries out what the agents want until none wants anything; answers what they have to tell the master.
    pub fn settle(&mut self, now: Moment) -> Vec<(AgentId, FromAgent)> {
        let ids: Vec<_> = self.agents.keys().cloned().collect();
        let (mut reports, mut signals) = (Vec::new(), Vec::new());
        loop {
            let mut is_settled = true;
            for id in &ids {
                while let Some(action) = self.agents.get_mut(id).and_then(Agent::next_action) {
                    is_settled = false;
                    match action {
                        Action::Report(event) => reports.push((id.clone(), event)),
                        Action::MakeSandbox { container, path, user } => {
                            let made = processes::make_sandbox(&path, user.as_deref());
                            if let Some(agent) = self.agents.get_mut(id) {
                                agent.handle_sandbox(&container, made, now);
                            }
                        }
                        Action::Start(start) => self.prepare(id, start, now),
                        Action::Signal { container, .. } if self.fetches.end(&container) => {
                            self.end_unstarted(&container, now);
                        }
                        Action::Signal { container, signal } => signals.push((container, signal)),
                        Action::Look { id, target } => self.probes.begin(id, target),
                        Action::LookAway(probe) => self.probes.end(&probe),
                    }
                }
            }
            if is_settled {
                self.processes.signal(&signals);
                return reports;
            }
        }
    }

    fn handle_end(&mut self, container: &ContainerId, event: ProcessEvent, now: Moment) {
        self.processes.forget(container);
        let agent = self.containers.remove(container).and_then(|agent| self.agents.get_mut(&agent));
        if let Some(agent) = agent {
            agent.handle_process(container, event, now);
        }
    }

    fn handle_fetched(&mut self, start: &Start, result: Result<(), String>, now: Moment) {
        if !self.fetches.forget(&start.container) {
            return;
        }
        match result {
            Ok(()) => self.start(start, now),
            Err(message) => self.handle_end(&start.container, ProcessEvent::FailedToStart { message }, now),
        }
    }

    fn handle_sighting(&mut self, probe: &ProbeId, sighting: Sighting, now: Moment) {
        self.probes.forget(probe);
        if let Some(agent) = self.agent_of(&probe.container) {
            agent.handle_sighting(probe, sighting, now);
        }
    }

    fn prepare(&mut self, id: &AgentId, start: Box<Start>, now: Moment) {
        self.containers.insert(start.container.clone(), id.clone());
        if start.fetches.is_empty() { self.start(&start, now) } else { self.fetches.begin(start) }
    }

    fn start(&mut self, start: &Start, now: Moment) {
        match self.processes.start(start) {
            started @ ProcessEvent::Started { .. } => {
                if let Some(agent) = self.agent_of(&start.container) {
                    agent.handle_process(&start.container, started, now);
                }
            }
            end @ (ProcessEvent::FailedToStart { .. } | ProcessEvent::Ended(_)) => {
                self.handle_end(&start.container, end, now);
            }
        }
    }

    /// A task that ends while something is fetched for it.
    fn end_unstarted(&mut self, container: &ContainerId, now: Moment) {
        let end = End::Signalled { number: nix::libc::SIGKILL, dumped_core: false };
        self.handle_end(container, ProcessEvent::Ended(end), now);
    }

    fn agent_of(&mut self, container: &ContainerId) -> Option<&mut Agent> {
        self.containers.get(container).and_then(|id| self.agents.get_mut(id))
    }
}
