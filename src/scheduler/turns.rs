//! Which group's turn it is while offers are handed out.
//!
//! One task at a time goes to the group that is furthest below its target: the one of whose target the smallest part is
//! there, by name where two are alike. So a small group never waits behind a big one, and offers that do not hold all
//! leave every group the same part. A group that nothing of what is left holds is out of it until the next offers.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use domain::group::GroupName;

use super::ground::Ground;
use super::place::{Placing, Request};
use super::verdict::Verdict;

/// What one group wants of the offers.
pub struct Claimant<'w> {
    pub name: &'w GroupName,
    /// How many of its tasks there are already, of how many.
    pub level: Level,
    pub request: Request<'w>,
}

/// What it got.
#[derive(Debug)]
pub struct Outcome {
    pub name: GroupName,
    pub wanted: usize,
    /// A candidate for each task, in the order in which they were taken.
    pub picks: Vec<usize>,
    /// Which candidate came closest to holding one more, where some are still wanted.
    pub nearest: Option<Verdict>,
}

/// So much of so many: the smaller part comes first.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    pub have: usize,
    pub target: usize,
}

impl Level {
    fn raised(self) -> Self {
        Self { have: self.have + 1, ..self }
    }
}

impl Ord for Level {
    fn cmp(&self, other: &Self) -> Ordering {
        let part = |of: &Self, to: &Self| of.have as u128 * to.target.max(1) as u128;
        part(self, other).cmp(&part(other, self))
    }
}

impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Level {}

impl Outcome {
    pub fn is_short(&self) -> bool {
        self.picks.len() < self.wanted
    }

    pub fn missing(&self) -> usize {
        self.wanted - self.picks.len()
    }
}

/// Hands `ground` out to groups, which come in the order of their names.
pub fn hand_out(ground: &mut Ground<'_>, claimants: &[Claimant<'_>]) -> Vec<Outcome> {
    let outcome = |claimant: &Claimant<'_>| Outcome {
        name: claimant.name.clone(),
        wanted: claimant.request.wanted,
        picks: Vec::with_capacity(claimant.request.wanted.min(ground.candidates().len())),
        nearest: None,
    };
    let mut outcomes: Vec<_> = claimants.iter().map(outcome).collect();
    // Only of those that have had a turn and want another: there may be as many groups as candidates.
    let mut placings: Vec<Option<Placing<'_>>> = claimants.iter().map(|_| None).collect();
    let wanting = claimants.iter().enumerate().filter(|(_, claimant)| claimant.request.wanted > 0);
    let mut queue: BinaryHeap<_> =
        wanting.map(|(index, claimant)| Reverse((claimant.level, index))).collect();
    while let Some(Reverse((level, index))) = queue.pop() {
        let outcome = &mut outcomes[index];
        let mut placing = match placings[index].take() {
            Some(placing) => placing,
            None => Placing::new(ground, claimants[index].request),
        };
        match placing.place_one(ground) {
            Some(candidate) => {
                outcome.picks.push(candidate);
                if outcome.is_short() {
                    placings[index] = Some(placing);
                    queue.push(Reverse((level.raised(), index)));
                }
            }
            None => outcome.nearest = placing.nearest(ground),
        }
    }
    outcomes
}

#[cfg(test)]
mod tests;
