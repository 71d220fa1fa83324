//! Whether the books balance: every resource of an agent is free, offered once, or held by one task.

use crate::resources::Resources;
use mesos::wire::id::AgentId;

use super::Master;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("agent {agent} has {total}, of which {found} were found")]
pub struct Imbalance {
    agent: String,
    total: String,
    found: String,
}

impl Master {
    pub fn check_books(&self) -> Result<(), Imbalance> {
        for agent in self.agents.values() {
            let found = self.find_all(&agent.id, &agent.free);
            let total = &agent.description.resources;
            if !(found.contains(total) && total.contains(&found)) {
                let (agent, total, found) =
                    (agent.id.text().to_owned(), total.to_string(), found.to_string());
                return Err(Imbalance { agent, total, found });
            }
        }
        Ok(())
    }

    /// Says so if they do not balance.
    pub fn report_books(&self) {
        if let Err(imbalance) = self.check_books() {
            tracing::error!("the books do not balance: {imbalance}");
        }
    }

    fn find_all(&self, agent: &AgentId, free: &Resources) -> Resources {
        let mut found = free.clone();
        for offer in self.offers.values().filter(|offer| offer.agent == *agent) {
            found.add_all(&offer.resources.clone().unallocated());
        }
        let tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
        for held in tasks.filter(|task| task.agent == *agent).filter_map(|task| task.held.clone()) {
            found.add_all(&held.unallocated());
        }
        found
    }
}
