//! Who is offered what: the least served role first, in it the least served framework.

use std::collections::BTreeMap;

use crate::resources::{Item, Milli, Resources};
use base::time::Moment;
use mesos::wire::cluster::DomainInfo;
use mesos::wire::framework::CapabilityType;
use mesos::wire::id::{AgentId, FrameworkId};
use mesos::wire::resource::Scalar;

use super::framework::Framework;
use super::offers::Allocation;
use super::quota::Headrooms;
use super::{Agent, Master};

/// Nothing smaller in both is offered.
const LEAST_CPUS: Milli = Milli(10);
const LEAST_MEM_MB: Milli = Milli(32_000);

impl Master {
    /// Offers what is free on one agent or on all.
    pub(super) fn allocate(&mut self, only: Option<&AgentId>, now: Moment) {
        let agents = match only {
            Some(agent) => vec![agent.clone()],
            None => self.agents.keys().cloned().collect(),
        };
        self.allocate_on(agents, now);
    }

    /// Offers what is free on these agents, and asks for back what is under maintenance.
    pub(super) fn allocate_on(&mut self, mut agents: Vec<AgentId>, now: Moment) {
        self.ids.shuffle(&mut agents);
        let (mut ledger, mut headrooms) = (Ledger::of(self), self.headrooms());
        let mut given: BTreeMap<FrameworkId, Vec<Allocation>> = BTreeMap::new();
        for id in agents.clone() {
            for (role, framework) in ledger.order() {
                let share = self.share_for(&id, &role, &framework, &headrooms, now);
                let Some(resources) = share else { continue };
                if let Some(agent) = self.agents.get_mut(&id) {
                    agent.free.subtract(&resources.clone().unallocated());
                }
                ledger.add(&role, &framework, &resources);
                headrooms.given(&role, &resources);
                let allocation = Allocation { agent: id.clone(), role, resources };
                given.entry(framework).or_default().push(allocation);
            }
        }
        for (framework, allocations) in given {
            self.offer(&framework, allocations, now);
        }
        self.make_inverse_offers(&agents, now);
    }

    /// Everything on the agent that the framework may have in this role, as far as its limits go, unless it does not want it.
    fn share_for(
        &self,
        agent: &AgentId,
        role: &str,
        framework: &FrameworkId,
        headrooms: &Headrooms,
        now: Moment,
    ) -> Option<Resources> {
        let agent = self.agents.get(agent)?;
        let framework = self.frameworks.get(framework)?;
        if !agent.is_offered() || !may_see(framework, agent, self.settings.domain.as_ref()) {
            return None;
        }
        if !framework.constraints.allow(role, &agent.description) {
            return None;
        }
        let share = agent.free.filtered(|item| item.is_for(role) && understands(framework, item));
        let share = headrooms.cut(role, share);
        if !is_worth_offering(framework, role, &share) {
            return None;
        }
        let share = share.in_offer_order(&agent.description.resources).allocated_to(role);
        (!framework.is_filtered(role, &agent.id, &share, now)).then_some(share)
    }
}

/// What every role and framework holds and has on offer.
struct Ledger {
    totals: BTreeMap<String, Milli>,
    candidates: Vec<(String, FrameworkId)>,
    by_role: BTreeMap<String, Served>,
    by_framework: BTreeMap<(String, FrameworkId), Served>,
}

#[derive(Default)]
struct Served {
    scalars: BTreeMap<String, Milli>,
    /// Breaks ties, so that equals take turns.
    times: u64,
}

impl Ledger {
    fn of(master: &Master) -> Self {
        let mut totals = BTreeMap::new();
        for agent in master.agents.values() {
            add_scalars(&mut totals, &agent.description.resources);
        }
        let wishes = |framework: &Framework| {
            let roles: Vec<_> =
                framework.roles.iter().filter(|role| framework.wants(role)).cloned().collect();
            let id = framework.id.clone();
            roles.into_iter().map(move |role| (role, id.clone()))
        };
        let candidates = master.frameworks.values().flat_map(wishes).collect();
        let mut ledger = Self { totals, candidates, by_role: BTreeMap::new(), by_framework: BTreeMap::new() };
        for offer in master.offers.values() {
            ledger.add(&offer.role, &offer.framework, &offer.resources);
        }
        for framework in master.frameworks.values() {
            for task in framework.tasks.values() {
                if let Some(held) = &task.held {
                    ledger.add(&task.role, &framework.id, held);
                }
            }
        }
        ledger
    }

    fn add(&mut self, role: &str, framework: &FrameworkId, resources: &Resources) {
        let by_role = self.by_role.entry(role.to_owned()).or_default();
        let by_framework = self.by_framework.entry((role.to_owned(), framework.clone())).or_default();
        for served in [by_role, by_framework] {
            add_scalars(&mut served.scalars, resources);
            served.times += 1;
        }
    }

    /// Who is next, the least served first.
    fn order(&self) -> Vec<(String, FrameworkId)> {
        let mut order = self.candidates.clone();
        order.sort_by_cached_key(|candidate| {
            let role = self.standing(self.by_role.get(&candidate.0));
            let framework = self.standing(self.by_framework.get(candidate));
            (role, candidate.0.clone(), framework, candidate.1.clone())
        });
        order
    }

    /// The dominant share in millionths, then how often served.
    fn standing(&self, served: Option<&Served>) -> (i64, u64) {
        let Some(served) = served else { return (0, 0) };
        let share = |(name, amount): (&String, &Milli)| {
            let total = self.totals.get(name).map_or(0, |total| total.0);
            amount.0.saturating_mul(1_000_000).checked_div(total).unwrap_or_default()
        };
        (served.scalars.iter().map(share).max().unwrap_or_default(), served.times)
    }
}

fn add_scalars(sums: &mut BTreeMap<String, Milli>, resources: &Resources) {
    for name in resources.scalar_names() {
        let sum = sums.entry(name.to_owned()).or_default();
        sum.0 = sum.0.saturating_add(resources.quantity(name).0);
    }
}

/// A framework may say for each role what is too little; any one of its quantities will do.
fn is_worth_offering(framework: &Framework, role: &str, share: &Resources) -> bool {
    let filter = framework.info.offer_filters.get(role);
    let Some(least) = filter.and_then(|filter| filter.min_allocatable_resources.as_ref()) else {
        return share.quantity("cpus") >= LEAST_CPUS || share.quantity("mem") >= LEAST_MEM_MB;
    };
    let holds = |(name, least): (&String, &Scalar)| {
        share.quantity(name) >= Milli::from_f64(least.value.unwrap_or_default())
    };
    least.quantities.is_empty() || least.quantities.iter().any(|all| all.quantities.iter().all(holds))
}

/// Agents with GPUs are kept for those who ask for GPUs, other regions for those who know of regions.
fn may_see(framework: &Framework, agent: &Agent, home: Option<&DomainInfo>) -> bool {
    let has_gpus = agent.description.resources.quantity("gpus") > Milli(0);
    let is_remote = match (region(agent.description.domain.as_ref()), region(home)) {
        (Some(theirs), Some(ours)) => theirs != ours,
        (None | Some(_), None) | (None, Some(_)) => false,
    };
    (!has_gpus || framework.has(CapabilityType::GpuResources))
        && (!is_remote || framework.has(CapabilityType::RegionAware))
}

fn region(domain: Option<&DomainInfo>) -> Option<&str> {
    domain?.fault_domain.as_ref()?.region.as_ref()?.name.as_deref()
}

fn understands(framework: &Framework, item: &Item) -> bool {
    (!item.is_revocable() || framework.has(CapabilityType::RevocableResources))
        && (!item.is_shared() || framework.has(CapabilityType::SharedResources))
        && (!item.is_refined() || framework.has(CapabilityType::ReservationRefinement))
}
