//! The master: frameworks, agents, offers and tasks, without clock or socket.
//!
//! Facts go in through the `handle_…` functions; what is to be sent comes out of [`Master::next_action`],
//! which is to be drained after each of them. Nothing happens by itself: the driver calls
//! [`Master::handle_timeout`] at the moment that [`Master::poll_timeout`] names.

mod accept;
mod agents;
mod allocator;
mod books;
mod calls;
mod constraints;
mod framework;
mod identifier;
mod launch;
mod maintenance;
mod offers;
mod operator;
pub mod quota;
mod reconcile;
mod reserve;
mod roles;
mod subscribe;
mod task;
mod updates;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use base::time::{Deadline, Moment};
use mesos::wire::address::Address;
use mesos::wire::cluster::{DomainInfo, MasterCapability, MasterCapabilityType, MasterInfo};
use mesos::wire::event::{Event, EventType};
use mesos::wire::id::{AgentId, FrameworkId, OfferId};
use mesos::wire::time::TimeInfo;

use super::ids::Ids;
use super::message::ToAgent;
use super::timing::Timing;

use agents::Away;
pub use agents::{Agent, AgentDescription, Duty, Link};
pub use calls::Answer;
pub use framework::{Connection, Framework};
use maintenance::HeldInverseOffer;
pub use maintenance::{MachineId, Window};
pub use offers::HeldOffer;
pub use operator::{AgentTarget, DrainTarget, FrameworkTarget, OperatorCall, Schedule, ScheduleUpdate};
pub use task::{Task, is_terminal};

/// The release whose behaviour this one follows.
pub const VERSION: &str = "1.12.0";

/// Ids of removed frameworks that may not come back; as many as the real master keeps.
const COMPLETED_FRAMEWORKS: usize = 50;

#[derive(Debug)]
pub struct Master {
    settings: Settings,
    id: String,
    ids: Ids,
    agents: BTreeMap<AgentId, Agent>,
    frameworks: BTreeMap<FrameworkId, Framework>,
    completed: VecDeque<Framework>,
    offers: BTreeMap<OfferId, HeldOffer>,
    inverse_offers: BTreeMap<OfferId, HeldInverseOffer>,
    schedule: Vec<Window>,
    /// Limits by role.
    quotas: BTreeMap<String, quota::Amounts>,
    /// Agents out of reach, since when.
    unreachable: BTreeMap<AgentId, Away>,
    gone: BTreeSet<AgentId>,
    /// Agents of the master before this one that have not come back yet.
    recovered: BTreeMap<AgentId, Duty>,
    recovered_until: Deadline,
    /// How many of each have been made, for the next id.
    agents_made: u64,
    frameworks_made: u64,
    offers_made: u64,
    next_allocation: Moment,
    next_ping: Moment,
    actions: VecDeque<Action>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub ip: Ipv4Addr,
    pub port: u16,
    pub hostname: String,
    pub domain: Option<DomainInfo>,
    /// Roles that frameworks may have besides `*`; `None` allows all.
    pub roles: Option<BTreeSet<String>>,
    pub timing: Timing,
    /// Seconds since 1970 at [`Moment::START`], for time stamps.
    pub epoch: f64,
}

/// Whether a new master finds out from its registry which agents there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    Kept,
    /// As with a registry in memory.
    Lost,
}

/// A stream of events to one subscribed framework.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub String);

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Send { stream: StreamId, event: Box<Event> },
    Close { stream: StreamId },
    Tell { agent: AgentId, message: ToAgent },
}

impl Master {
    pub fn new(settings: Settings, mut ids: Ids, now: Moment) -> Self {
        let next_allocation = now + settings.timing.allocation_interval;
        let next_ping = now + settings.timing.agent_ping;
        Self {
            id: ids.uuid(),
            ids,
            agents: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            completed: VecDeque::new(),
            offers: BTreeMap::new(),
            inverse_offers: BTreeMap::new(),
            schedule: Vec::new(),
            quotas: BTreeMap::new(),
            unreachable: BTreeMap::new(),
            gone: BTreeSet::new(),
            recovered: BTreeMap::new(),
            recovered_until: Deadline::after(now, settings.timing.agent_reregister),
            agents_made: 0,
            frameworks_made: 0,
            offers_made: 0,
            next_allocation,
            next_ping,
            settings,
            actions: VecDeque::new(),
        }
    }

    /// The next leader: another id, no frameworks, no offers; its agents have to come to it.
    pub fn successor(&self, registry: Registry, ids: Ids, now: Moment) -> Self {
        let next = Self::new(self.settings.clone(), ids, now);
        match registry {
            Registry::Lost => next,
            Registry::Kept => {
                let agents = self.agents.values().map(|agent| (agent.id.clone(), agent.duty));
                let recovered = self.recovered.clone().into_iter().chain(agents).collect();
                let (unreachable, gone) = (self.unreachable.clone(), self.gone.clone());
                let (schedule, quotas) = (self.schedule.clone(), self.quotas.clone());
                Self { recovered, unreachable, gone, schedule, quotas, ..next }
            }
        }
    }

    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Moment> {
        let allocation = self.is_anybody_connected().then_some(self.next_allocation);
        let frameworks = self.frameworks.values().map(|framework| match &framework.connection {
            Connection::Connected { next_heartbeat, .. } => *next_heartbeat,
            Connection::Disconnected { until } => until.at(),
        });
        let ping = (!self.agents.is_empty()).then_some(self.next_ping);
        let recovery = (!self.recovered.is_empty()).then_some(self.recovered_until.at());
        let offers = self.offers.values().filter_map(|offer| offer.until).map(Deadline::at);
        frameworks.chain(offers).chain(allocation).chain(ping).chain(recovery).min()
    }

    pub fn handle_timeout(&mut self, now: Moment) {
        self.send_heartbeats(now);
        self.ping(now);
        self.give_up_recovered(now);
        self.remove_overdue_frameworks(now);
        self.expire_offers(now);
        while self.next_allocation <= now {
            // A late timer must not shorten filters: what counts is when it was due.
            let due = self.next_allocation;
            self.next_allocation = due + self.settings.timing.allocation_interval;
            if self.next_allocation > now {
                self.allocate(None, due);
            }
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub fn has_agent(&self, id: &AgentId) -> bool {
        self.agents.contains_key(id)
    }

    /// Out of reach, since when.
    pub fn unreachable_agents(&self) -> impl Iterator<Item = (&AgentId, Moment)> {
        self.unreachable.iter().map(|(id, away)| (id, away.since))
    }

    /// Known from the master before this one.
    pub fn recovered_agents(&self) -> impl Iterator<Item = &AgentId> {
        self.recovered.keys()
    }

    pub fn frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.frameworks.values()
    }

    pub fn completed_frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.completed.iter()
    }

    pub fn offers(&self) -> impl Iterator<Item = &HeldOffer> {
        self.offers.values()
    }

    /// Where this master says it is: `master@ip:port`.
    pub fn pid(&self) -> String {
        format!("master@{}:{}", self.settings.ip, self.settings.port)
    }

    pub fn info(&self) -> MasterInfo {
        use MasterCapabilityType::{AgentDraining, AgentUpdate, QuotaV2};
        let Settings { ip, port, hostname, domain, .. } = &self.settings;
        let capability = |kind: MasterCapabilityType| MasterCapability { r#type: Some(kind as i32) };
        MasterInfo {
            id: Some(self.id.clone()),
            // The bytes of the address in network order, read as the machine reads a number.
            ip: Some(u32::from_le_bytes(ip.octets())),
            port: Some(u32::from(*port)),
            pid: Some(self.pid()),
            hostname: Some(hostname.clone()),
            version: Some(VERSION.to_owned()),
            address: Some(Address {
                hostname: Some(hostname.clone()),
                ip: Some(ip.to_string()),
                port: Some(i32::from(*port)),
            }),
            domain: domain.clone(),
            capabilities: [AgentUpdate, AgentDraining, QuotaV2].map(capability).to_vec(),
        }
    }

    fn is_anybody_connected(&self) -> bool {
        self.frameworks.values().any(|framework| framework.stream().is_some())
    }

    fn send_heartbeats(&mut self, now: Moment) {
        for framework in self.frameworks.values_mut() {
            if let Connection::Connected { stream, next_heartbeat } = &mut framework.connection
                && *next_heartbeat <= now
            {
                while *next_heartbeat <= now {
                    *next_heartbeat = *next_heartbeat + self.settings.timing.heartbeat;
                }
                self.actions.push_back(Action::Send { stream: stream.clone(), event: heartbeat() });
            }
        }
    }

    /// Sends to a framework; what is for a disconnected one is lost, as with the real master.
    fn send(&mut self, framework: &FrameworkId, event: Event) {
        if let Some(stream) = self.frameworks.get(framework).and_then(Framework::stream) {
            self.actions.push_back(Action::Send { stream: stream.clone(), event: Box::new(event) });
        }
    }

    fn tell(&mut self, agent: &AgentId, message: ToAgent) {
        if self.agents.contains_key(agent) {
            self.actions.push_back(Action::Tell { agent: agent.clone(), message });
        }
    }

    /// Seconds since 1970.
    fn timestamp(&self, now: Moment) -> f64 {
        self.settings.epoch + now.since(Moment::START).as_secs_f64()
    }

    fn time_info(&self, moment: Moment) -> TimeInfo {
        let epoch = Duration::try_from_secs_f64(self.settings.epoch).unwrap_or_default();
        let since_epoch = epoch.saturating_add(moment.since(Moment::START));
        TimeInfo { nanoseconds: i64::try_from(since_epoch.as_nanos()).ok() }
    }
}

fn heartbeat() -> Box<Event> {
    Box::new(Event { r#type: Some(EventType::Heartbeat as i32), ..Event::default() })
}

#[cfg(test)]
mod tests;
