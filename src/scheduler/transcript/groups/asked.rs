//! What is asked of a scheduler with several groups: whether tasks would fit, who waits for what, what is free.

use std::collections::BTreeMap;

use super::*;
use crate::fitting::{Fit, Sought, Takes, Wanted};
use domain::need::Need;

fn red() -> GroupName {
    GroupName::parse("red").expect("a name")
}

fn of_cpus(count: usize, cpus: f64) -> Sought {
    let need = Need { scalars: vec![("cpus".to_owned(), Milli::of(cpus))], ports: 0 };
    let (hard, soft) = (Vec::new(), Vec::new());
    Sought::Tasks(Wanted { noun: "AppMaster", group: red(), count, need, role: None, hard, soft })
}

fn fits(bench: &Bench, sought: &[Sought]) -> Vec<(usize, usize)> {
    let fits = bench.scheduler.fitting(sought, bench.now).fits;
    fits.iter().map(|fit| (fit.placeable, fit.wanted)).collect()
}

#[test]
fn what_is_sought_takes_from_the_same_offers_one_after_the_other() {
    let mut bench = Bench::with_blue(0, of_half_a_cpu(1));
    assert!(!bench.scheduler.fitting(&[], bench.now).is_known, "nothing was offered yet");
    bench.offer(&[("a", 2.0), ("b", 1.0)]);
    let fitting = bench.scheduler.fitting(&[of_cpus(3, 1.0)], bench.now);
    assert_eq!((fitting.is_known, fitting.agents), (true, 2));
    let [fit] = &fitting.fits[..] else { panic!("one was sought: {fitting:?}") };
    let nearest = Some("nearest host=a cpus: needs 1, offered 0.5".to_owned());
    let takes =
        Takes { need: Need { scalars: vec![("cpus".to_owned(), Milli(1000))], ports: 0 }, role: None };
    assert_eq!(*fit, Fit { wanted: 3, placeable: 2, there: 0, nearest, takes });
    assert_eq!(fits(&bench, &[of_cpus(1, 1.0), of_cpus(2, 0.5), of_cpus(1, 1.0)]), [(1, 1), (2, 2), (0, 1)]);
    // The one that runs is counted, and nothing else of blue is lacking.
    assert_eq!(fits(&bench, &[Sought::Lacking(blue()), of_cpus(1, 1.0)]), [(1, 1), (1, 1)]);
    bench.now = bench.now + Duration::from_secs(7);
    let seven = Duration::from_secs(7);
    assert_eq!(bench.scheduler.fitting(&[], bench.now).ages, Some((seven, seven)));
}

#[test]
fn whoever_wants_to_know_what_is_free_has_offers_asked_for_once() {
    let mut bench = Bench::with_blue(0, of_half_a_cpu(0));
    bench.scheduler.handle_look(bench.now);
    assert_eq!(bench.orders(), "revive");
    assert!(!bench.scheduler.fitting(&[], bench.now).is_known);
    assert_eq!(bench.offer(&[("a", 4.0)]), "decline(o1) suppress");
    assert!(bench.scheduler.fitting(&[], bench.now).is_known);
    bench.scheduler.handle_look(bench.now);
    assert_eq!(bench.orders(), "", "it was asked just before");
    bench.now = bench.now + Duration::from_secs(10);
    bench.scheduler.handle_look(bench.now);
    assert_eq!(bench.orders(), "revive");
    assert_eq!(bench.wake(), "suppress", "nobody has anything to offer");
    assert!(
        !bench.scheduler.fitting(&[], bench.now).is_known,
        "what was offered before is not free any more"
    );
}

#[test]
fn who_is_served_first_is_first_in_the_queue() {
    let mut bench = Bench::with_blue(0, of_half_a_cpu(4));
    bench.scheduler.handle_group_defined(&red(), of_half_a_cpu(2), bench.now);
    let queue = bench.scheduler.queue(bench.now);
    let names = |queue: &crate::queue::Queue| -> Vec<(String, usize)> {
        queue.groups.iter().map(|group| (group.group.clone(), group.missing)).collect()
    };
    assert_eq!(names(&queue), [("blue".to_owned(), 4), ("red".to_owned(), 2)]);
    assert_eq!(queue.groups[0].why, "waiting for offers; none since REVIVE");
    assert_eq!(queue.offers, crate::queue::OffersSummary::default());
    bench.orders();
    bench.offer(&[("a", 1.0)]);
    // Each has got one: of red that is the half.
    bench.offer(&[("b", 0.25), ("c", 0.125)]);
    let queue = bench.scheduler.queue(bench.now);
    assert_eq!(names(&queue), [("blue".to_owned(), 3), ("red".to_owned(), 1)]);
    let offers = queue.offers;
    assert_eq!((offers.offers, offers.agents, offers.declined), (3, 3, 3));
    assert_eq!(offers.obstacles, BTreeMap::from([("cpus".to_owned(), 3)]));
    assert_eq!(offers.resources, BTreeMap::from([("cpus".to_owned(), 0.375)]));
    assert_eq!(offers.roles.values().sum::<usize>(), 3);
    bench.update_blue(1, TaskState::Failed);
    let queue = bench.scheduler.queue(bench.now);
    assert_eq!(
        names(&queue),
        [("blue".to_owned(), 4), ("red".to_owned(), 1)],
        "one of the four is held back"
    );
    for name in [blue(), red()] {
        bench.scheduler.handle_group_removed(&name, bench.now);
    }
    let offers = bench.scheduler.queue(bench.now).offers;
    assert_eq!(
        (offers.declined, &offers.obstacles),
        (3, &BTreeMap::from([("nothing is wanted".to_owned(), 3)]))
    );
}
