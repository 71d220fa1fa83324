//! Whether tasks would fit into the latest offers, asked before anybody wants them or while they are lacking.

use std::time::Duration;

use base::time::Moment;
use domain::constraint::Constraint;
use domain::group::GroupName;
use domain::need::Need;

use super::Scheduler;
use super::demand::Demand;
use super::ground::Ground;
use super::place::{Placing, Request};
use super::spec::Placement;

/// What is to be placed.
#[derive(Clone, Debug)]
pub enum Sought {
    /// What the group lacks of its target.
    Lacking(GroupName),
    Tasks(Wanted),
}

/// Tasks that somebody may want.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What one of them is called.
    pub noun: &'static str,
    /// Constraints count its tasks of today.
    pub group: GroupName,
    pub count: usize,
    pub need: Need,
    /// The one role whose offers they take.
    pub role: Option<String>,
    pub hard: Vec<Constraint>,
    pub soft: Vec<Constraint>,
}

/// What came of each that was sought. They are placed one after the other, so that none takes what another has got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fitting {
    pub fits: Vec<Fit>,
    /// Of how many agents offers are remembered.
    pub agents: usize,
    /// How old the latest and the oldest of them are.
    pub ages: Option<(Duration, Duration)>,
    /// Whether they are what is free: nothing has been asked for since.
    pub is_known: bool,
    /// Whether the master is asked for offers as long as it takes.
    pub is_asking: bool,
}

/// What one task takes, and the one role whose offers it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    pub need: Need,
    pub role: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    pub wanted: usize,
    /// Those that there are already included.
    pub placeable: usize,
    /// Of them, those that there are already.
    pub there: usize,
    /// What the agent that comes closest to holding the next lacks.
    pub nearest: Option<String>,
    pub takes: Takes,
}

impl Takes {
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self { need: request.need.clone(), role: request.role.map(str::to_owned) }
    }
}

impl Scheduler {
    pub fn fitting(&self, sought: &[Sought], now: Moment) -> Fitting {
        let standings = self.standings(now);
        let mut ground = Ground::new(self.offered.candidates(), &self.state.tasks, &standings);
        let fits = sought.iter().map(|sought| {
            let (request, there) = self.sought(sought);
            let mut placing = Placing::new(&ground, request);
            let picks = placing.run(&mut ground).len();
            let nearest = (picks < request.wanted).then(|| placing.nearest(&ground)).flatten();
            Fit {
                wanted: there + request.wanted,
                placeable: there + picks,
                there,
                nearest: nearest.map(|nearest| self.with_reasons(nearest).describe(now)),
                takes: Takes::of(&request),
            }
        });
        let fits = fits.collect();
        let ages = self.offered.ages(now);
        Fitting {
            fits,
            agents: self.offered.agents(),
            ages: ages.iter().copied().min().zip(ages.iter().copied().max()),
            is_known: !ages.is_empty() && !self.offered.is_superseded(),
            is_asking: self.demand == Some(Demand::Revived),
        }
    }

    /// And how many there are of it.
    fn sought<'a>(&'a self, sought: &'a Sought) -> (Request<'a>, usize) {
        match sought {
            Sought::Lacking(name) => {
                let lacking = self.lacking(name);
                (self.request(name, lacking), (self.group_target(name) as usize).saturating_sub(lacking))
            }
            Sought::Tasks(wanted) => {
                let Wanted { noun, group, count, need, role, hard, soft } = wanted;
                let request = Request {
                    noun,
                    group,
                    wanted: *count,
                    need,
                    role: role.as_deref(),
                    placement: Placement::Spread,
                    hard,
                    soft,
                    ..self.request(group, *count)
                };
                (request, 0)
            }
        }
    }
}
