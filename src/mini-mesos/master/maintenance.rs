//! Planned maintenance: offers say when their agent will be away, inverse offers ask for it back.

use std::time::Duration;

use serde::Deserialize;

use crate::order::InverseAnswer;
use base::time::{Deadline, Moment};
use mesos::wire::event::{Event, EventType, InverseOffers, RescindInverseOffer};
use mesos::wire::id::{AgentId, FrameworkId, OfferId};
use mesos::wire::offer::InverseOffer;
use mesos::wire::time::Unavailability;

use super::framework::Framework;
use super::offers::{self, Announced};
use super::{AgentDescription, Master};

/// Machines that will be away at the same time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Window {
    pub machine_ids: Vec<MachineId>,
    pub unavailability: Unavailability,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MachineId {
    pub hostname: Option<String>,
    pub ip: Option<String>,
}

/// An inverse offer that is out.
#[derive(Clone, Debug)]
pub struct HeldInverseOffer {
    pub framework: FrameworkId,
    pub agent: AgentId,
}

impl MachineId {
    fn is(&self, agent: &AgentDescription) -> bool {
        self.hostname.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&agent.hostname))
            && self.ip.as_ref().is_none_or(|ip| *ip == agent.ip)
    }
}

impl Master {
    pub(super) fn update_schedule(&mut self, windows: Vec<Window>, now: Moment) {
        self.schedule = windows;
        let mut changed = Vec::new();
        for id in self.agents.keys().cloned().collect::<Vec<_>>() {
            let Some(agent) = self.agents.get(&id) else { continue };
            let unavailability = self.unavailability_of(&agent.description);
            if let Some(agent) = self.agents.get_mut(&id).filter(|a| a.unavailability != unavailability) {
                agent.unavailability = unavailability;
                changed.push(id);
            }
        }
        for frameworks in self.frameworks.values_mut() {
            frameworks.inverse_filters.retain(|agent, _| !changed.contains(agent));
        }
        self.take_back(Announced::Yes, |offer| changed.contains(&offer.agent));
        for agent in &changed {
            self.take_inverse_offers_back(agent);
        }
        self.allocate_on(changed, now);
    }

    pub(super) fn unavailability_of(&self, agent: &AgentDescription) -> Option<Unavailability> {
        let is_meant = |window: &&Window| window.machine_ids.iter().any(|machine| machine.is(agent));
        self.schedule.iter().find(is_meant).map(|window| window.unavailability.clone())
    }

    /// Asks all that have something on agents under maintenance, unless they have been asked.
    pub(super) fn make_inverse_offers(&mut self, agents: &[AgentId], now: Moment) {
        let frameworks: Vec<_> = self.frameworks.keys().cloned().collect();
        for id in frameworks {
            let mut inverse_offers = Vec::new();
            for agent in agents {
                inverse_offers.extend(self.make_inverse_offer(&id, agent, now));
            }
            if !inverse_offers.is_empty() {
                let event = Event {
                    r#type: Some(EventType::InverseOffers as i32),
                    inverse_offers: Some(InverseOffers { inverse_offers }),
                    ..Event::default()
                };
                self.send(&id, event);
            }
        }
    }

    pub(super) fn answer_inverse_offers(&mut self, id: &FrameworkId, answer: &InverseAnswer, now: Moment) {
        if let Some(error) = self.mistake_in_inverse_offers(id, answer) {
            // As the real one does, which takes them nevertheless.
            let offers: Vec<_> = answer.offers.iter().map(OfferId::text).collect();
            tracing::warn!(
                framework = id.text(),
                "ACCEPT_INVERSE_OFFERS call used invalid offers '[ {} ]': {error}",
                offers.join(", ")
            );
        }
        let span: Duration = offers::refusal(answer.filters.as_ref(), self.settings.timing.default_refusal);
        for offer in &answer.offers {
            let is_theirs = self.inverse_offers.get(offer).is_some_and(|offer| offer.framework == *id);
            let Some(answered) = is_theirs.then(|| self.inverse_offers.remove(offer)).flatten() else {
                continue;
            };
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.inverse_filters.insert(answered.agent, Deadline::after(now, span));
            }
        }
    }

    /// What the master has against an ACCEPT_INVERSE_OFFERS.
    pub(super) fn mistake_in_inverse_offers(
        &self,
        id: &FrameworkId,
        answer: &InverseAnswer,
    ) -> Option<String> {
        if !answer.is_accepted {
            return None;
        }
        if answer.offers.is_empty() {
            return Some("No inverse offers specified".to_owned());
        }
        let mut agent = None;
        for offer in &answer.offers {
            let name = offer.text();
            let Some(held) = self.inverse_offers.get(offer) else {
                return Some(format!("Offer {name} is no longer valid"));
            };
            if held.framework != *id {
                let (theirs, expected) = (held.framework.text(), id.text());
                return Some(format!(
                    "Offer {name} has invalid framework {theirs} while framework {expected} is expected"
                ));
            }
            let first = agent.get_or_insert(&held.agent);
            if *first != &held.agent {
                return Some(format!(
                    "Aggregated offers must belong to one single agent. Offer {name} uses agent {} and agent {}",
                    held.agent.text(),
                    first.text()
                ));
            }
        }
        None
    }

    pub(super) fn take_inverse_offers_back(&mut self, agent: &AgentId) {
        let of_agent = self.inverse_offers.iter().filter(|(_, offer)| offer.agent == *agent);
        let ids: Vec<_> = of_agent.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(offer) = self.inverse_offers.remove(&id) else { continue };
            let event = Event {
                r#type: Some(EventType::RescindInverseOffer as i32),
                rescind_inverse_offer: Some(RescindInverseOffer { inverse_offer_id: Some(id) }),
                ..Event::default()
            };
            self.send(&offer.framework, event);
        }
    }

    fn make_inverse_offer(&mut self, id: &FrameworkId, agent: &AgentId, now: Moment) -> Option<InverseOffer> {
        let framework = self.frameworks.get(id)?;
        let known = self.agents.get(agent)?;
        let unavailability = known.unavailability.clone()?;
        let url = offers::url(&known.description);
        let is_asked = self.inverse_offers.values().any(|o| o.framework == *id && o.agent == *agent);
        let is_filtered = framework.inverse_filters.get(agent).is_some_and(|until| !until.has_passed(now));
        if framework.stream().is_none() || is_asked || is_filtered || !self.is_on(framework, agent) {
            return None;
        }
        let offer = self.new_offer_id();
        let held = HeldInverseOffer { framework: id.clone(), agent: agent.clone() };
        self.inverse_offers.insert(offer.clone(), held);
        Some(InverseOffer {
            id: Some(offer),
            url: Some(url),
            framework_id: Some(id.clone()),
            agent_id: Some(agent.clone()),
            unavailability: Some(unavailability),
            resources: Vec::new(),
        })
    }

    /// Whether a framework has a task on an agent or an offer of it.
    fn is_on(&self, framework: &Framework, agent: &AgentId) -> bool {
        let mut tasks = framework.tasks.values();
        let mut offers = self.offers.values();
        tasks.any(|task| task.agent == *agent && task.held.is_some())
            || offers.any(|offer| offer.framework == framework.id && offer.agent == *agent)
    }

    pub(super) fn new_offer_id(&mut self) -> OfferId {
        let id = OfferId::new(format!("{}-O{}", self.id, self.offers_made));
        self.offers_made += 1;
        id
    }
}
