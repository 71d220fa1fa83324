//! Offers: made, declined, taken back.

use std::time::Duration;

use crate::resources::{Format, Resources};
use base::time::{Deadline, Moment};
use mesos::wire;
use mesos::wire::address::{Address, Url};
use mesos::wire::call::Decline;
use mesos::wire::event::{Event, EventType, Offers, Rescind};
use mesos::wire::framework::CapabilityType;
use mesos::wire::id::{AgentId, FrameworkId, OfferId};
use mesos::wire::offer::{Filters, Offer};
use mesos::wire::resource::AllocationInfo;

use super::agents::AgentDescription;
use super::framework::{Filter, Framework};
use super::{Agent, Master};

/// Longest refusal; a longer one is cut to it.
const MAX_REFUSAL_S: f64 = 31_536_000.0;

/// An offer that is out.
#[derive(Clone, Debug)]
pub struct HeldOffer {
    pub id: OfferId,
    pub framework: FrameworkId,
    pub agent: AgentId,
    pub role: String,
    pub resources: Resources,
    /// It is taken back then.
    pub until: Option<Deadline>,
}

/// What the allocator gives to a framework from one agent.
pub(super) struct Allocation {
    pub agent: AgentId,
    pub role: String,
    pub resources: Resources,
}

impl Master {
    /// Turns what the allocator gave into offers, all in one event.
    pub(super) fn offer(&mut self, framework: &FrameworkId, allocations: Vec<Allocation>, now: Moment) {
        let until = self.settings.timing.offer_timeout.map(|most| Deadline::after(now, most));
        let mut offers = Vec::with_capacity(allocations.len());
        for Allocation { agent, role, resources } in allocations {
            let id = self.new_offer_id();
            let Some(from) = self.agents.get(&agent) else { continue };
            let Some(known) = self.frameworks.get(framework) else { return };
            let held =
                HeldOffer { id: id.clone(), framework: framework.clone(), agent, role, resources, until };
            offers.push(describe(&held, from, known));
            self.offers.insert(id, held);
        }
        let event = Event {
            r#type: Some(EventType::Offers as i32),
            offers: Some(Offers { offers: wire::encoded(&offers) }),
            ..Event::default()
        };
        self.send(framework, event);
    }

    pub(super) fn decline(&mut self, framework: &FrameworkId, decline: &Decline, now: Moment) {
        for id in &decline.offer_ids {
            let is_ours = self.offers.get(id).is_some_and(|offer| offer.framework == *framework);
            if !is_ours {
                tracing::debug!(offer = id.text(), "declined, but not known");
                continue;
            }
            let Some(offer) = self.offers.remove(id) else { continue };
            self.refuse_offer(offer, decline.filters.as_ref(), now);
        }
    }

    /// Gives back what an offer held and keeps it from being offered again for a while.
    pub(super) fn refuse_offer(&mut self, offer: HeldOffer, filters: Option<&Filters>, now: Moment) {
        let timing = self.settings.timing;
        let refusal = refusal(filters, timing.default_refusal);
        if let Some(framework) = self.frameworks.get_mut(&offer.framework)
            && !refusal.is_zero()
            && !offer.resources.is_empty()
        {
            let until = Deadline::after(now, refusal.max(timing.allocation_interval));
            let filters = framework.filters.entry((offer.role, offer.agent.clone())).or_default();
            filters.retain(|filter| !filter.until.has_passed(now));
            filters.push(Filter { refused: offer.resources.clone(), until });
        }
        self.release(&offer.agent, offer.resources);
    }

    /// Takes back what nobody answered.
    pub(super) fn expire_offers(&mut self, now: Moment) {
        self.take_back(Announced::Yes, |offer| offer.until.is_some_and(|until| until.has_passed(now)));
    }

    /// Takes offers back and tells; of one agent or of all.
    pub fn rescind(&mut self, agent: Option<&AgentId>) {
        self.take_back(Announced::Yes, |offer| agent.is_none_or(|agent| offer.agent == *agent));
    }

    /// Takes offers back. Without `announced` the framework is not told.
    pub(super) fn take_back(&mut self, announced: Announced, which: impl Fn(&HeldOffer) -> bool) {
        let ids: Vec<_> = self.offers.values().filter(|o| which(o)).map(|o| o.id.clone()).collect();
        for id in ids {
            let Some(offer) = self.offers.remove(&id) else { continue };
            self.release(&offer.agent, offer.resources);
            if announced == Announced::Yes {
                let event = Event {
                    r#type: Some(EventType::Rescind as i32),
                    rescind: Some(Rescind { offer_id: Some(id) }),
                    ..Event::default()
                };
                self.send(&offer.framework, event);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    Yes,
    No,
}

/// How long the same is not to be offered again; zero: at the next occasion.
pub(super) fn refusal(filters: Option<&Filters>, default: Duration) -> Duration {
    match filters.and_then(|filters| filters.refuse_seconds) {
        Some(seconds) if seconds >= 0.0 => Duration::from_secs_f64(seconds.min(MAX_REFUSAL_S)),
        Some(_) | None => default,
    }
}

fn describe(held: &HeldOffer, agent: &Agent, framework: &Framework) -> Offer {
    let AgentDescription { hostname, attributes, domain, .. } = &agent.description;
    let is_multi_role = framework.has(CapabilityType::MultiRole);
    let resources = if is_multi_role { held.resources.clone() } else { held.resources.clone().unallocated() };
    let format = framework.format();
    debug_assert!(format == Format::Refined || resources.items().iter().all(|item| !item.is_refined()));
    Offer {
        id: Some(held.id.clone()),
        framework_id: Some(framework.id.clone()),
        agent_id: Some(agent.id.clone()),
        hostname: Some(hostname.clone()),
        resources: wire::encoded(&resources.to_wire(format)),
        attributes: wire::encoded(attributes),
        url: Some(url(&agent.description)),
        allocation_info: is_multi_role.then(|| AllocationInfo { role: Some(held.role.clone()) }),
        domain: domain.clone(),
        unavailability: agent.unavailability.clone(),
        ..Offer::default()
    }
}

/// Where an agent says it is.
pub(super) fn url(agent: &AgentDescription) -> Url {
    Url {
        scheme: Some("http".to_owned()),
        address: Some(Address {
            hostname: Some(agent.hostname.clone()),
            ip: Some(agent.ip.clone()),
            port: Some(i32::from(agent.port)),
        }),
        path: Some(format!("/{}", agent.process())),
        ..Url::default()
    }
}
