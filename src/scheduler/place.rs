//! Which offers get which tasks of a group.
//!
//! It works on numbers alone: the offered resources themselves are cut only where a task is launched.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use super::ground::{Candidate, Ground, Regard};
use super::spec::Placement;
use super::verdict::{Distance, Obstacle, Verdict, size};
use domain::constraint::{Constraint, Spread};
use domain::group::GroupName;
use domain::need::Need;
use domain::state::TaskRecord;

/// Tasks of one group that are to be placed, and what is known of where.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub group: &'a GroupName,
    /// What one of them is called.
    pub noun: &'static str,
    pub wanted: usize,
    pub need: &'a Need,
    /// The one role whose offers it takes.
    pub role: Option<&'a str>,
    pub placement: Placement,
    /// All must hold.
    pub hard: &'a [Constraint],
    /// Agents for which more of them hold come first.
    pub soft: &'a [Constraint],
    /// Tasks that there are, of whatever group, those that may come back included. Constraints count those of this one.
    pub tasks: &'a BTreeMap<String, TaskRecord>,
    /// Where the master is.
    pub home_region: Option<&'a str>,
}

/// Less trouble, more wishes fulfilled, then as the placement goes, reserved resources first, then in order.
type Rank = (Regard, Reverse<usize>, i64, bool, usize);

/// Candidates that differ in nothing that constraints count by: what such constraints say holds for all of them.
#[derive(Default)]
struct Class {
    /// By [`Placing::spreads`], none where they lack the attribute.
    values: Vec<Option<usize>>,
    /// Each with its rank when it was put in; where that has changed, another entry is right.
    queue: BinaryHeap<Reverse<Rank>>,
}

/// Placing tasks of one group. The same candidates in the same order always give the same result. Takes
/// `O((candidates + wanted) log candidates)`; where many values are counted by several constraints, somewhat more.
pub struct Placing<'w> {
    request: Request<'w>,
    /// How many soft constraints hold that do not count.
    suited: Vec<usize>,
    is_full: Vec<bool>,
    spreads: Vec<(&'w str, Spread)>,
    class_of: Vec<usize>,
    classes: Vec<Class>,
    /// Classes by their best candidate; an entry that is out of date is put right when it comes up.
    queue: BinaryHeap<Reverse<(Rank, usize)>>,
    /// So many of [`Ground::taken`] are in the queues.
    heeded: usize,
}

impl<'w> Placing<'w> {
    pub fn new(ground: &Ground<'_>, request: Request<'w>) -> Self {
        let count = ground.candidates.len();
        let mut placing = Self {
            request,
            suited: vec![0; count],
            is_full: vec![false; count],
            spreads: spreads(&request),
            class_of: Vec::with_capacity(count),
            classes: Vec::new(),
            queue: BinaryHeap::new(),
            heeded: ground.taken.len(),
        };
        placing.classify(ground);
        for index in 0..count {
            if placing.is_suitable(ground, index) {
                let rank = placing.rank(ground, index);
                placing.classes[placing.class_of[index]].queue.push(Reverse(rank));
            }
        }
        placing.queue_all(ground);
        placing
    }

    /// Whether what it says of candidates holds for these tasks too.
    pub fn is_alike(&self, request: &Request<'_>) -> bool {
        let Request { need, role, hard, .. } = self.request;
        let counts = |hard: &[Constraint]| hard.iter().any(Constraint::counts);
        need == request.need && role == request.role && hard == request.hard && !counts(hard)
    }

    /// Places as many tasks as are wanted and fit; answers on which candidates.
    pub fn run(&mut self, ground: &mut Ground<'_>) -> Vec<usize> {
        let wanted = self.request.wanted;
        std::iter::from_fn(|| self.place_one(ground)).take(wanted).collect()
    }

    /// The candidate that has taken one more; none that can.
    pub fn place_one(&mut self, ground: &mut Ground<'_>) -> Option<usize> {
        self.heed_others(ground);
        while let Some(Reverse((asked, class))) = self.queue.pop() {
            let Some(index) = self.best(ground, class) else { continue };
            let rank = self.rank_with_class(ground, index);
            if asked != rank {
                self.queue.push(Reverse((rank, class)));
            } else if self.admits(class) && self.take(ground, index) {
                return Some(index);
            }
            // A class that is not admitted waits until more tasks elsewhere change that.
        }
        None
    }

    /// Why a candidate does not take one more; without obstacles it would.
    pub fn verdict(&self, ground: &Ground<'_>, index: usize) -> Verdict {
        let candidate = &ground.candidates[index];
        let standing = match ground.standings[index] {
            Regard::Quarantined { until } => Some(Obstacle::Quarantine { until, why: String::new() }),
            Regard::OnTrial { is_taken: true, .. } => {
                Some(Obstacle::Trial { noun: self.request.noun, why: String::new() })
            }
            Regard::Leaving { at } => Some(Obstacle::Maintenance { at }),
            Regard::Good | Regard::Avoided { .. } | Regard::OnTrial { is_taken: false, .. } => None,
        };
        let broken = self.request.hard.iter().filter(|constraint| self.is_broken(ground, constraint, index));
        let broken = broken.map(|constraint| Obstacle::Constraint {
            text: constraint.text().to_owned(),
            found: candidate.traits.texts(constraint.attribute()).into_iter().map(Into::into).collect(),
        });
        let misses = candidate.holding.misses(self.request.need).map(Obstacle::Resource);
        Verdict {
            agent_id: candidate.agent_id.to_owned(),
            hostname: candidate.traits.hostname.to_owned(),
            role: candidate.role.to_owned(),
            obstacles: self
                .other_role(candidate)
                .into_iter()
                .chain(standing)
                .chain(self.far_region(candidate))
                .chain(broken)
                .chain(misses)
                .collect(),
        }
    }

    /// The verdict that falls shortest of a launch.
    pub fn nearest(&self, ground: &Ground<'_>) -> Option<Verdict> {
        let distances = (0..ground.candidates.len()).map(|index| (self.distance(ground, index), index));
        let (_, index) = distances.filter(|((obstacles, _), _)| *obstacles > 0).min()?;
        Some(self.verdict(ground, index))
    }

    /// How far a candidate's verdict is from none, without putting it into words.
    pub fn distance(&self, ground: &Ground<'_>, index: usize) -> Distance {
        let candidate = &ground.candidates[index];
        if self.is_of_other_role(candidate) {
            // Whatever is offered to its own role tells more.
            return (usize::MAX, size::ROLE);
        }
        let broken = self.request.hard.iter().filter(|constraint| self.is_broken(ground, constraint, index));
        let sizes = ground.standings[index].is_out().then_some(size::STANDING).into_iter();
        let sizes = sizes.chain(self.is_far(candidate).then_some(size::REGION));
        let sizes = sizes.chain(broken.map(|_| size::CONSTRAINT));
        let sizes = sizes.chain(candidate.holding.missing_per_mille(self.request.need));
        sizes.fold((0, 0), |(count, worst), size| (count + 1, worst.max(size)))
    }

    fn classify(&mut self, ground: &Ground<'_>) {
        let mut known: BTreeMap<Vec<Option<usize>>, usize> = BTreeMap::new();
        let soft = self.request.soft.iter().filter(|constraint| !constraint.counts());
        let soft: Vec<_> = soft.collect();
        for (index, candidate) in ground.candidates.iter().enumerate() {
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
    fn is_suitable(&self, ground: &Ground<'_>, index: usize) -> bool {
        let candidate = &ground.candidates[index];
        !self.is_of_other_role(candidate)
            && !ground.standings[index].is_out()
            && !self.is_far(candidate)
            && self.request.hard.iter().all(|constraint| constraint.suits(&candidate.traits))
    }

    fn is_broken(&self, ground: &Ground<'_>, constraint: &Constraint, index: usize) -> bool {
        !constraint.suits(&ground.candidates[index].traits)
            || !self.is_admitted(constraint, &self.classes[self.class_of[index]])
    }

    fn is_of_other_role(&self, candidate: &Candidate<'_>) -> bool {
        self.request.role.is_some_and(|role| role != candidate.role)
    }

    fn other_role(&self, candidate: &Candidate<'_>) -> Option<Obstacle> {
        let wanted = self.request.role.filter(|_| self.is_of_other_role(candidate))?;
        Some(Obstacle::Role { theirs: candidate.role.to_owned(), wanted: wanted.to_owned() })
    }

    /// TaskManagers stay where the master is unless a constraint speaks of regions.
    fn is_far(&self, candidate: &Candidate<'_>) -> bool {
        let regions = candidate.traits.region.zip(self.request.home_region);
        let is_spoken_of = || self.request.hard.iter().chain(self.request.soft).any(Constraint::names_region);
        regions.is_some_and(|(theirs, home)| theirs != home) && !is_spoken_of()
    }

    fn far_region(&self, candidate: &Candidate<'_>) -> Option<Obstacle> {
        let (theirs, home) = candidate.traits.region.zip(self.request.home_region)?;
        self.is_far(candidate).then(|| Obstacle::Region { theirs: theirs.to_owned(), home: home.to_owned() })
    }

    /// Among its class.
    fn rank(&self, ground: &Ground<'_>, index: usize) -> Rank {
        let count = i64::try_from(ground.running[ground.agents[index]]).unwrap_or(i64::MAX);
        let count = match self.request.placement {
            Placement::Spread => count,
            Placement::Pack => -count,
        };
        let is_open = !ground.candidates[index].holding.is_reserved_for(self.request.need);
        (ground.standings[index], Reverse(self.suited[index]), count, is_open, index)
    }

    /// Among all.
    fn rank_with_class(&self, ground: &Ground<'_>, index: usize) -> Rank {
        let class = &self.classes[self.class_of[index]];
        let counting = self.request.soft.iter().filter(|constraint| constraint.counts());
        let wishes = counting.filter(|constraint| self.is_admitted(constraint, class)).count();
        let (standing, Reverse(suited), count, is_open, index) = self.rank(ground, index);
        (standing, Reverse(suited + wishes), count, is_open, index)
    }

    fn admits(&self, class: usize) -> bool {
        self.request.hard.iter().all(|constraint| self.is_admitted(constraint, &self.classes[class]))
    }

    fn is_admitted(&self, constraint: &Constraint, class: &Class) -> bool {
        let spread = self.spreads.iter().position(|(attribute, _)| *attribute == constraint.attribute());
        spread.is_none_or(|spread| constraint.admits(class.values[spread], &self.spreads[spread].1))
    }

    /// The best candidate of a class, which stays in its queue.
    fn best(&mut self, ground: &Ground<'_>, class: usize) -> Option<usize> {
        while let Some(Reverse(rank)) = self.classes[class].queue.peek().copied() {
            let index = rank.4;
            if !self.is_full[index] && self.rank(ground, index) == rank {
                return Some(index);
            }
            self.classes[class].queue.pop();
        }
        None
    }

    fn queue_class(&mut self, ground: &Ground<'_>, class: usize) {
        if let Some(index) = self.best(ground, class) {
            let rank = self.rank_with_class(ground, index);
            self.queue.push(Reverse((rank, class)));
        }
    }

    fn queue_all(&mut self, ground: &Ground<'_>) {
        self.queue.clear();
        (0..self.classes.len()).for_each(|class| self.queue_class(ground, class));
    }

    /// What others' tasks have changed about agents.
    fn heed_others(&mut self, ground: &Ground<'_>) {
        for agent in ground.taken.iter().skip(self.heeded) {
            self.queue_members(ground, ground.members[*agent].clone());
        }
        self.heeded = ground.taken.len();
    }

    fn queue_members(&mut self, ground: &Ground<'_>, members: Range<usize>) {
        for member in members {
            if !self.is_full[member] && self.is_suitable(ground, member) {
                let rank = self.rank(ground, member);
                self.classes[self.class_of[member]].queue.push(Reverse(rank));
                self.queue_class(ground, self.class_of[member]);
            }
        }
    }

    /// Whether the candidate takes one more.
    fn take(&mut self, ground: &mut Ground<'_>, index: usize) -> bool {
        let class = self.class_of[index];
        if !ground.take(index, self.request.need) {
            self.is_full[index] = true;
            self.queue_class(ground, class);
            return false;
        }
        self.heeded = ground.taken.len();
        let mut is_leveled = false;
        for (value, (_, spread)) in self.classes[class].values.iter().zip(&mut self.spreads) {
            is_leveled |= value.is_some_and(|value| spread.add(value));
        }
        self.queue_members(ground, ground.members_of(index));
        if matches!(ground.standings[index], Regard::OnTrial { .. }) {
            // Others of its class go on.
            self.queue_class(ground, class);
        }
        if is_leveled && self.request.hard.iter().chain(self.request.soft).any(Constraint::is_relative) {
            self.queue_all(ground);
        }
        true
    }
}

/// What constraints count by, with what there is already.
fn spreads<'a>(request: &Request<'a>) -> Vec<(&'a str, Spread)> {
    let mut spreads: Vec<(&str, Spread)> = Vec::new();
    for constraint in request.hard.iter().chain(request.soft).filter(|constraint| constraint.counts()) {
        let attribute = constraint.attribute();
        if spreads.iter().any(|(known, _)| *known == attribute) {
            continue;
        }
        let mut spread = Spread::default();
        let counted = request.tasks.values().filter(|record| record.group == *request.group);
        for value in counted.filter_map(|record| record.attributes.get(attribute)) {
            let number = spread.number(value);
            spread.add(number);
        }
        spreads.push((attribute, spread));
    }
    spreads
}

#[cfg(test)]
mod tests;
