//! Which agents have no connection to the master.

use std::collections::BTreeMap;

use base::time::Moment;
use mesos::wire::id::AgentId;

/// Those that are cut off, and until when if that is known.
#[derive(Debug, Default)]
pub struct Links(BTreeMap<AgentId, Option<Moment>>);

impl Links {
    pub fn cut_agents(&self) -> impl Iterator<Item = &AgentId> {
        self.0.keys()
    }

    pub fn is_up(&self, agent: &AgentId) -> bool {
        !self.0.contains_key(agent)
    }

    pub fn cut(&mut self, agent: AgentId, until: Option<Moment>) {
        self.0.insert(agent, until);
    }

    pub fn restore(&mut self, agent: &AgentId) {
        self.0.remove(agent);
    }

    /// Those whose time has come; they are up again.
    pub fn restored(&mut self, now: Moment) -> Vec<AgentId> {
        let is_due = |until: &Option<Moment>| until.is_some_and(|at| at <= now);
        let due: Vec<_> =
            self.0.iter().filter(|(_, until)| is_due(until)).map(|(id, _)| id.clone()).collect();
        self.0.retain(|_, until| !is_due(until));
        due
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        self.0.values().flatten().min().copied()
    }
}
