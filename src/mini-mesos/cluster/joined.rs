//! Agents on other hosts, and their links.

use std::collections::BTreeMap;

use tokio::sync::{mpsc, oneshot};

use crate::link::{Greeting, ToHost, Welcome};
use crate::message::FromAgent;
use base::time::Moment;
use mesos::wire::id::AgentId;

use super::Cluster;

/// As many as in this process.
const MAX_LINKS: usize = 1000;

/// Tells the links of one agent apart, of which each new one takes the place of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkId(u64);

#[derive(Default)]
pub struct Joined {
    links: BTreeMap<AgentId, Outgoing>,
    made: u64,
}

struct Outgoing {
    link: LinkId,
    orders: mpsc::Sender<ToHost>,
    /// Whether the master knows the agent, or has known it since it is here.
    is_registered: bool,
}

impl Joined {
    /// Closes its link, which makes it come again; what is on its way arrives.
    pub fn close(&mut self, agent: &AgentId) {
        self.links.remove(agent);
    }

    /// False if the agent cannot take it, which ends its link.
    pub fn send(&mut self, agent: &AgentId, order: ToHost) -> bool {
        let Some(outgoing) = self.links.get(agent) else { return true };
        let is_taken = outgoing.orders.try_send(order).is_ok();
        if !is_taken {
            tracing::warn!(agent = agent.text(), "disconnected an agent that does not read its messages");
            self.close(agent);
        }
        is_taken
    }

    fn open(&mut self, agent: AgentId, orders: mpsc::Sender<ToHost>, is_registered: bool) -> LinkId {
        self.made += 1;
        let link = LinkId(self.made);
        self.links.insert(agent, Outgoing { link, orders, is_registered });
        link
    }

    fn agent_of(&self, link: LinkId) -> Option<&AgentId> {
        self.links.iter().find(|(_, outgoing)| outgoing.link == link).map(|(id, _)| id)
    }
}

#[cfg(feature = "faults")]
impl Joined {
    pub fn ids(&self) -> impl Iterator<Item = &AgentId> {
        self.links.keys()
    }

    pub fn has(&self, agent: &AgentId) -> bool {
        self.links.contains_key(agent)
    }

    pub fn close_all(&mut self) {
        self.links.clear();
    }
}

impl Cluster {
    /// Without a reply it is refused.
    pub(super) fn handle_agent_came(
        &mut self,
        greeting: Greeting,
        orders: mpsc::Sender<ToHost>,
        reply: oneshot::Sender<LinkId>,
        now: Moment,
    ) {
        if let Some(why) = self.refusal(&greeting) {
            // A new channel has room.
            let _ = orders.try_send(ToHost::Refused { why });
            return;
        }
        let (id, is_registered) = match greeting {
            Greeting::New(description) => (self.master.handle_agent_registered(description, now), true),
            Greeting::Known(id) => (id, false),
        };
        let timing = &self.master.settings().timing;
        let welcome = Welcome {
            id: id.clone(),
            agent_ping: timing.agent_ping,
            agent_pings_missed_most: timing.agent_pings_missed_most,
            time_scale: self.pace.factor(),
        };
        let _ = orders.try_send(ToHost::Welcome(welcome));
        tracing::info!(agent = id.text(), is_new = is_registered, "an agent has connected");
        let _ = reply.send(self.joined.open(id, orders, is_registered));
    }

    pub(super) fn handle_agent_said(&mut self, link: LinkId, report: &FromAgent, now: Moment) {
        let Some(id) = self.joined.agent_of(link).cloned() else { return };
        if let (FromAgent::Registering(_), Some(outgoing)) = (report, self.joined.links.get_mut(&id)) {
            outgoing.is_registered = true;
        }
        self.report(&id, report, now);
    }

    pub(super) fn handle_agent_lost(&mut self, link: LinkId, now: Moment) {
        if let Some(id) = self.joined.agent_of(link).cloned() {
            self.joined.close(&id);
            self.master.handle_agent_disconnected(&id, now);
        }
    }

    /// Closes the links of agents that the master has removed: who is still there comes back sooner for it.
    pub(super) fn close_links_of_removed(&mut self) {
        let master = &self.master;
        self.joined.links.retain(|id, outgoing| !outgoing.is_registered || master.has_agent(id));
    }

    fn refusal(&self, greeting: &Greeting) -> Option<String> {
        let Greeting::Known(id) = greeting else {
            let is_full = self.joined.links.len() >= MAX_LINKS;
            return is_full.then(|| format!("it has {MAX_LINKS} agents already"));
        };
        #[cfg(feature = "faults")]
        if !self.mishaps.links.is_up(id) {
            return Some("the agent is cut off, as wished".to_owned());
        }
        let is_here = self.host.agents().any(|agent| agent.settings().id == *id);
        is_here.then(|| format!("agent {} is in the master's own process", id.text()))
    }
}
