//! What the quotas of Mesos roles leave for tasks, in words.

use std::collections::{BTreeMap, BTreeSet};

use domain::need::{Milli, Need};
use mesos::quota::{Quota, Quotas};
use mesos::role::is_within;

/// Tasks of one kind that are still to be launched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Of one.
    pub noun: &'static str,
    pub count: usize,
    /// Whether others of the kind stay.
    pub is_more: bool,
    /// What each takes.
    pub need: Need,
    /// What tasks of the kind leave that end before; by Mesos name.
    pub freed: BTreeMap<String, Milli>,
    /// In one of which they run.
    pub roles: Vec<String>,
}

/// What came of the claims of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many of each fit.
    pub placeable: Vec<usize>,
    /// Where not all do.
    pub short: Option<String>,
}

/// What is left while several clusters are looked at, one after the other.
pub struct Left<'a> {
    quotas: &'a Quotas,
    /// What the clusters before have got, by role with a limit and resource.
    taken: BTreeMap<(String, String), Milli>,
}

impl Claim {
    fn each(&self, resource: &str) -> Milli {
        let mut scalars = self.need.scalars.iter();
        scalars.find(|(name, _)| name == resource).map_or(Milli(0), |(_, amount)| *amount)
    }

    fn freed(&self, resource: &str) -> Milli {
        self.freed.get(resource).copied().unwrap_or_default()
    }

    fn total(&self, resource: &str) -> Milli {
        Milli(times(self.each(resource), self.count))
    }

    /// Whichever of their roles they run in.
    fn is_within(&self, limited: &str) -> bool {
        !self.roles.is_empty() && self.roles.iter().all(|role| is_within(role, limited))
    }

    fn text(&self) -> String {
        let Self { noun, count, is_more, .. } = self;
        match (*count, *is_more) {
            (1, false) => (*noun).to_owned(),
            (1, true) => format!("1 more {noun}"),
            (count, false) => format!("{count} {noun}s"),
            (count, true) => format!("{count} more {noun}s"),
        }
    }
}

fn times(amount: Milli, count: usize) -> i64 {
    amount.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX))
}

impl<'a> Left<'a> {
    pub fn of(quotas: &'a Quotas) -> Self {
        Self { quotas, taken: BTreeMap::new() }
    }

    /// Takes what fits. Only what is certain to be too much does not: of tasks that may run in several roles, what holds for all
    /// of them.
    pub fn take(&mut self, claims: &[Claim]) -> Room {
        let mut placeable: Vec<_> = claims.iter().map(|claim| claim.count).collect();
        let mut short = None;
        let quotas = self.quotas;
        let roles: BTreeSet<_> = claims.iter().flat_map(|claim| &claim.roles).collect();
        let limits = roles.into_iter().flat_map(|role| quotas.of(role));
        let limits: BTreeMap<&str, &Quota> = limits.collect();
        // The closest first.
        for (role, quota) in limits.into_iter().rev() {
            let within: Vec<_> = (0..claims.len()).filter(|index| claims[*index].is_within(role)).collect();
            for (resource, limit) in &quota.limits {
                let limit = Milli::of(*limit);
                let consumed = Milli::of(quota.consumed.get(resource).copied().unwrap_or_default());
                let key = (role.to_owned(), resource.clone());
                let taken = self.taken.get(&key).copied().unwrap_or_default();
                let mut left = limit.0 - consumed.0 - taken.0;
                let mut are_all = true;
                for index in within.iter().copied() {
                    let claim = &claims[index];
                    let each = claim.each(resource);
                    left += claim.freed(resource).0;
                    let fits = fitting(left, each, claim.count);
                    placeable[index] = placeable[index].min(fits);
                    left -= times(each, fits);
                    are_all &= fits == claim.count;
                }
                self.taken.insert(key, Milli(limit.0 - consumed.0 - left));
                if !are_all {
                    let claims = within.iter().map(|index| &claims[*index]);
                    let amounts = InUse { limit, consumed, taken, counts_offers: quota.counts_offers };
                    short
                        .get_or_insert_with(|| amounts.sentence(role, resource, &claims.collect::<Vec<_>>()));
                }
            }
        }
        Room { placeable, short }
    }
}

fn fitting(left: i64, each: Milli, count: usize) -> usize {
    if each.0 <= 0 {
        return count;
    }
    usize::try_from(left.max(0) / each.0).unwrap_or(usize::MAX).min(count)
}

struct InUse {
    limit: Milli,
    consumed: Milli,
    taken: Milli,
    counts_offers: bool,
}

impl InUse {
    fn sentence(&self, role: &str, resource: &str, claims: &[&Claim]) -> String {
        let Self { limit, consumed, taken, counts_offers } = self;
        let claims: Vec<_> =
            claims.iter().filter(|claim| claim.each(resource).0 > 0 && claim.count > 0).collect();
        let below = if claims.iter().all(|claim| claim.roles.iter().all(|own| own == role)) {
            ""
        } else {
            ", with all roles below it,"
        };
        let texts: Vec<_> = claims.iter().map(|claim| claim.text()).collect();
        let freed: i64 = claims.iter().map(|claim| claim.freed(resource).0).sum();
        let total: i64 = claims.iter().map(|claim| claim.total(resource).0).sum();
        let needs = match claims[..] {
            [claim] if claim.count == 1 => "needs",
            _ => "need",
        };
        let more = if freed > 0 { " more" } else { "" };
        let offers = if *counts_offers { " or on offer" } else { "" };
        let used = match consumed.0 {
            ..=0 => format!("none of it is in use{offers}"),
            1000 => format!("1 is in use{offers}"),
            _ => format!("{consumed} are in use{offers}"),
        };
        let before = match taken.0 {
            ..=0 => String::new(),
            1000 => ", 1 goes to the clusters before it,".to_owned(),
            _ => format!(", {taken} go to the clusters before it,"),
        };
        format!(
            "the Mesos role {role}{below} may use {}; {used}{before} and this cluster's {} {needs} {}{more}",
            named(*limit, resource),
            texts.join(" and "),
            Milli(total - freed),
        )
    }
}

fn named(amount: Milli, resource: &str) -> String {
    match resource {
        "mem" => format!("{amount} MB of memory"),
        "disk" => format!("{amount} MB of disk"),
        "cpus" | "gpus" if amount.0 == 1000 => format!("{amount} {}", resource.trim_end_matches('s')),
        name => format!("{amount} {name}"),
    }
}

#[cfg(test)]
mod tests;
