//! Which groups lack tasks, in the order in which they are served, and what was offered last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::time::Moment;
use domain::group::GroupName;
use domain::need::Milli;

use super::Scheduler;
use super::fitting::Takes;
use super::ground::Ground;
use super::place::Placing;
use super::turns::Level;
use super::verdict::Obstacle;

/// Groups whose tasks are alike are looked at once, and so many kinds of tasks at most.
const MAX_KINDS: usize = 20;

/// What every offer lacks when no task is wanted.
const NOTHING_WANTED: &str = "nothing is wanted";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Who gets fitting offers first comes first.
    pub groups: Vec<Queued>,
    pub offers: OffersSummary,
}

/// A group that lacks tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Queued {
    pub group: String,
    pub missing: usize,
    pub why: String,
    /// What one task takes.
    pub need: String,
    /// The same in numbers.
    #[serde(skip)]
    pub takes: Takes,
}

/// The latest offer of each agent to each role. All of them are answered at once, and what they held when they came is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OffersSummary {
    pub offers: usize,
    /// That have made them.
    pub agents: usize,
    /// Since the latest of them came, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_age_s: Option<u64>,
    /// Since the oldest of them came, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_age_s: Option<u64>,
    /// Those that hold no task that is wanted.
    pub declined: usize,
    /// How many of these each obstacle concerns; one may have several.
    pub obstacles: BTreeMap<String, usize>,
    /// What they hold together, by Mesos name; memory and disk in MB.
    pub resources: BTreeMap<String, f64>,
    /// How many are made to which Mesos role.
    pub roles: BTreeMap<String, usize>,
}

impl Scheduler {
    pub fn queue(&self, now: Moment) -> Queue {
        let mut lacking: Vec<_> =
            self.census().lacking.iter().map(|(name, missing)| (name, *missing)).collect();
        lacking
            .sort_by_cached_key(|(name, _)| (Reverse(self.wanted(name, now) > 0), self.level(name), *name));
        let names: Vec<_> = lacking.iter().map(|(name, _)| *name).collect();
        let offers = self.offers_summary(&names, now);
        let groups = lacking.into_iter().map(|(name, missing)| {
            let takes = Takes::of(&self.request(name, 0));
            let (why, need) = (self.reason(name, now).to_string(), takes.need.to_string());
            Queued { group: name.text().to_owned(), missing, why, need, takes }
        });
        Queue { groups: groups.collect(), offers }
    }

    pub(super) fn level(&self, name: &GroupName) -> Level {
        Level { have: self.kept_count(name), target: self.group_target(name) as usize }
    }

    fn offers_summary(&self, names: &[&GroupName], now: Moment) -> OffersSummary {
        let standings = self.standings(now);
        let ground = Ground::new(self.offered.candidates(), &self.state.tasks, &standings);
        let (mut roles, mut resources) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, Milli>::new());
        for candidate in ground.candidates() {
            *roles.entry(candidate.role.to_owned()).or_default() += 1;
            for (name, amount) in candidate.holding.amounts() {
                let sum = resources.entry(name.to_owned()).or_default();
                sum.0 = sum.0.saturating_add(amount.0);
            }
        }
        let ages = self.offered.ages(now);
        let (declined, obstacles) = self.declined(&ground, names);
        OffersSummary {
            offers: ages.len(),
            agents: self.offered.agents(),
            newest_age_s: ages.iter().min().map(Duration::as_secs),
            oldest_age_s: ages.iter().max().map(Duration::as_secs),
            declined,
            obstacles,
            resources: resources.into_iter().map(|(name, amount)| (name, amount.value())).collect(),
            roles,
        }
    }

    /// How many hold no task of any of these groups, and why not.
    fn declined(&self, ground: &Ground<'_>, names: &[&GroupName]) -> (usize, BTreeMap<String, usize>) {
        let count = ground.candidates().len();
        let mut placings: Vec<Placing<'_>> = Vec::new();
        for name in names {
            let request = self.request(name, 0);
            if placings.len() < MAX_KINDS && !placings.iter().any(|known| known.is_alike(&request)) {
                placings.push(Placing::new(ground, request));
            }
        }
        let (mut declined, mut obstacles) = (0, BTreeMap::<String, usize>::new());
        if placings.is_empty() {
            let nothing = (count > 0).then(|| (NOTHING_WANTED.to_owned(), count));
            return (count, nothing.into_iter().collect());
        }
        for index in 0..count {
            let verdicts: Vec<_> = placings.iter().map(|placing| placing.verdict(ground, index)).collect();
            if verdicts.iter().any(|verdict| verdict.obstacles.is_empty()) {
                continue;
            }
            declined += 1;
            let subjects = verdicts.iter().flat_map(|verdict| &verdict.obstacles).map(Obstacle::subject);
            for subject in subjects.collect::<BTreeSet<_>>() {
                *obstacles.entry(subject.to_string()).or_default() += 1;
            }
        }
        (declined, obstacles)
    }
}
