//! What the master offered last, in numbers: to explain, to answer what would be, and to know when a gang may fit.
//!
//! The offers themselves are answered at once. What is remembered of them says what was free when they came.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::time::Moment;
use mesos::wire::view::Attributes;

use super::ground::Candidate;
use super::resources::Holding;
use domain::constraint::Traits;

/// More than the biggest Mesos clusters known have; at some 500 bytes each they take 10 MB.
const MAX_AGENTS: usize = 20_000;

/// Attributes of an agent that take more than this are not remembered, so that many agents stay small.
const MAX_ATTRIBUTE_BYTES: usize = 1024;

#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// In order of their ids.
    agents: Vec<Agent>,
    roles: BTreeSet<Arc<str>>,
    /// REVIVE makes the master forget what was declined: the next offers are all that is free.
    is_superseded: bool,
}

#[derive(Clone, Debug)]
struct Agent {
    id: String,
    hostname: String,
    region: Option<String>,
    zone: Option<String>,
    /// Of [`Attributes`].
    attributes: Box<[u8]>,
    /// In order of role.
    by_role: Vec<RoleOffer>,
}

#[derive(Clone, Debug)]
struct RoleOffer {
    role: Arc<str>,
    holding: Holding,
    at: Moment,
}

impl Offered {
    /// Offers come: those before REVIVE count no more.
    pub fn begin(&mut self) {
        if std::mem::take(&mut self.is_superseded) {
            self.agents.clear();
            self.roles.clear();
        }
    }

    /// What agents offer to roles, in place of what was known of it. The candidates of one agent follow each other, in
    /// order of role.
    pub fn remember(&mut self, candidates: &[Candidate<'_>], now: Moment) {
        let mut fresh = Vec::new();
        for candidates in candidates.chunk_by(|one, other| one.agent_id == other.agent_id) {
            let Candidate { agent_id, traits, .. } = &candidates[0];
            let agent = match self.agents.binary_search_by(|agent| (*agent.id).cmp(agent_id)) {
                Ok(index) => {
                    let agent = &mut self.agents[index];
                    if !agent.is(traits) {
                        let by_role = std::mem::take(&mut agent.by_role);
                        *agent = Agent { by_role, ..Agent::new(agent_id, traits) };
                    }
                    agent
                }
                Err(_) if self.agents.len() + fresh.len() >= MAX_AGENTS => continue,
                Err(_) => fresh.push_mut(Agent::new(agent_id, traits)),
            };
            candidates.iter().for_each(|candidate| agent.offers(candidate, &mut self.roles, now));
        }
        if !fresh.is_empty() {
            self.agents.append(&mut fresh);
            // Two that are in order already, which takes no longer than to put one after the other.
            self.agents.sort_by(|one, other| one.id.cmp(&other.id));
        }
    }

    /// REVIVE was sent.
    pub fn supersede(&mut self) {
        self.is_superseded = true;
    }

    /// Whether REVIVE was sent, and no offers have come since.
    pub fn is_superseded(&self) -> bool {
        self.is_superseded
    }

    /// In order of agent and role.
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        let by_role = self.agents.iter().flat_map(|agent| {
            agent.by_role.iter().map(move |offer| Candidate {
                agent_id: &agent.id,
                role: &offer.role,
                traits: agent.traits(),
                holding: offer.holding.clone(),
            })
        });
        by_role.collect()
    }

    /// How long ago each of [`Self::candidates`] was offered.
    pub fn ages(&self, now: Moment) -> Vec<Duration> {
        self.agents.iter().flat_map(|agent| &agent.by_role).map(|offer| now.since(offer.at)).collect()
    }

    pub fn agents(&self) -> usize {
        self.agents.len()
    }
}

impl Agent {
    fn new(id: &str, traits: &Traits<'_>) -> Self {
        Self {
            id: id.to_owned(),
            hostname: traits.hostname.to_owned(),
            region: traits.region.map(str::to_owned),
            zone: traits.zone.map(str::to_owned),
            attributes: remembered(traits.attributes).encoded().into(),
            by_role: Vec::with_capacity(1),
        }
    }

    fn offers(&mut self, candidate: &Candidate<'_>, roles: &mut BTreeSet<Arc<str>>, now: Moment) {
        match self.by_role.binary_search_by(|offer| (*offer.role).cmp(candidate.role)) {
            Ok(index) => {
                self.by_role[index].holding.clone_from(&candidate.holding);
                self.by_role[index].at = now;
            }
            Err(index) => self.by_role.insert(index, role_offer(roles, candidate, now)),
        }
    }

    fn is(&self, traits: &Traits<'_>) -> bool {
        self.traits() == Traits { attributes: remembered(traits.attributes), ..*traits }
    }

    fn traits(&self) -> Traits<'_> {
        Traits {
            hostname: &self.hostname,
            region: self.region.as_deref(),
            zone: self.zone.as_deref(),
            attributes: Attributes::of(&self.attributes),
        }
    }
}

/// All offers to a role share its name.
fn role_offer(roles: &mut BTreeSet<Arc<str>>, candidate: &Candidate<'_>, now: Moment) -> RoleOffer {
    let role = match roles.get(candidate.role) {
        Some(role) => Arc::clone(role),
        None => {
            let role = Arc::from(candidate.role);
            roles.insert(Arc::clone(&role));
            role
        }
    };
    RoleOffer { role, holding: candidate.holding.clone(), at: now }
}

fn remembered(attributes: Attributes<'_>) -> Attributes<'_> {
    if attributes.encoded().len() > MAX_ATTRIBUTE_BYTES { Attributes::default() } else { attributes }
}
