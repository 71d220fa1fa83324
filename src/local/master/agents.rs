//! Agents and what is free on them.

use crate::local::message::FromAgent;
use crate::local::resources::Resources;
use crate::mesos::wire::cluster::DomainInfo;
use crate::mesos::wire::id::AgentId;
use crate::mesos::wire::resource::Attribute;
use crate::time::Moment;

use super::Master;

#[derive(Clone, Debug)]
pub struct Agent {
    pub id: AgentId,
    pub description: AgentDescription,
    /// Neither offered nor held by a task.
    pub free: Resources,
    pub registered: Moment,
}

/// What an agent says of itself when it registers.
#[derive(Clone, Debug)]
pub struct AgentDescription {
    pub hostname: String,
    pub ip: String,
    pub port: u16,
    pub attributes: Vec<Attribute>,
    pub domain: Option<DomainInfo>,
    pub resources: Resources,
}

impl Master {
    pub fn handle_agent_registered(&mut self, description: AgentDescription, now: Moment) -> AgentId {
        let id = AgentId::new(format!("{}-S{}", self.id, self.agents_made));
        self.agents_made += 1;
        let free = description.resources.clone();
        let agent = Agent { id: id.clone(), description, free, registered: now };
        self.agents.insert(id.clone(), agent);
        self.allocate(Some(&id), now);
        id
    }

    pub fn handle_agent_event(&mut self, agent: &AgentId, event: FromAgent) {
        match event {
            FromAgent::Updated { framework, status, latest } => {
                self.forward_update(agent, &framework, *status, latest);
            }
        }
    }

    /// Gives resources back to their agent.
    pub(super) fn release(&mut self, agent: &AgentId, resources: Resources) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.free.add_all(&resources.unallocated());
        }
    }
}
