//! Which offers get which TaskManagers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mesos::wire::id::{AgentId, OfferId};
use crate::mesos::wire::offer::Offer;

use super::constraint::{Constraint, Counts, Traits};
use super::resources::{Miss, Need, Pool, Share};
use super::spec::Placement;

/// The offers of one agent to one role; only such may be accepted together.
#[derive(Clone, Debug)]
pub struct Group {
    pub agent_id: String,
    pub hostname: String,
    pub offers: Vec<OfferId>,
    pub traits: Traits,
    pool: Pool,
}

/// What is to be placed, and what is known of where.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub wanted: usize,
    pub need: &'a Need,
    pub placement: Placement,
    /// All must hold.
    pub hard: &'a [Constraint],
    /// Agents for which more of them hold come first.
    pub soft: &'a [Constraint],
    /// How many TaskManagers an agent runs already.
    pub present: &'a BTreeMap<String, usize>,
    pub counts: &'a Counts,
    /// Of agents that TaskManagers failed on.
    pub standings: &'a BTreeMap<String, Standing>,
}

/// What is thought of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Good,
    /// Others are taken first.
    Avoided,
    /// Not taken at all for so long.
    Quarantined {
        left_s: u64,
    },
    /// Not taken at all: its maintenance begins so soon.
    Leaving {
        in_s: u64,
    },
}

/// What becomes of a round of offers.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Groups that got TaskManagers, each with the share of every one of them.
    pub accepted: Vec<(Group, Vec<Share>)>,
    /// Groups that got none.
    pub unused: Vec<Group>,
    /// Why a group did not take one more, for each that was asked and refused: agent, host and what it lacked.
    pub misses: Vec<Verdict>,
}

/// Why an agent's offers do not hold a TaskManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub agent_id: String,
    pub hostname: String,
    pub obstacles: Vec<Obstacle>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    Resource(Miss),
    /// The constraint as written, and what the agent has instead.
    Constraint {
        text: String,
        found: Vec<String>,
    },
    Quarantine {
        left_s: u64,
    },
    Maintenance {
        in_s: u64,
    },
}

/// Puts offers together that one ACCEPT may name, in order of agent and role.
pub fn group<'a>(offers: impl IntoIterator<Item = &'a Offer>) -> Vec<Group> {
    let mut groups: BTreeMap<(&str, &str), Group> = BTreeMap::new();
    for offer in offers {
        let agent_id = offer.agent_id.as_ref().map(AgentId::text).unwrap_or_default();
        let role = offer.allocation_info.as_ref().and_then(|info| info.role.as_deref()).unwrap_or_default();
        let group = groups.entry((agent_id, role)).or_insert_with(|| Group {
            agent_id: agent_id.to_owned(),
            hostname: offer.hostname.clone().unwrap_or_default(),
            offers: Vec::new(),
            traits: Traits::of(offer),
            pool: Pool::default(),
        });
        group.offers.extend(offer.id.clone());
        group.pool.add(&offer.resources);
    }
    groups.into_values().collect()
}

/// Places as many TaskManagers as are wanted and fit. The same offers and numbers always give the same result. Takes
/// `O((groups + wanted) log groups)`, with GROUP_BY up to `groups` times as much.
pub fn place(groups: Vec<Group>, wish: &Wish<'_>) -> Placed {
    let mut round = Round::new(groups, wish);
    let mut left = wish.wanted;
    while left > 0
        && let Some((asked_rank, index)) = round.queue.pop_first()
    {
        let current_rank = round.rank(index);
        if asked_rank != current_rank {
            // Another role's offers of the same agent got one meanwhile.
            round.queue.insert((current_rank, index));
            continue;
        }
        if round.take(index) {
            left -= 1;
        }
    }
    round.finish()
}

/// Fewer failures, more wishes fulfilled, then as the placement goes.
type Rank = (Standing, Reverse<usize>, i64);

struct Round<'a> {
    wish: &'a Wish<'a>,
    groups: Vec<Group>,
    shares: Vec<Vec<Share>>,
    queue: BTreeSet<(Rank, usize)>,
    running: BTreeMap<String, usize>,
    counts: Counts,
    /// Groups that a constraint on how TaskManagers are spread keeps from their next one for now.
    deferred: Vec<usize>,
    misses: Vec<Verdict>,
}

impl<'a> Round<'a> {
    fn new(groups: Vec<Group>, wish: &'a Wish<'a>) -> Self {
        let mut counts = wish.counts.clone();
        for constraint in wish.hard.iter().chain(wish.soft).filter(|constraint| constraint.counts()) {
            let values = counts.entry(constraint.attribute().to_owned()).or_default();
            for value in groups.iter().filter_map(|group| constraint.value(&group.traits)) {
                values.entry(value).or_default();
            }
        }
        let mut round = Self {
            wish,
            shares: vec![Vec::new(); groups.len()],
            groups,
            queue: BTreeSet::new(),
            running: wish.present.clone(),
            counts,
            deferred: Vec::new(),
            misses: Vec::new(),
        };
        round.queue = (0..round.groups.len()).map(|index| (round.rank(index), index)).collect();
        round
    }

    fn rank(&self, index: usize) -> Rank {
        let group = &self.groups[index];
        let soft = self.wish.soft.iter().filter(|constraint| constraint.admits(&group.traits, &self.counts));
        let count = self.running.get(&group.agent_id).copied().unwrap_or_default();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let count = match self.wish.placement {
            Placement::Spread => count,
            Placement::Pack => -count,
        };
        (self.standing(index), Reverse(soft.count()), count)
    }

    fn standing(&self, index: usize) -> Standing {
        self.wish.standings.get(&self.groups[index].agent_id).copied().unwrap_or(Standing::Good)
    }

    /// Whether the group takes one more.
    fn take(&mut self, index: usize) -> bool {
        let obstacles = self.obstacles(index);
        let taken = if obstacles.is_empty() {
            self.groups[index]
                .pool
                .take(self.wish.need)
                .map_err(|misses| misses.into_iter().map(Obstacle::Resource).collect())
        } else {
            Err(obstacles)
        };
        match taken {
            Ok(share) => {
                self.shares[index].push(share);
                self.count(index);
                self.queue.insert((self.rank(index), index));
                for index in std::mem::take(&mut self.deferred) {
                    self.queue.insert((self.rank(index), index));
                }
                true
            }
            Err(obstacles) => {
                self.refuse(index, obstacles);
                false
            }
        }
    }

    fn obstacles(&self, index: usize) -> Vec<Obstacle> {
        let traits = &self.groups[index].traits;
        let quarantine = match self.standing(index) {
            Standing::Quarantined { left_s } => Some(Obstacle::Quarantine { left_s }),
            Standing::Leaving { in_s } => Some(Obstacle::Maintenance { in_s }),
            Standing::Good | Standing::Avoided => None,
        };
        let broken = self.wish.hard.iter().filter(|constraint| !constraint.admits(traits, &self.counts));
        let broken = broken.map(|constraint| Obstacle::Constraint {
            text: constraint.text().to_owned(),
            found: traits.texts(constraint.attribute()),
        });
        quarantine.into_iter().chain(broken).collect()
    }

    fn count(&mut self, index: usize) {
        let group = &self.groups[index];
        *self.running.entry(group.agent_id.clone()).or_default() += 1;
        for (attribute, values) in &mut self.counts {
            if let Some(count) = group.traits.texts(attribute).first().and_then(|value| values.get_mut(value))
            {
                *count += 1;
            }
        }
    }

    fn refuse(&mut self, index: usize, obstacles: Vec<Obstacle>) {
        let is_relative = self.wish.hard.iter().any(Constraint::is_relative);
        if is_relative && obstacles.iter().all(|obstacle| matches!(obstacle, Obstacle::Constraint { .. })) {
            self.deferred.push(index);
        }
        let group = &self.groups[index];
        let verdict =
            Verdict { agent_id: group.agent_id.clone(), hostname: group.hostname.clone(), obstacles };
        // One that was put off is asked again and again.
        if !is_relative || !self.misses.contains(&verdict) {
            self.misses.push(verdict);
        }
    }

    fn finish(self) -> Placed {
        let mut placed = Placed { misses: self.misses, ..Placed::default() };
        for (group, shares) in self.groups.into_iter().zip(self.shares) {
            if shares.is_empty() {
                placed.unused.push(group);
            } else {
                placed.accepted.push((group, shares));
            }
        }
        placed
    }
}

/// The verdict that fell shortest of a launch: the fewest obstacles, then the smallest part of them.
pub fn nearest(verdicts: &[Verdict]) -> Option<&Verdict> {
    verdicts.iter().min_by_key(|verdict| {
        let worst = verdict.obstacles.iter().map(Obstacle::size_per_mille).max().unwrap_or_default();
        (verdict.obstacles.len(), worst)
    })
}

impl Obstacle {
    /// What no bigger offer can mend is worse than the whole of a resource.
    fn size_per_mille(&self) -> i64 {
        match self {
            Self::Resource(miss) => miss.missing_per_mille(),
            Self::Quarantine { .. } | Self::Maintenance { .. } => 1001,
            Self::Constraint { .. } => 1002,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(miss) => write!(out, "{miss}"),
            Self::Constraint { text, found } if found.is_empty() => {
                write!(out, "constraint {text}: no such attribute")
            }
            Self::Constraint { text, found } => write!(out, "constraint {text}: has {}", found.join(",")),
            Self::Maintenance { in_s: 0 } => write!(out, "maintenance: it has begun"),
            Self::Maintenance { in_s } => write!(out, "maintenance: it begins in {in_s} s"),
            Self::Quarantine { left_s } => write!(out, "quarantine: {left_s} s left after failures"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "nearest host={}", self.hostname)?;
        self.obstacles.iter().try_for_each(|obstacle| write!(out, " {obstacle}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesos::wire::resource::{Resource, Scalar};
    use crate::scheduler::resources::Milli;

    fn offer(id: &str, agent: &str, cpus: f64) -> Offer {
        let cpus = Resource {
            name: Some("cpus".into()),
            scalar: Some(Scalar { value: Some(cpus) }),
            ..Resource::default()
        };
        Offer {
            id: Some(OfferId::new(id)),
            agent_id: Some(AgentId::new(agent)),
            hostname: Some(format!("host-{agent}")),
            resources: vec![cpus],
            ..Offer::default()
        }
    }

    fn run(offers: &[Offer], wanted: usize, placement: Placement, present: &[(&str, usize)]) -> String {
        let need = Need { scalars: vec![("cpus".into(), Milli::of(1.0))], ports: 0 };
        let present = present.iter().map(|(agent, count)| ((*agent).to_owned(), *count)).collect();
        let wish = Wish {
            wanted,
            need: &need,
            placement,
            hard: &[],
            soft: &[],
            present: &present,
            counts: &Counts::new(),
            standings: &BTreeMap::new(),
        };
        let placed = place(group(offers), &wish);
        let accepted: Vec<_> = placed
            .accepted
            .iter()
            .map(|(group, shares)| format!("{}:{}", group.agent_id, shares.len()))
            .collect();
        let unused: Vec<_> = placed.unused.iter().map(|group| group.agent_id.as_str()).collect();
        let missed: Vec<_> = placed.misses.iter().map(|verdict| verdict.agent_id.as_str()).collect();
        format!("{} unused {} missed {}", accepted.join(" "), unused.join(" "), missed.join(" "))
    }

    #[test]
    fn spread_and_pack() {
        let offers = [offer("o1", "a", 4.0), offer("o2", "b", 4.0), offer("o3", "c", 4.0)];
        assert_eq!(run(&offers, 3, Placement::Spread, &[]), "a:1 b:1 c:1 unused  missed ");
        assert_eq!(run(&offers, 3, Placement::Pack, &[]), "a:3 unused b c missed ");
        assert_eq!(run(&offers, 2, Placement::Spread, &[("a", 2)]), "b:1 c:1 unused a missed ");
        assert_eq!(run(&offers, 5, Placement::Pack, &[("b", 1)]), "a:1 b:4 unused c missed b");
    }

    #[test]
    fn constraints_and_standings() {
        let offers = [offer("o1", "a", 4.0), offer("o2", "b", 4.0), offer("o3", "c", 4.0)];
        let need = Need { scalars: vec![("cpus".into(), Milli::of(1.0))], ports: 0 };
        let wish = Wish {
            wanted: 3,
            need: &need,
            placement: Placement::Pack,
            hard: &[Constraint::parse("HOSTNAME:GROUP_BY").expect("a constraint")],
            soft: &[],
            present: &BTreeMap::new(),
            counts: &Counts::new(),
            standings: &BTreeMap::from([("b".to_owned(), Standing::Quarantined { left_s: 9 })]),
        };
        let placed = place(group(&offers), &wish);
        let count =
            |placed: &Placed| placed.accepted.iter().map(|(_, shares)| shares.len()).collect::<Vec<_>>();
        assert_eq!(
            count(&placed),
            [1, 1],
            "a third would leave host-b, which is not to be had, too far behind"
        );
        let soft = [Constraint::parse("HOSTNAME:LIKE:host-[bc]").expect("a constraint")];
        let standings = BTreeMap::from([("c".to_owned(), Standing::Avoided)]);
        let placed = place(group(&offers), &Wish { hard: &[], soft: &soft, standings: &standings, ..wish });
        assert_eq!(placed.accepted[0].0.agent_id, "b");
        assert_eq!(count(&placed), [3]);
    }

    #[test]
    fn offers_of_one_agent_are_used_together() {
        let offers = [offer("o1", "a", 0.5), offer("o2", "a", 0.5), offer("o3", "b", 0.9)];
        assert_eq!(run(&offers, 2, Placement::Spread, &[]), "a:1 unused b missed b a");
    }

    #[test]
    fn an_agent_offered_to_two_roles_counts_once() {
        let role = |role: &str, offer: Offer| Offer {
            allocation_info: Some(crate::mesos::wire::resource::AllocationInfo { role: Some(role.into()) }),
            ..offer
        };
        let offers = [
            role("x", offer("o1", "a", 1.0)),
            role("y", offer("o2", "a", 1.0)),
            role("x", offer("o3", "b", 1.0)),
        ];
        assert_eq!(run(&offers, 2, Placement::Spread, &[]), "a:1 b:1 unused a missed ");
    }
}
