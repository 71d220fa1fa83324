//! Which offers get which TaskManagers.
//!
//! It works on numbers alone: the offered resources themselves are cut only where a TaskManager is launched.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Range;

use base::time::Moment;

use super::resources::Holding;
use super::spec::Placement;
use super::verdict::{Distance, Obstacle, Verdict, size};
use domain::constraint::{Constraint, Spread, Traits};
use domain::need::Need;
use domain::state::TaskRecord;

/// The offers of one agent to one role; only such may be accepted together.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    pub agent_id: &'a str,
    pub role: &'a str,
    pub traits: Traits<'a>,
    pub holding: Holding,
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
    /// TaskManagers that there are, those that may come back included.
    pub tasks: &'a BTreeMap<String, TaskRecord>,
    /// Of agents that TaskManagers failed on.
    pub standings: &'a BTreeMap<String, Standing>,
    /// Where the master is.
    pub home_region: Option<&'a str>,
}

/// What is thought of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Good,
    /// Others are taken first, those with fewer strikes among them.
    Avoided {
        strikes: u32,
    },
    /// Taken last, and for one TaskManager at a time until one registers.
    OnTrial {
        strikes: u32,
        is_taken: bool,
    },
    /// Not taken at all.
    Quarantined {
        until: Moment,
    },
    /// Not taken at all: its maintenance begins so soon, or has begun.
    Leaving {
        at: Moment,
    },
}

impl Standing {
    /// Whether the agent gets none.
    fn is_out(self) -> bool {
        match self {
            Self::Good | Self::Avoided { .. } | Self::OnTrial { is_taken: false, .. } => false,
            Self::OnTrial { is_taken: true, .. } | Self::Quarantined { .. } | Self::Leaving { .. } => true,
        }
    }
}

/// Less trouble, more wishes fulfilled, then as the placement goes, reserved resources first, then in order.
type Rank = (Standing, Reverse<usize>, i64, bool, usize);

/// Candidates that differ in nothing that constraints count by: what such constraints say holds for all of them.
#[derive(Default)]
struct Class {
    /// By [`Placing::spreads`], none where they lack the attribute.
    values: Vec<Option<usize>>,
    /// Each with its rank when it was put in; where that has changed, another entry is right.
    queue: BinaryHeap<Reverse<Rank>>,
}

/// A round of placing. The same candidates in the same order always give the same result. Takes
/// `O((candidates + wanted) log candidates)`; where many values are counted by several constraints, somewhat more.
pub struct Placing<'w, 'o> {
    wish: &'w Wish<'w>,
    candidates: Vec<Candidate<'o>>,
    /// How many each candidate got.
    placed: Vec<usize>,
    standings: Vec<Standing>,
    /// How many soft constraints hold that do not count.
    suited: Vec<usize>,
    is_full: Vec<bool>,
    /// By candidate; one agent may be several.
    agents: Vec<usize>,
    /// By agent: the TaskManagers there, and its candidates.
    running: Vec<usize>,
    members: Vec<Range<usize>>,
    spreads: Vec<(&'w str, Spread)>,
    class_of: Vec<usize>,
    classes: Vec<Class>,
    /// Classes by their best candidate; an entry that is out of date is put right when it comes up.
    queue: BinaryHeap<Reverse<(Rank, usize)>>,
}

impl<'w, 'o> Placing<'w, 'o> {
    /// The candidates of one agent follow each other.
    pub fn new(candidates: Vec<Candidate<'o>>, wish: &'w Wish<'w>) -> Self {
        let count = candidates.len();
        let mut placing = Self {
            wish,
            candidates,
            placed: vec![0; count],
            standings: vec![Standing::Good; count],
            suited: vec![0; count],
            is_full: vec![false; count],
            agents: Vec::with_capacity(count),
            running: Vec::new(),
            members: Vec::new(),
            spreads: spreads(wish),
            class_of: Vec::with_capacity(count),
            classes: Vec::new(),
            queue: BinaryHeap::new(),
        };
        placing.know_agents();
        placing.classify();
        placing
    }

    /// Places as many TaskManagers as are wanted and fit; answers how many.
    pub fn run(&mut self) -> usize {
        for index in 0..self.candidates.len() {
            if self.is_suitable(index) {
                let rank = self.rank(index);
                self.classes[self.class_of[index]].queue.push(Reverse(rank));
            }
        }
        self.queue_all();
        let mut left = self.wish.wanted;
        while left > 0
            && let Some(Reverse((asked, class))) = self.queue.pop()
        {
            let Some(index) = self.best(class) else { continue };
            let rank = self.rank_with_class(index);
            if asked != rank {
                self.queue.push(Reverse((rank, class)));
            } else if self.admits(class) {
                left -= usize::from(self.take(index));
            }
            // A class that is not admitted waits until more TaskManagers elsewhere change that.
        }
        self.wish.wanted - left
    }

    pub fn candidates(&self) -> &[Candidate<'o>] {
        &self.candidates
    }

    /// With what they have left.
    pub fn into_candidates(self) -> Vec<Candidate<'o>> {
        self.candidates
    }

    /// How many each candidate got, by its place in the list.
    pub fn placed(&self) -> &[usize] {
        &self.placed
    }

    /// Why a candidate does not take one more; without obstacles it would.
    pub fn verdict(&self, index: usize) -> Verdict {
        let candidate = &self.candidates[index];
        let standing = match self.standings[index] {
            Standing::Quarantined { until } => Some(Obstacle::Quarantine { until, why: String::new() }),
            Standing::OnTrial { is_taken: true, .. } => Some(Obstacle::Trial { why: String::new() }),
            Standing::Leaving { at } => Some(Obstacle::Maintenance { at }),
            Standing::Good | Standing::Avoided { .. } | Standing::OnTrial { is_taken: false, .. } => None,
        };
        let broken = self.wish.hard.iter().filter(|constraint| self.is_broken(constraint, index));
        let broken = broken.map(|constraint| Obstacle::Constraint {
            text: constraint.text().to_owned(),
            found: candidate.traits.texts(constraint.attribute()).into_iter().map(Into::into).collect(),
        });
        let misses = candidate.holding.misses(self.wish.need).map(Obstacle::Resource);
        Verdict {
            agent_id: candidate.agent_id.to_owned(),
            hostname: candidate.traits.hostname.to_owned(),
            role: candidate.role.to_owned(),
            obstacles: standing
                .into_iter()
                .chain(self.far_region(candidate))
                .chain(broken)
                .chain(misses)
                .collect(),
        }
    }

    /// The verdict that falls shortest of a launch.
    pub fn nearest(&self) -> Option<Verdict> {
        let distances = (0..self.candidates.len()).map(|index| (self.distance(index), index));
        let (_, index) = distances.filter(|((obstacles, _), _)| *obstacles > 0).min()?;
        Some(self.verdict(index))
    }

    /// How far a candidate's verdict is from none, without putting it into words.
    pub fn distance(&self, index: usize) -> Distance {
        let candidate = &self.candidates[index];
        let broken = self.wish.hard.iter().filter(|constraint| self.is_broken(constraint, index));
        let sizes = self.standings[index].is_out().then_some(size::STANDING).into_iter();
        let sizes = sizes.chain(self.is_far(candidate).then_some(size::REGION));
        let sizes = sizes.chain(broken.map(|_| size::CONSTRAINT));
        let sizes = sizes.chain(candidate.holding.missing_per_mille(self.wish.need));
        sizes.fold((0, 0), |(count, worst), size| (count + 1, worst.max(size)))
    }

    fn know_agents(&mut self) {
        let mut known: HashMap<&str, usize> = HashMap::with_capacity(self.candidates.len());
        for chunk in self.candidates.chunk_by(|one, other| one.agent_id == other.agent_id) {
            let start = self.agents.len();
            known.insert(chunk[0].agent_id, self.members.len());
            self.agents.extend(chunk.iter().map(|_| self.members.len()));
            self.members.push(start..start + chunk.len());
        }
        self.running = vec![0; self.members.len()];
        for record in self.wish.tasks.values() {
            if let Some(agent) = known.get(record.agent_id.as_str()) {
                self.running[*agent] += 1;
            }
        }
        for (agent_id, standing) in self.wish.standings {
            if let Some(agent) = known.get(agent_id.as_str()) {
                self.standings[self.members[*agent].clone()].fill(*standing);
            }
        }
    }

    fn classify(&mut self) {
        let mut known: BTreeMap<Vec<Option<usize>>, usize> = BTreeMap::new();
        let soft = self.wish.soft.iter().filter(|constraint| !constraint.counts());
        let soft: Vec<_> = soft.collect();
        for (index, candidate) in self.candidates.iter().enumerate() {
            let values = self.spreads.iter_mut().map(|(attribute, spread)| {
                let texts = candidate.traits.texts(attribute);
                texts.first().map(|text| spread.number(text))
            });
            let values: Vec<_> = values.collect();
            let class = match known.get(&values) {
                Some(class) => *class,
                None => {
                    known.insert(values.clone(), self.classes.len());
                    self.classes.push(Class { values, ..Class::default() });
                    self.classes.len() - 1
                }
            };
            self.class_of.push(class);
            self.suited[index] = soft.iter().filter(|constraint| constraint.suits(&candidate.traits)).count();
        }
    }

    /// Whether it may ever get one, resources aside.
    fn is_suitable(&self, index: usize) -> bool {
        let candidate = &self.candidates[index];
        !self.standings[index].is_out()
            && !self.is_far(candidate)
            && self.wish.hard.iter().all(|constraint| constraint.suits(&candidate.traits))
    }

    fn is_broken(&self, constraint: &Constraint, index: usize) -> bool {
        !constraint.suits(&self.candidates[index].traits)
            || !self.is_admitted(constraint, &self.classes[self.class_of[index]])
    }

    /// TaskManagers stay where the master is unless a constraint speaks of regions.
    fn is_far(&self, candidate: &Candidate<'_>) -> bool {
        let regions = candidate.traits.region.zip(self.wish.home_region);
        let is_spoken_of = || self.wish.hard.iter().chain(self.wish.soft).any(Constraint::names_region);
        regions.is_some_and(|(theirs, home)| theirs != home) && !is_spoken_of()
    }

    fn far_region(&self, candidate: &Candidate<'_>) -> Option<Obstacle> {
        let (theirs, home) = candidate.traits.region.zip(self.wish.home_region)?;
        self.is_far(candidate).then(|| Obstacle::Region { theirs: theirs.to_owned(), home: home.to_owned() })
    }

    /// Among its class.
    fn rank(&self, index: usize) -> Rank {
        let count = i64::try_from(self.running[self.agents[index]]).unwrap_or(i64::MAX);
        let count = match self.wish.placement {
            Placement::Spread => count,
            Placement::Pack => -count,
        };
        let is_open = !self.candidates[index].holding.is_reserved_for(self.wish.need);
        (self.standings[index], Reverse(self.suited[index]), count, is_open, index)
    }

    /// Among all.
    fn rank_with_class(&self, index: usize) -> Rank {
        let class = &self.classes[self.class_of[index]];
        let counting = self.wish.soft.iter().filter(|constraint| constraint.counts());
        let wishes = counting.filter(|constraint| self.is_admitted(constraint, class)).count();
        let (standing, Reverse(suited), count, is_open, index) = self.rank(index);
        (standing, Reverse(suited + wishes), count, is_open, index)
    }

    fn admits(&self, class: usize) -> bool {
        self.wish.hard.iter().all(|constraint| self.is_admitted(constraint, &self.classes[class]))
    }

    fn is_admitted(&self, constraint: &Constraint, class: &Class) -> bool {
        let spread = self.spreads.iter().position(|(attribute, _)| *attribute == constraint.attribute());
        spread.is_none_or(|spread| constraint.admits(class.values[spread], &self.spreads[spread].1))
    }

    /// The best candidate of a class, which stays in its queue.
    fn best(&mut self, class: usize) -> Option<usize> {
        while let Some(Reverse(rank)) = self.classes[class].queue.peek().copied() {
            let index = rank.4;
            if !self.is_full[index] && self.rank(index) == rank {
                return Some(index);
            }
            self.classes[class].queue.pop();
        }
        None
    }

    fn queue_class(&mut self, class: usize) {
        if let Some(index) = self.best(class) {
            let rank = self.rank_with_class(index);
            self.queue.push(Reverse((rank, class)));
        }
    }

    fn queue_all(&mut self) {
        self.queue.clear();
        (0..self.classes.len()).for_each(|class| self.queue_class(class));
    }

    /// Whether the candidate takes one more.
    fn take(&mut self, index: usize) -> bool {
        let class = self.class_of[index];
        if !self.candidates[index].holding.take(self.wish.need) {
            self.is_full[index] = true;
            self.queue_class(class);
            return false;
        }
        self.placed[index] += 1;
        self.running[self.agents[index]] += 1;
        if let Standing::OnTrial { strikes, .. } = self.standings[index] {
            let members = self.members[self.agents[index]].clone();
            self.standings[members.clone()].fill(Standing::OnTrial { strikes, is_taken: true });
            self.is_full[members].fill(true);
        }
        let mut is_leveled = false;
        for (value, (_, spread)) in self.classes[class].values.iter().zip(&mut self.spreads) {
            is_leveled |= value.is_some_and(|value| spread.add(value));
        }
        for member in self.members[self.agents[index]].clone() {
            if !self.is_full[member] && self.is_suitable(member) {
                let rank = self.rank(member);
                self.classes[self.class_of[member]].queue.push(Reverse(rank));
                self.queue_class(self.class_of[member]);
            }
        }
        if matches!(self.standings[index], Standing::OnTrial { .. }) {
            // Others of its class go on.
            self.queue_class(class);
        }
        if is_leveled && self.wish.hard.iter().chain(self.wish.soft).any(Constraint::is_relative) {
            self.queue_all();
        }
        true
    }
}

/// What constraints count by, with what there is already.
fn spreads<'a>(wish: &Wish<'a>) -> Vec<(&'a str, Spread)> {
    let mut spreads: Vec<(&str, Spread)> = Vec::new();
    for constraint in wish.hard.iter().chain(wish.soft).filter(|constraint| constraint.counts()) {
        let attribute = constraint.attribute();
        if spreads.iter().any(|(known, _)| *known == attribute) {
            continue;
        }
        let mut spread = Spread::default();
        for value in wish.tasks.values().filter_map(|record| record.attributes.get(attribute)) {
            let number = spread.number(value);
            spread.add(number);
        }
        spreads.push((attribute, spread));
    }
    spreads
}

#[cfg(test)]
mod tests;
