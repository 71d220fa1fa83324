//! What the master offered last, in numbers: to explain, to answer what would be, and to know when a gang may fit.
//!
//! The offers themselves are answered at once. What is remembered of them says what was free when they came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base::time::Moment;
use mesos::wire::resource::Attribute;

use super::ground::Candidate;
use super::resources::Holding;
use domain::constraint::Traits;

/// More than the biggest Mesos clusters known have; at some 500 bytes each they take 10 MB.
const MAX_AGENTS: usize = 20_000;

/// Attributes of an agent that take more than this are not remembered, so that many agents stay small.
const MAX_ATTRIBUTE_BYTES: usize = 1024;

#[derive(Clone, Debug, Default)]
pub struct Offered {
    agents: BTreeMap<String, Agent>,
    roles: BTreeSet<Arc<str>>,
    /// REVIVE makes the master forget what was declined: the next offers are all that is free.
    is_superseded: bool,
}

#[derive(Clone, Debug)]
struct Agent {
    hostname: String,
    region: Option<String>,
    zone: Option<String>,
    attributes: Vec<Attribute>,
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

    /// What an agent offers to a role, in place of what was known of it.
    pub fn remember(&mut self, candidate: &Candidate<'_>, now: Moment) {
        let known = self.agents.len();
        if let Some(agent) = self.agents.get_mut(candidate.agent_id) {
            if !agent.is(&candidate.traits) {
                *agent =
                    Agent { by_role: std::mem::take(&mut agent.by_role), ..Agent::new(&candidate.traits) };
            }
            match agent.by_role.binary_search_by(|offer| (*offer.role).cmp(candidate.role)) {
                Ok(index) => {
                    agent.by_role[index].holding.clone_from(&candidate.holding);
                    agent.by_role[index].at = now;
                }
                Err(index) => {
                    let offer = role_offer(&mut self.roles, candidate, now);
                    agent.by_role.insert(index, offer);
                }
            }
        } else if known < MAX_AGENTS {
            let mut agent = Agent::new(&candidate.traits);
            agent.by_role.push(role_offer(&mut self.roles, candidate, now));
            self.agents.insert(candidate.agent_id.to_owned(), agent);
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
        let by_role = self.agents.iter().flat_map(|(agent_id, agent)| {
            agent.by_role.iter().map(move |offer| Candidate {
                agent_id,
                role: &offer.role,
                traits: agent.traits(),
                holding: offer.holding.clone(),
            })
        });
        by_role.collect()
    }

    /// How long ago each of [`Self::candidates`] was offered.
    pub fn ages(&self, now: Moment) -> Vec<Duration> {
        self.agents.values().flat_map(|agent| &agent.by_role).map(|offer| now.since(offer.at)).collect()
    }

    pub fn agents(&self) -> usize {
        self.agents.len()
    }
}

impl Agent {
    fn new(traits: &Traits<'_>) -> Self {
        Self {
            hostname: traits.hostname.to_owned(),
            region: traits.region.map(str::to_owned),
            zone: traits.zone.map(str::to_owned),
            attributes: remembered(traits.attributes).to_vec(),
            by_role: Vec::with_capacity(1),
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
            attributes: &self.attributes,
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

fn remembered(attributes: &[Attribute]) -> &[Attribute] {
    let bytes: usize = attributes.iter().map(prost::Message::encoded_len).sum();
    if bytes > MAX_ATTRIBUTE_BYTES { &[] } else { attributes }
}
