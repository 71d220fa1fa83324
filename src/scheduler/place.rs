//! Which offers get which TaskManagers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mesos::wire::id::OfferId;
use crate::mesos::wire::offer::Offer;

use super::resources::{Miss, Need, Pool, Share};
use super::spec::Placement;

/// The offers of one agent to one role; only such may be accepted together.
#[derive(Clone, Debug)]
pub struct Group {
    pub agent_id: String,
    pub hostname: String,
    pub offers: Vec<OfferId>,
    pool: Pool,
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
    pub misses: Vec<Miss>,
}

/// Puts offers together that one ACCEPT may name, in order of agent and role.
pub fn group<'a>(offers: impl IntoIterator<Item = &'a Offer>) -> Vec<Group> {
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for offer in offers {
        let agent_id = offer.agent_id.as_ref().map(|id| id.text().to_owned()).unwrap_or_default();
        let role = offer.allocation_info.as_ref().and_then(|info| info.role.clone()).unwrap_or_default();
        let group = groups.entry((agent_id.clone(), role)).or_insert_with(|| Group {
            agent_id,
            hostname: offer.hostname.clone().unwrap_or_default(),
            offers: Vec::new(),
            pool: Pool::default(),
        });
        group.offers.extend(offer.id.clone());
        group.pool.add(&offer.resources);
    }
    groups.into_values().collect()
}

/// Places up to `wanted` TaskManagers. `present` tells how many an agent runs already. The same offers and
/// numbers always give the same result. Takes `O((groups + wanted) log groups)`.
pub fn place(
    groups: Vec<Group>,
    wanted: usize,
    need: &Need,
    placement: Placement,
    present: &BTreeMap<String, usize>,
) -> Placed {
    let mut running = present.clone();
    let mut shares: Vec<Vec<Share>> = vec![Vec::new(); groups.len()];
    let mut groups = groups;
    let mut placed = Placed::default();
    let mut queue: BTreeSet<(i64, usize)> = groups
        .iter()
        .enumerate()
        .map(|(index, group)| (rank(placement, &running, &group.agent_id), index))
        .collect();
    let mut left = wanted;

    while left > 0
        && let Some((asked_rank, index)) = queue.pop_first()
    {
        let group = &mut groups[index];
        let current_rank = rank(placement, &running, &group.agent_id);
        if asked_rank != current_rank {
            // Another role's offers of the same agent got one meanwhile.
            queue.insert((current_rank, index));
            continue;
        }
        match group.pool.take(need) {
            Ok(share) => {
                shares[index].push(share);
                left -= 1;
                *running.entry(group.agent_id.clone()).or_default() += 1;
                queue.insert((rank(placement, &running, &group.agent_id), index));
            }
            Err(misses) => placed.misses.push(Verdict {
                agent_id: group.agent_id.clone(),
                hostname: group.hostname.clone(),
                misses,
            }),
        }
    }

    for (group, shares) in groups.into_iter().zip(shares) {
        if shares.is_empty() {
            placed.unused.push(group);
        } else {
            placed.accepted.push((group, shares));
        }
    }
    placed
}

/// The verdict that fell shortest of a launch: the fewest resources missing, then the smallest part of them.
pub fn nearest(verdicts: &[Verdict]) -> Option<&Verdict> {
    verdicts.iter().min_by_key(|verdict| {
        let worst = verdict.misses.iter().map(Miss::missing_per_mille).max().unwrap_or_default();
        (verdict.misses.len(), worst)
    })
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "nearest host={}", self.hostname)?;
        self.misses.iter().try_for_each(|miss| write!(out, " {miss}"))
    }
}

fn rank(placement: Placement, running: &BTreeMap<String, usize>, agent_id: &str) -> i64 {
    let count = running.get(agent_id).copied().unwrap_or_default();
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    match placement {
        Placement::Spread => count,
        Placement::Pack => -count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesos::wire::id::AgentId;
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
        let placed = place(group(offers), wanted, &need, placement, &present);
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
