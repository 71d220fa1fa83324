use std::collections::BTreeMap;

use super::*;
use crate::ground::Candidate;
use crate::resources::Holding;
use crate::spec::Placement;
use base::time::Moment;
use bytes::Bytes;
use domain::constraint::Traits;
use domain::need::{Milli, Need};
use mesos::wire::encoded;
use mesos::wire::resource::{Resource, Scalar};
use proptest::prelude::*;

/// So many thousandths of a processor for each task, so many tasks there and wanted.
#[derive(Clone, Copy, Debug)]
struct Want {
    milli: i64,
    have: usize,
    target: usize,
}

const NAMES: [&str; 4] = ["amber", "blue", "coral", "dun"];

fn name(index: usize) -> GroupName {
    GroupName::parse(NAMES[index]).expect("a name")
}

/// How many each gets where one offer has so many thousandths, and in which order.
fn handed_out(offers: &[i64], wants: &[Want]) -> Vec<Outcome> {
    let agents: Vec<_> = (0..offers.len()).map(|number| format!("agent-{number}")).collect();
    let candidates = offers.iter().zip(&agents).map(|(milli, agent)| {
        let mut holding = Holding::default();
        let scalar = Scalar { value: Some(Milli(*milli).value()) };
        let cpus = Resource { name: Some("cpus".into()), scalar: Some(scalar), ..Resource::default() };
        holding.add(encoded(&[cpus]).iter().map(Bytes::as_ref), "*");
        Candidate {
            agent_id: agent,
            role: "*",
            traits: Traits { hostname: agent, ..Traits::default() },
            holding,
        }
    });
    let tasks = BTreeMap::new();
    let names: Vec<_> = (0..wants.len()).map(name).collect();
    let needs: Vec<_> = wants
        .iter()
        .map(|want| Need { scalars: vec![("cpus".into(), Milli(want.milli))], ports: 0 })
        .collect();
    let claimants = wants.iter().enumerate().map(|(index, want)| Claimant {
        name: &names[index],
        level: Level { have: want.have, target: want.target },
        request: Request {
            group: &names[index],
            noun: "TaskManager",
            wanted: want.target.saturating_sub(want.have),
            need: &needs[index],
            role: None,
            placement: Placement::Spread,
            hard: &[],
            soft: &[],
            tasks: &tasks,
            home_region: None,
        },
    });
    let claimants: Vec<_> = claimants.collect();
    hand_out(&mut Ground::new(candidates.collect(), &tasks, &BTreeMap::new()), &claimants)
}

fn counts(offers: &[i64], wants: &[Want]) -> Vec<usize> {
    handed_out(offers, wants).iter().map(|outcome| outcome.picks.len()).collect()
}

#[test]
fn the_group_furthest_below_its_target_is_next() {
    let want = |have, target| Want { milli: 1000, have, target };
    assert_eq!(counts(&[10_000], &[want(0, 100), want(0, 1)]), [9, 1], "a small one does not wait");
    assert_eq!(counts(&[6_000], &[want(0, 8), want(0, 4)]), [4, 2], "each the same part");
    assert_eq!(counts(&[3_000], &[want(4, 8), want(0, 8)]), [0, 3], "after what there is already");
    assert_eq!(counts(&[1_000], &[want(0, 3), want(0, 3)]), [1, 0], "by name where two are alike");
    assert_eq!(counts(&[9_000], &[want(0, 3), want(1, 3)]), [3, 2]);
}

#[test]
fn a_group_that_nothing_holds_keeps_nobody_waiting_and_has_a_reason() {
    let big = Want { milli: 8000, have: 0, target: 3 };
    let small = Want { milli: 1000, have: 0, target: 9 };
    let outcomes = handed_out(&[4_000, 4_000], &[big, small]);
    assert_eq!(outcomes.iter().map(|outcome| outcome.picks.len()).collect::<Vec<_>>(), [0, 8]);
    let told = outcomes[0].nearest.as_ref().expect("a reason").describe(Moment::START);
    assert_eq!(told, "nearest host=agent-0 cpus: needs 8, offered 4");
    assert_eq!((outcomes[1].is_short(), outcomes[1].missing()), (true, 1));
}

proptest! {
    /// Nothing is handed out twice or left over that somebody wants, and who got one was no better off than any other
    /// that is short and would have fitted in its place.
    #[test]
    fn every_turn_is_fair(
        offers in proptest::collection::vec(0_i64..6_000, 1..5),
        wants in proptest::collection::vec((1_i64..4, 0_usize..3, 1_usize..9), 1..5),
    ) {
        let wants: Vec<_> = wants
            .into_iter()
            .map(|(halves, have, target)| Want { milli: halves * 500, have: have.min(target), target })
            .collect();
        let outcomes = handed_out(&offers, &wants);
        let mut left = offers.clone();
        for (outcome, want) in outcomes.iter().zip(&wants) {
            prop_assert!(outcome.picks.len() <= want.target - want.have);
            outcome.picks.iter().for_each(|index| left[*index] -= want.milli);
        }
        prop_assert!(left.iter().all(|left| *left >= 0));
        for (loser, want) in outcomes.iter().zip(&wants).filter(|(outcome, _)| outcome.is_short()) {
            prop_assert!(left.iter().all(|left| *left < want.milli), "{} would have had room", loser.name);
            let has = want.have + loser.picks.len();
            for (winner, other) in outcomes.iter().zip(&wants) {
                if winner.picks.is_empty() || want.milli > other.milli {
                    continue;
                }
                let had = other.have + winner.picks.len() - 1;
                prop_assert!(had * want.target <= has * other.target, "{} before {}", winner.name, loser.name);
            }
        }
    }
}
