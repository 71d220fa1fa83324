//! Faults that happen at once.

use std::time::Duration;

use crate::local::agent::{Agent, Fate, Settings};
use crate::local::fault::{Fault, FaultError, Leadership, Phase, RegistryFate};
use crate::local::master::{Registry, StreamId};
use crate::mesos::wire::event::{Event, EventType, Update};
use crate::mesos::wire::id::{AgentId, FrameworkId, TaskId};
use crate::mesos::wire::status::TaskStatus;
use crate::time::Moment;

use super::rules::{AcknowledgementRule, CallRule, LaunchRule};
use super::{Cluster, Flow};

impl Cluster {
    pub(super) fn handle_fault(&mut self, fault: Fault, now: Moment) -> Result<(), FaultError> {
        tracing::info!(?fault, "as wished");
        match fault {
            Fault::ChangeMaster { phases, registry, agents_after_ms } => {
                self.change_master(registry, &agents_after_ms, now);
                self.start_phases(&phases, now);
            }
            Fault::Phases { phases } => self.start_phases(&phases, now),
            Fault::DisconnectAgent { agent, for_ms } => {
                let id = self.find_agent(&agent)?;
                self.links.cut(id.clone(), for_ms.map(|ms| now + Duration::from_millis(ms)));
                self.master.handle_agent_disconnected(&id, now);
            }
            Fault::PartitionAgent { agent, for_ms } => {
                let id = self.find_agent(&agent)?;
                self.links.cut(id, for_ms.map(|ms| now + Duration::from_millis(ms)));
            }
            Fault::ConnectAgent { agent } => {
                let id = self.find_agent(&agent)?;
                self.links.restore(&id);
                if let Some(agent) = self.agents.get_mut(&id) {
                    agent.handle_connected(now);
                }
            }
            Fault::ReplaceAgent { agent } => self.replace_agent(&agent, now)?,
            Fault::UnregisterAgent { agent } => {
                let id = self.find_agent(&agent)?;
                if let Some(agent) = self.agents.get_mut(&id) {
                    agent.handle_unregister(now);
                }
            }
            Fault::SilenceStreams { framework } => self.set_flow(framework.as_ref(), Flow::Silent),
            Fault::SplitStreams { framework, bytes } => {
                self.set_flow(framework.as_ref(), Flow::Split(bytes));
            }
            Fault::CutStreams { framework } => self.set_flow(framework.as_ref(), Flow::Cut),
            Fault::CloseStreams { framework } => {
                for stream in self.streams_of(framework.as_ref()) {
                    self.close(&stream, now);
                }
            }
            Fault::Calls { call, skip, times, deed } => {
                self.rules.calls.push(CallRule { name: call, skip, times, deed });
            }
            Fault::Rescind { agent } => {
                let agent = agent.map(|agent| self.find_agent(&agent)).transpose()?;
                self.master.rescind(agent.as_ref());
            }
            Fault::FailLaunches { times, task, end } => {
                let fate = end.resolve()?;
                self.rules.launches.push(LaunchRule { prefix: task, times, fate });
            }
            Fault::EndTask { task, framework, end } => {
                self.end_task(&task, framework.as_ref(), &end.resolve()?, now)?;
            }
            Fault::StrayUpdate { task, framework, update } => {
                self.send_stray(task, framework.as_ref(), update.resolve()?, now)?;
            }
            Fault::DuplicateUpdates { times } => self.rules.duplicates += times,
            Fault::LoseAcknowledgements { skip, times } => {
                self.rules.acknowledgements = AcknowledgementRule { skip, times };
            }
            Fault::LoseUpdates { times } => self.rules.losses += times,
        }
        Ok(())
    }

    fn end_task(
        &mut self,
        task: &TaskId,
        framework: Option<&FrameworkId>,
        fate: &Fate,
        now: Moment,
    ) -> Result<(), FaultError> {
        let mut agents = self.agents.values_mut();
        let is_ended = agents.any(|agent| agent.handle_fate(framework, task, fate, now));
        let unknown = || FaultError::Unknown { what: "running task", name: task.text().to_owned() };
        is_ended.then_some(()).ok_or_else(unknown)
    }

    fn send_stray(
        &mut self,
        task: TaskId,
        framework: Option<&FrameworkId>,
        told: Fate,
        now: Moment,
    ) -> Result<(), FaultError> {
        let (agent, settings) = self.agents.first_key_value().ok_or(FaultError::Nobody("agent"))?;
        let status = TaskStatus {
            task_id: Some(task),
            agent_id: Some(agent.clone()),
            state: Some(told.state as i32),
            reason: told.reason.map(|reason| reason as i32),
            source: Some(told.source as i32),
            message: told.message,
            timestamp: Some(settings.settings().epoch + now.since(Moment::START).as_secs_f64()),
            uuid: Some(self.ids.uuid_bytes()),
            ..TaskStatus::default()
        };
        let update = Some(Update { status: Some(status) });
        let event = Event { r#type: Some(EventType::Update as i32), update, ..Event::default() };
        for stream in self.streams_of(framework) {
            self.send(&stream, Box::new(event.clone()), now);
        }
        Ok(())
    }

    fn change_master(&mut self, registry: RegistryFate, agents_after_ms: &[u64], now: Moment) {
        self.streams.clear();
        let registry = match registry {
            RegistryFate::Kept => Registry::Kept,
            RegistryFate::Lost => Registry::Lost,
        };
        self.master = self.master.successor(registry, self.ids.fork(), now);
        for (index, id) in self.agents.keys().enumerate() {
            let after_ms = agents_after_ms.get(index).or(agents_after_ms.last()).copied().unwrap_or_default();
            self.links.cut(id.clone(), Some(now + Duration::from_millis(after_ms)));
        }
    }

    fn start_phases(&mut self, phases: &[Phase], now: Moment) {
        let mut at = now;
        self.phases.clear();
        for phase in phases {
            self.phases.push_back((at, phase.answer.clone()));
            at = at + phase.span();
        }
        self.phases.push_back((at, Leadership::Leads));
    }

    fn replace_agent(&mut self, name: &str, now: Moment) -> Result<(), FaultError> {
        let old = self.find_agent(name)?;
        let Some(agent) = self.agents.get_mut(&old) else { return Ok(()) };
        let settings = agent.settings().clone();
        self.links.cut(old, None);
        agent.handle_unregister(now);
        let id = self.master.handle_agent_registered(settings.description.clone(), now);
        let agent = Agent::new(Settings { id: id.clone(), ..settings }, self.ids.fork(), now);
        self.agents.insert(id, agent);
        Ok(())
    }

    fn set_flow(&mut self, framework: Option<&FrameworkId>, flow: Flow) {
        for stream in self.streams_of(framework) {
            if let Some(outlet) = self.streams.get_mut(&stream) {
                outlet.state = flow;
            }
        }
    }

    fn streams_of(&self, framework: Option<&FrameworkId>) -> Vec<StreamId> {
        let frameworks = self.master.frameworks();
        let meant = frameworks.filter(|known| framework.is_none_or(|framework| known.id == *framework));
        meant.filter_map(|framework| framework.stream().cloned()).collect()
    }

    /// By its whole id, or by what follows the last dash in it, such as `S0`.
    fn find_agent(&self, name: &str) -> Result<AgentId, FaultError> {
        let is_meant = |id: &&AgentId| id.text() == name || id.text().rsplit('-').next() == Some(name);
        let is_here = |id: &&AgentId| self.agents.get(id).is_some_and(|agent| !agent.is_dismissed());
        let found = self.agents.keys().filter(is_here).find(is_meant);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = self.agents.keys().filter(is_here).map(AgentId::text).collect();
            FaultError::UnknownAgent { name: name.to_owned(), known: known.join(", ") }
        })
    }
}
