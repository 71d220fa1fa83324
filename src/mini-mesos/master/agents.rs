//! Agents: registered, silent, back again, removed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::message::{Drain, FromAgent, Registration, Reported, Run, ToAgent};
use crate::resources::Resources;
use base::time::Moment;
use mesos::wire::cluster::DomainInfo;
use mesos::wire::event::{Event, EventType, Failure};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::{AgentId, FrameworkId};
use mesos::wire::resource::Attribute;
use mesos::wire::status::{Reason, TaskState};
use mesos::wire::time::Unavailability;

use super::framework::Framework;
use super::offers::Announced;
use super::task::{Forwarded, Task, is_terminal};
use super::updates::MasterUpdate;
use super::{Action, Master};

#[derive(Clone, Debug)]
pub struct Agent {
    pub id: AgentId,
    pub description: AgentDescription,
    /// Neither offered nor held by a task.
    pub free: Resources,
    pub registered: Moment,
    pub link: Link,
    pub duty: Duty,
    pub unavailability: Option<Unavailability>,
    /// In a row.
    pub pings_missed: u32,
}

/// What an agent says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentDescription {
    pub hostname: String,
    pub ip: String,
    pub port: u16,
    /// Among the agents at this address, from 1.
    #[serde(default = "alone")]
    pub number: u16,
    pub attributes: Vec<Attribute>,
    pub domain: Option<DomainInfo>,
    pub resources: Resources,
}

fn alone() -> u16 {
    1
}

impl AgentDescription {
    /// Under which its endpoints are found, as libprocess names it.
    pub fn process(&self) -> String {
        format!("slave({})", self.number)
    }

    pub fn pid(&self) -> String {
        format!("{}@{}:{}", self.process(), self.ip, self.port)
    }

    fn is_at_the_place_of(&self, other: &Self) -> bool {
        (&self.ip, self.port, self.number) == (&other.ip, other.port, other.number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Connected,
    /// Its socket broke; it is not unreachable yet.
    Disconnected,
}

/// What the operator wants of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    Active,
    Deactivated,
    Draining(Drain),
    Drained,
}

/// An agent out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    pub since: Moment,
    /// What the operator wants of it outlasts its absence.
    pub duty: Duty,
}

/// How an agent left.
#[derive(Clone, Copy)]
enum Leave {
    /// It may come back.
    Unreachable,
    /// Its tasks are lost, whatever the framework's capabilities.
    Removed {
        why: &'static str,
    },
    MarkedGone,
}

impl Agent {
    pub fn is_offered(&self) -> bool {
        self.link == Link::Connected && self.duty == Duty::Active
    }
}

impl Master {
    /// A new agent, which gets a new id. One that had the same address has been replaced by it.
    pub fn handle_agent_registered(&mut self, description: AgentDescription, now: Moment) -> AgentId {
        let same = |agent: &&Agent| agent.description.is_at_the_place_of(&description);
        if let Some(old) = self.agents.values().find(same).map(|agent| agent.id.clone()) {
            self.leave(&old, Leave::Removed { why: "a new agent registered at the same address" }, now);
        }
        let id = AgentId::new(format!("{}-S{}", self.id, self.agents_made));
        self.agents_made += 1;
        let free = description.resources.clone();
        self.add_agent(id.clone(), description, free, Duty::Active, now);
        self.allocate(Some(&id), now);
        id
    }

    pub fn handle_agent_event(&mut self, agent: &AgentId, event: FromAgent, now: Moment) {
        match event {
            FromAgent::Updated { framework, status, latest } => {
                self.forward_update(agent, &framework, *status, latest);
            }
            FromAgent::Pong => {
                if let Some(agent) = self.agents.get_mut(agent) {
                    agent.pings_missed = 0;
                }
            }
            FromAgent::Registering(registration) => self.register_again(&registration, now),
            FromAgent::Unregistering => {
                self.leave(agent, Leave::Removed { why: "the agent unregistered" }, now);
            }
        }
    }

    /// The connection to an agent broke.
    pub fn handle_agent_disconnected(&mut self, id: &AgentId, now: Moment) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        agent.link = Link::Disconnected;
        let hostname = agent.description.hostname.clone();
        tracing::info!(agent = id.text(), "disconnected");
        // Without a checkpoint nobody finds the tasks again.
        let update = MasterUpdate {
            state: TaskState::Lost,
            reason: Reason::AgentDisconnected,
            message: &format!("Agent {hostname} disconnected"),
            unreachable: None,
        };
        self.end_tasks(id, |framework| !framework.info.checkpoint.unwrap_or_default(), &update, now);
        self.take_back(Announced::Yes, |offer| offer.agent == *id);
    }

    pub(super) fn mark_gone(&mut self, id: &AgentId, now: Moment) {
        self.unreachable.remove(id);
        self.recovered.remove(id);
        self.actions.push_back(Action::Tell { agent: id.clone(), message: ToAgent::Dismiss });
        self.leave(id, Leave::MarkedGone, now);
        self.gone.insert(id.clone());
    }

    /// Asks all agents whether they are there; who has missed too many is unreachable.
    pub(super) fn ping(&mut self, now: Moment) {
        if self.next_ping > now {
            return;
        }
        while self.next_ping <= now {
            self.next_ping = self.next_ping + self.settings.timing.agent_ping;
        }
        let most = self.settings.timing.agent_pings_missed_most;
        let mut silent = Vec::new();
        for agent in self.agents.values_mut() {
            if agent.pings_missed >= most {
                silent.push(agent.id.clone());
                continue;
            }
            // Until it answers.
            agent.pings_missed += 1;
            let message = ToAgent::Ping { is_connected: agent.link == Link::Connected };
            self.actions.push_back(Action::Tell { agent: agent.id.clone(), message });
        }
        for id in silent {
            self.leave(&id, Leave::Unreachable, now);
        }
    }

    /// Agents of the master before this one that have not come back in time.
    pub(super) fn give_up_recovered(&mut self, now: Moment) {
        if self.recovered_until.has_passed(now) {
            let late = std::mem::take(&mut self.recovered);
            self.unreachable.extend(late.into_iter().map(|(id, duty)| (id, Away { since: now, duty })));
        }
    }

    /// Gives resources back to their agent.
    pub(super) fn release(&mut self, agent: &AgentId, resources: Resources) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.free.add_all(&resources.unallocated());
        }
    }

    fn add_agent(
        &mut self,
        id: AgentId,
        description: AgentDescription,
        free: Resources,
        duty: Duty,
        now: Moment,
    ) {
        let unavailability = self.unavailability_of(&description);
        let (registered, link, pings_missed) = (now, Link::Connected, 0);
        let agent =
            Agent { id: id.clone(), description, free, registered, link, duty, unavailability, pings_missed };
        self.agents.insert(id, agent);
    }

    fn register_again(&mut self, registration: &Registration, now: Moment) {
        let id = registration.id.clone();
        if self.gone.contains(&id) {
            self.actions.push_back(Action::Tell { agent: id, message: ToAgent::Dismiss });
            return;
        }
        let missing = match self.agents.get_mut(&id) {
            Some(agent) => {
                agent.link = Link::Connected;
                agent.pings_missed = 0;
                self.end_completed(registration);
                self.missing_in(registration)
            }
            None => {
                let away = self.unreachable.remove(&id);
                let duty = self.recovered.remove(&id).or(away.map(|away| away.duty)).unwrap_or(Duty::Active);
                let free = registration.description.resources.clone();
                self.add_agent(id.clone(), registration.description.clone(), free, duty, now);
                let message = match away.is_some() {
                    true => "Unreachable agent re-reregistered",
                    false => "Unknown agent reregistered",
                };
                self.take_over(registration, message, now);
                Vec::new()
            }
        };
        tracing::info!(agent = id.text(), tasks = registration.tasks.len(), "registered again");
        self.tell(&id, ToAgent::Registered { missing });
        if let Some(Duty::Draining(drain)) = self.agents.get(&id).map(|agent| agent.duty) {
            self.tell(&id, ToAgent::Drain(drain));
            self.finish_drain(&id, now);
        }
        self.allocate(Some(&id), now);
    }

    /// Tasks that the master believes on an agent that does not name them.
    fn missing_in(&self, registration: &Registration) -> Vec<Run> {
        let is_named = |framework: &Framework, task: &Task| {
            registration.tasks.iter().any(|reported| {
                reported.run.framework == framework.id && reported.run.task.task_id == task.info.task_id
            })
        };
        let mut missing = Vec::new();
        for framework in self.frameworks.values() {
            let here = framework.tasks.values().filter(|task| task.agent == registration.id);
            for task in here.filter(|task| !is_terminal(task.latest) && !is_named(framework, task)) {
                missing.push(task.run(framework));
            }
        }
        missing
    }

    /// The tasks of an agent that this master did not have among its own.
    fn take_over(&mut self, registration: &Registration, message: &str, now: Moment) {
        self.end_completed(registration);
        for reported in &registration.tasks {
            let id = &reported.run.framework;
            if self.is_completed(id) {
                continue;
            }
            self.recover_framework(id, &reported.run.info, now);
            self.adopt(&registration.id, reported);
            if !is_terminal(reported.latest) {
                self.tell_again(id, reported, message, now);
            }
        }
    }

    /// An agent that was out of reach may not have heard that frameworks were removed.
    fn end_completed(&mut self, registration: &Registration) {
        let named: BTreeSet<_> = registration.tasks.iter().map(|reported| &reported.run.framework).collect();
        for framework in named.into_iter().filter(|id| self.is_completed(id)).cloned().collect::<Vec<_>>() {
            self.tell(&registration.id, ToAgent::ShutDown { framework });
        }
    }

    fn is_completed(&self, id: &FrameworkId) -> bool {
        self.completed.iter().any(|framework| framework.id == *id)
    }

    /// A framework of which only its tasks are known so far. It may come back whenever it likes.
    fn recover_framework(&mut self, id: &FrameworkId, info: &FrameworkInfo, now: Moment) {
        if !self.frameworks.contains_key(id) {
            self.frameworks.insert(id.clone(), Framework::recovered(id.clone(), info.clone(), now));
        }
    }

    fn adopt(&mut self, agent: &AgentId, reported: &Reported) {
        let Some(framework) = self.frameworks.get_mut(&reported.run.framework) else { return };
        let resources = Resources::from_wire(&reported.run.task.resources).unwrap_or_default();
        let resources = resources.allocated_to(&reported.run.role);
        let is_held = !is_terminal(reported.latest);
        let forwarded = reported.status.as_ref().and_then(|status| {
            let state = status.state.and_then(|n| TaskState::try_from(n).ok())?;
            Some(Forwarded { state, uuid: status.uuid.clone().unwrap_or_default() })
        });
        let task = Task {
            info: reported.run.task.clone(),
            agent: agent.clone(),
            role: reported.run.role.clone(),
            held: is_held.then(|| resources.clone()),
            latest: reported.latest,
            forwarded,
            statuses: reported.status.iter().cloned().collect(),
        };
        framework.unreachable_tasks.remove(&task.id());
        framework.tasks.insert(task.id(), task);
        if let Some(agent) = self.agents.get_mut(agent).filter(|_| is_held) {
            agent.free.subtract(&resources.unallocated());
        }
    }

    /// Takes an agent out, tells of its tasks, its offers and itself.
    fn leave(&mut self, id: &AgentId, how: Leave, now: Moment) {
        let Some(agent) = self.agents.get(id) else { return };
        let (hostname, duty) = (agent.description.hostname.clone(), agent.duty);
        let removed;
        let (state, reason, message, unreachable) = match how {
            Leave::Unreachable => {
                let message = "health check timed out";
                (TaskState::Unreachable, Reason::AgentRemoved, message, Some(now))
            }
            Leave::Removed { why } => {
                removed = format!("Agent {hostname} removed: {why}");
                (TaskState::Lost, Reason::AgentRemoved, removed.as_str(), None)
            }
            Leave::MarkedGone => {
                let message = "Agent has been marked gone";
                (TaskState::GoneByOperator, Reason::AgentRemovedByOperator, message, None)
            }
        };
        tracing::info!(agent = id.text(), message, "left");
        self.end_tasks(id, |_| true, &MasterUpdate { state, reason, message, unreachable }, now);
        self.take_back(Announced::Yes, |offer| offer.agent == *id);
        self.take_inverse_offers_back(id);
        self.agents.remove(id);
        if let Leave::Unreachable = how {
            self.unreachable.insert(id.clone(), Away { since: now, duty });
        }
        let failure = Event {
            r#type: Some(EventType::Failure as i32),
            failure: Some(Failure { agent_id: Some(id.clone()), ..Failure::default() }),
            ..Event::default()
        };
        let frameworks: Vec<_> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            self.send(&framework, failure.clone());
        }
    }
}
