//! What goes wrong because somebody wished it. `calm.rs` stands here in releases.

mod links;
mod on_the_way;
mod rules;

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::agent::{Agent, Fate, Settings};
use crate::fault::{Fault, FaultError, Phase, RegistryFate};
use crate::ids::Ids;
use crate::leadership::Leadership;
use crate::link::{Mishap, ToHost};
use crate::master::{Registry, StreamId};
use base::time::Moment;
use mesos::wire::event::{Event, EventType, Update};
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::TaskStatus;

use super::{Answered, Cluster, Record};

use links::Links;
use rules::{AcknowledgementRule, CallRule, LaunchRule, Rules};

pub struct Mishaps {
    ids: Ids,
    pub(super) links: Links,
    rules: Rules,
    /// What the leadership is to be, and from when on.
    phases: VecDeque<(Moment, Leadership)>,
    /// Whom no answer will ever reach.
    hung: Vec<oneshot::Sender<Answered>>,
}

/// What becomes of a stream's events.
#[derive(Clone, Copy)]
pub enum Flow {
    Open,
    /// All comes out in chunks of so many bytes.
    Split(NonZeroUsize),
    /// Nothing comes out, and no end either.
    Silent,
    /// The next record is torn.
    Cut,
}

impl Flow {
    pub fn record(&self, event: Box<Event>) -> Option<Record> {
        match self {
            Self::Open => Some(Record::Whole(event)),
            Self::Split(bytes) => Some(Record::Split(event, *bytes)),
            Self::Silent => None,
            Self::Cut => Some(Record::Torn(event)),
        }
    }

    /// Whether the stream ends with the next record.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Cut)
    }
}

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
                self.mishaps.links.cut(id.clone(), for_ms.map(|ms| now + Duration::from_millis(ms)));
                self.joined.close(&id);
                self.master.handle_agent_disconnected(&id, now);
            }
            Fault::PartitionAgent { agent, for_ms } => {
                let id = self.find_agent(&agent)?;
                self.mishaps.links.cut(id, for_ms.map(|ms| now + Duration::from_millis(ms)));
            }
            Fault::ConnectAgent { agent } => {
                let id = self.find_agent(&agent)?;
                self.mishaps.links.restore(&id);
                self.connect(&id, now);
            }
            Fault::ReplaceAgent { agent } => self.replace_agent(&agent, now)?,
            Fault::UnregisterAgent { agent } => {
                let id = self.find_agent(&agent)?;
                match self.host.agent_mut(&id) {
                    Some(agent) => agent.handle_unregister(now),
                    None => self.order(&id, ToHost::Mishap(Mishap::Unregister), now),
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
                self.mishaps.rules.calls.push(CallRule { name: call, skip, times, deed });
            }
            Fault::Rescind { agent } => {
                let agent = agent.map(|agent| self.find_agent(&agent)).transpose()?;
                self.master.rescind(agent.as_ref());
            }
            Fault::FailLaunches { times, task, end } => {
                let fate = end.resolve()?;
                self.mishaps.rules.launches.push(LaunchRule { prefix: task, times, fate });
            }
            Fault::EndTask { task, framework, end } => {
                self.end_task(&task, framework.as_ref(), &end.resolve()?, now)?;
            }
            Fault::StrayUpdate { task, framework, update } => {
                self.send_stray(task, framework.as_ref(), update.resolve()?, now)?;
            }
            Fault::DuplicateUpdates { times } => self.mishaps.rules.duplicates += times,
            Fault::LoseAcknowledgements { skip, times } => {
                self.mishaps.rules.acknowledgements = AcknowledgementRule { skip, times };
            }
            Fault::LoseUpdates { times } => self.mishaps.rules.losses += times,
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
        if self.host.agents_mut().any(|agent| agent.handle_fate(framework, task, fate, now)) {
            return Ok(());
        }
        let frameworks = self.master.frameworks().filter(|f| framework.is_none_or(|id| f.id == *id));
        let running = frameworks.filter_map(|framework| framework.tasks.get(task));
        let remote = running.map(|task| &task.agent).find(|agent| self.joined.has(agent)).cloned();
        let unknown = || FaultError::Unknown { what: "running task", name: task.text().to_owned() };
        let agent = remote.ok_or_else(unknown)?;
        let (framework, task, fate) = (framework.cloned(), task.clone(), fate.clone());
        self.order(&agent, ToHost::Mishap(Mishap::End { framework, task, fate }), now);
        Ok(())
    }

    fn send_stray(
        &mut self,
        task: TaskId,
        framework: Option<&FrameworkId>,
        told: Fate,
        now: Moment,
    ) -> Result<(), FaultError> {
        let first = self.master.agents().next().ok_or(FaultError::Nobody("agent"))?;
        let status = TaskStatus {
            task_id: Some(task),
            agent_id: Some(first.id.clone()),
            state: Some(told.state as i32),
            reason: told.reason.map(|reason| reason as i32),
            source: Some(told.source as i32),
            message: told.message,
            timestamp: Some(self.master.settings().epoch + now.since(Moment::START).as_secs_f64()),
            uuid: Some(self.mishaps.ids.uuid_bytes()),
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
        let here = self.host.agents().map(|agent| &agent.settings().id);
        let agents: BTreeSet<_> = here.chain(self.joined.ids()).cloned().collect();
        let registry = match registry {
            RegistryFate::Kept => Registry::Kept,
            RegistryFate::Lost => Registry::Lost,
        };
        self.master = self.master.successor(registry, self.mishaps.ids.fork(), now);
        self.joined.close_all();
        for (index, id) in agents.iter().enumerate() {
            let after_ms = agents_after_ms.get(index).or(agents_after_ms.last()).copied().unwrap_or_default();
            self.mishaps.links.cut(id.clone(), Some(now + Duration::from_millis(after_ms)));
        }
    }

    fn start_phases(&mut self, phases: &[Phase], now: Moment) {
        let mut at = now;
        self.mishaps.phases.clear();
        for phase in phases {
            self.mishaps.phases.push_back((at, phase.answer.clone()));
            at = at + phase.span();
        }
        self.mishaps.phases.push_back((at, Leadership::Leads));
    }

    fn replace_agent(&mut self, name: &str, now: Moment) -> Result<(), FaultError> {
        let old = self.find_agent(name)?;
        let Some(agent) = self.host.agent_mut(&old) else { return Err(FaultError::Remote(name.to_owned())) };
        let settings = agent.settings().clone();
        self.mishaps.links.cut(old, None);
        agent.handle_unregister(now);
        let id = self.master.handle_agent_registered(settings.description.clone(), now);
        let agent = Agent::new(Settings { id, ..settings }, self.mishaps.ids.fork(), now);
        self.host.add(agent);
        Ok(())
    }

    fn set_flow(&mut self, framework: Option<&FrameworkId>, flow: Flow) {
        for stream in self.streams_of(framework) {
            if let Some(outlet) = self.streams.get_mut(&stream) {
                outlet.flow = flow;
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
        let here = self.host.agents().filter(|agent| !agent.is_dismissed());
        let here = here.map(|agent| &agent.settings().id);
        let elsewhere = self.joined.ids().chain(self.mishaps.links.cut_agents());
        let elsewhere = elsewhere.filter(|id| self.host.agents().all(|agent| agent.settings().id != **id));
        let known: BTreeSet<&AgentId> = here.chain(elsewhere).collect();
        let found = known.iter().copied().find(is_meant).cloned();
        found.ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|id| id.text()).collect();
            FaultError::UnknownAgent { name: name.to_owned(), known: known.join(", ") }
        })
    }
}
