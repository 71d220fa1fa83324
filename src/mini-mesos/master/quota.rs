//! Limits of what roles may have, as operators set them with UPDATE_QUOTA.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::resources::{Amount, Item, Milli, Resources};
use mesos::role::{is_within, upwards};
use mesos::wire::resource::Scalar;

use super::offers::Announced;
use super::{Answer, Master, roles};

/// By name; each number of a range counts one.
pub type Amounts = BTreeMap<String, Milli>;

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct QuotaUpdate {
    /// Nothing is ever refused that it would force.
    #[serde(default)]
    pub force: bool,
    pub quota_configs: Vec<QuotaConfig>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct QuotaConfig {
    pub role: String,
    #[serde(default)]
    pub guarantees: BTreeMap<String, Scalar>,
    /// None of them takes the quota away.
    #[serde(default)]
    pub limits: BTreeMap<String, Scalar>,
}

impl Master {
    pub fn quota(&self, role: &str) -> Option<&Amounts> {
        self.quotas.get(role)
    }

    /// Those that a framework is in, that something is reserved for or that have a quota, and all above them.
    pub fn roles(&self) -> BTreeSet<&str> {
        let reserved = self.agents.values().flat_map(|agent| agent.description.resources.items());
        let of_frameworks = self.frameworks.values().flat_map(|framework| &framework.roles);
        let all = of_frameworks.chain(self.quotas.keys()).map(String::as_str);
        all.chain(reserved.filter_map(Item::owner)).flat_map(upwards).collect()
    }

    pub(super) fn update_quota(&mut self, update: QuotaUpdate) -> Answer {
        if let Some(why) = update.quota_configs.iter().find_map(refuse) {
            return Answer::BadRequest(format!("Invalid QuotaConfig: {why}"));
        }
        for QuotaConfig { role, limits, .. } in update.quota_configs {
            // What is on offer may be more than the role may have from now on.
            self.take_back(Announced::Yes, |offer| is_within(&offer.role, &role));
            if limits.is_empty() {
                self.quotas.remove(&role);
            } else {
                let limits = limits.into_iter();
                let limits =
                    limits.map(|(name, limit)| (name, Milli::from_f64(limit.value.unwrap_or_default())));
                self.quotas.insert(role, limits.collect());
            }
        }
        Answer::Done
    }

    /// Of a role and all below it: what tasks hold of what is not reserved, and all that is reserved.
    pub fn consumed(&self, role: &str) -> Amounts {
        let mut sums = Amounts::new();
        let tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
        for held in tasks.filter(|task| is_within(&task.role, role)).filter_map(|task| task.held.as_ref()) {
            add(&mut sums, held.items().iter().filter(|item| !item.is_reserved()));
        }
        for agent in self.agents.values() {
            let items = agent.description.resources.items().iter();
            add(&mut sums, items.filter(|item| item.owner().is_some_and(|owner| is_within(owner, role))));
        }
        sums
    }

    /// What may still be offered to each role that has a limit.
    pub(super) fn headrooms(&self) -> Headrooms {
        let of = |(role, limits): (&String, &Amounts)| {
            let mut left = limits.clone();
            let mut used = self.consumed(role);
            for offer in self.offers.values().filter(|offer| is_within(&offer.role, role)) {
                add(&mut used, offer.resources.items().iter().filter(|item| !item.is_reserved()));
            }
            take(&mut left, &used);
            (role.clone(), left)
        };
        Headrooms(self.quotas.iter().map(of).collect())
    }
}

fn refuse(config: &QuotaConfig) -> Option<String> {
    if config.role == "*" {
        return Some("Can not set quota for the default '*' role".to_owned());
    }
    let is_bad = |limit: &Scalar| !(0.0..=1e12).contains(&limit.value.unwrap_or(-1.0));
    roles::refuse(&config.role)
        .or_else(|| config.limits.values().any(is_bad).then(|| "a limit is no amount".to_owned()))
        .or_else(|| {
            let text = "the embedded Mesos knows limits alone, and no 'guarantees'";
            (!config.guarantees.is_empty()).then(|| text.to_owned())
        })
}

/// By role, what is left of its limits.
pub(super) struct Headrooms(BTreeMap<String, Amounts>);

impl Headrooms {
    /// As much of `share` as `role` may have. What is reserved is its own, and what is no scalar has no limit.
    pub fn cut(&self, role: &str, share: Resources) -> Resources {
        let limits: Vec<_> = upwards(role).filter_map(|role| self.0.get(role)).collect();
        if limits.is_empty() {
            return share;
        }
        let mut left = Amounts::new();
        for (name, amount) in limits.into_iter().flatten() {
            left.entry(name.clone()).and_modify(|least| *least = (*least).min(*amount)).or_insert(*amount);
        }
        let mut all = Resources::default();
        for mut item in share.items().iter().cloned() {
            let name = item.name().to_owned();
            if !item.is_reserved()
                && let (Amount::Scalar(amount), Some(left)) = (&mut item.amount, left.get_mut(&name))
            {
                amount.0 = amount.0.min(left.0.max(0));
                left.0 -= amount.0;
            }
            all.add(item);
        }
        all
    }

    pub fn given(&mut self, role: &str, share: &Resources) {
        let mut used = Amounts::new();
        add(&mut used, share.items().iter().filter(|item| !item.is_reserved()));
        for role in upwards(role) {
            if let Some(left) = self.0.get_mut(role) {
                take(left, &used);
            }
        }
    }
}

/// Adds up what there is of each.
pub fn add<'a>(sums: &mut Amounts, items: impl Iterator<Item = &'a Item>) {
    for item in items {
        let sum = sums.entry(item.name().to_owned()).or_default();
        sum.0 = sum.0.saturating_add(item.amount.quantity().0);
    }
}

fn take(left: &mut Amounts, used: &Amounts) {
    for (name, left) in left {
        left.0 -= used.get(name).map_or(0, |used| used.0);
    }
}
