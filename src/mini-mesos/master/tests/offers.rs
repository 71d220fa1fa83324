use super::world::{MODERN, World, info, modern};
use crate::master::maintenance::{MachineId, Window};
use crate::order::{InverseAnswer, Order};
use mesos::wire::framework::CapabilityType;
use mesos::wire::id::OperationId;
use mesos::wire::operation::{Operation, OperationType, Reserve, Unreserve};
use mesos::wire::resource::{ReservationInfo, ReservationType, Resource, Scalar, ValueType};
use mesos::wire::status::TaskState;

const BOTH: &str = "offers O0 S0 a: cpus:4; mem:1024 | O1 S1 a: cpus:4; mem:1024";

/// One framework in role `a` that declined both first offers for these seconds.
fn declined(seconds: f64) -> World {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    let said = world.said();
    assert!(said[0] == "subscribed 0000" && said[1].starts_with("offers"), "{said:?}");
    for offer in ["O0", "O1"] {
        world.decline(0, offer, seconds);
    }
    assert!(world.said().is_empty());
    world
}

/// When the next offers came, in milliseconds.
fn next_offers_after(world: &mut World, most_ms: u64) -> Option<u64> {
    let start = world.now;
    while world.now.since(start).as_millis() < u128::from(most_ms) {
        world.pass(100);
        if world.said().iter().any(|line| line.starts_with("offers")) {
            return u64::try_from(world.now.since(start).as_millis()).ok();
        }
    }
    None
}

#[test]
fn offers_come_at_once_and_only_once() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    let mut said = world.said();
    said[1] = said[1].replace("O1 S0", "O0 S0").replace("O0 S1", "O1 S1");
    assert_eq!(said, ["subscribed 0000", BOTH]);
    world.pass(5_000);
    assert!(world.said().is_empty());
}

#[test]
fn a_refusal_lasts_as_long_as_it_says() {
    for (seconds, expected_ms) in [(0.0, 1_000), (0.2, 1_000), (2.5, 3_000), (-1.0, 5_000)] {
        assert_eq!(next_offers_after(&mut declined(seconds), 20_000), Some(expected_ms), "{seconds}");
    }
    assert_eq!(next_offers_after(&mut declined(1e12), 60_000), None);
}

#[test]
fn revive_ends_refusals_and_suppression_at_once() {
    let mut world = declined(3600.0);
    world.call(0, Order::Suppress(Vec::new()));
    world.call(0, Order::Revive(vec!["b".to_owned()]));
    assert!(world.said().is_empty(), "a role that is not the framework's voids the call");
    world.call(0, Order::Revive(Vec::new()));
    assert_eq!(world.said().len(), 1);
}

#[test]
fn suppression_keeps_offers_away_but_not_those_that_are_out() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    world.quietly();
    world.call(0, Order::Suppress(vec!["a".to_owned()]));
    world.decline(0, "O0", 0.0);
    assert_eq!(next_offers_after(&mut world, 10_000), None);
    let task = world.master.offers().next().expect("O1 is still good").agent.text().to_owned();
    assert!(task.ends_with("S0") || task.ends_with("S1"));
}

#[test]
fn more_than_was_refused_is_offered() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    world.quietly();
    let agent =
        if world.master.offers().next().expect("O0").agent == world.agent_id("S0") { "S0" } else { "S1" };
    let task = world.task("t", agent, "cpus:1;mem:64");
    world.launch(0, &["O0"], vec![task]);
    world.pass(1_000);
    world.quietly();
    // Three quarters of the agent are refused for an hour; when the task ends there is more.
    world.decline(0, "O2", 3600.0);
    world.pass(10_000);
    assert!(!world.said().iter().any(|line| line.starts_with("offers")));
    world.report(0, "t", TaskState::Finished);
    world.pass(1_000);
    let offers = world.said().pop().expect("an offer");
    assert!(offers.contains("cpus:4; mem:1024"), "{offers}");
}

#[test]
fn each_role_gets_what_is_reserved_for_it() {
    let mut world = World::new("cpus(a):1;mem(a):100;cpus(b):2;mem(b):200;cpus:4;mem:400");
    world.subscribe_suppressed(modern(&["a/x", "b"]), &["b"]);
    let said = world.said();
    assert!(
        said[1]
            .contains("a/x: cpus(reservations: [(STATIC,a)]):1; mem(reservations: [(STATIC,a)]):100; cpus:4")
    );
    assert!(!said[1].contains("(STATIC,b)"), "{said:?}");
    world.call(0, Order::Revive(vec!["b".to_owned()]));
    let said = world.said();
    assert!(said[0].contains("b: cpus(reservations: [(STATIC,b)]):2; mem(reservations: [(STATIC,b)]):200 |"));
}

#[test]
fn the_less_served_is_served_first() {
    let mut world = World::new("cpus:4;mem:1024");
    for _ in 0..2 {
        world.subscribe_suppressed(modern(&["a"]), &["a"]);
    }
    world.quietly();
    world.call(0, Order::Revive(Vec::new()));
    for offer in ["O0", "O1"] {
        world.decline(0, offer, 3600.0);
    }
    // The second has nothing yet: both agents go to it, for the first refuses.
    world.call(1, Order::Revive(Vec::new()));
    let holders =
        |world: &World| world.master.offers().map(|offer| offer.framework.clone()).collect::<Vec<_>>();
    assert_eq!(holders(&world), [world.framework_id(1), world.framework_id(1)]);
    for offer in ["O2", "O3"] {
        world.decline(1, offer, 0.0);
    }
    world.call(0, Order::Revive(Vec::new()));
    let mut both = holders(&world);
    both.sort();
    assert_eq!(both, [world.framework_id(0), world.framework_id(1)], "one agent for each");
}

#[test]
fn gpus_are_for_those_who_ask_for_them() {
    let mut world = World::new("cpus:4;mem:1024;gpus:1");
    world.subscribe(modern(&["a"]));
    assert_eq!(world.said(), ["subscribed 0000"]);
    let mut capabilities = MODERN.to_vec();
    capabilities.push(CapabilityType::GpuResources);
    world.subscribe(info(&["a"], &capabilities));
    assert_eq!(world.said().len(), 2);
}

#[test]
fn too_little_is_not_offered() {
    for (resources, offered) in
        [("cpus:0.009;mem:31", false), ("cpus:0.01;mem:1", true), ("mem:32", true), ("disk:9", false)]
    {
        let mut world = World::new(resources);
        world.subscribe(modern(&["a"]));
        assert_eq!(world.said().len() == 2, offered, "{resources}");
    }
}

#[test]
fn a_reservation_changes_the_agent_and_its_results_are_not_filtered() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    world.quietly();
    let reservation = ReservationInfo {
        role: Some("a".to_owned()),
        r#type: Some(ReservationType::Dynamic as i32),
        ..ReservationInfo::default()
    };
    let wanted = |role: &str| Resource {
        name: Some("cpus".to_owned()),
        r#type: Some(ValueType::Scalar as i32),
        scalar: Some(Scalar { value: Some(1.0) }),
        reservations: vec![ReservationInfo { role: Some(role.to_owned()), ..reservation.clone() }],
        ..Resource::default()
    };
    let reserve = |role: &str| Operation {
        id: Some(OperationId { value: Some("op".to_owned()) }),
        r#type: Some(OperationType::Reserve as i32),
        reserve: Some(Reserve { resources: vec![wanted(role)], ..Reserve::default() }),
        ..Operation::default()
    };
    world.operate("O0", vec![reserve("b"), reserve("a")]);
    let said = world.said();
    assert_eq!(said[0], "operation OPERATION_ERROR Invalid reservation: role 'b' is not the offer's 'a'");
    assert!(
        said[1].ends_with(": resources cpus:3; mem:1024; cpus(reservations: [(DYNAMIC,a)]):1"),
        "{said:?}"
    );
    assert_eq!(said[2], "operation OPERATION_FINISHED");
    assert_eq!(world.master.check_books(), Ok(()));

    world.pass(1000);
    // What was there before is filtered, what was made is not.
    assert_eq!(world.said().len(), 1);
    let unreserve = Operation {
        r#type: Some(OperationType::Unreserve as i32),
        unreserve: Some(Unreserve { resources: vec![wanted("a")] }),
        ..Operation::default()
    };
    world.operate("O2", vec![unreserve]);
    let said = world.said();
    assert!(said[0].ends_with(": resources cpus:4; mem:1024"), "{said:?}");
    assert_eq!(world.master.check_books(), Ok(()));
}

#[test]
fn an_offer_that_nobody_answers_is_taken_back_when_its_time_is_over() {
    let mut world = World::new("cpus:4;mem:1024");
    world.master.settings.timing.offer_timeout = Some(std::time::Duration::from_secs(7));
    world.subscribe(modern(&["a"]));
    world.quietly();
    world.pass(6_900);
    assert!(world.said().is_empty());
    world.pass(100);
    let said = world.said();
    assert!(said.contains(&"rescind O0".to_owned()) && said.contains(&"rescind O1".to_owned()), "{said:?}");
    assert_eq!(world.master.check_books(), Ok(()));
}

#[test]
fn inverse_offers_of_several_agents_in_one_call_are_a_mistake_and_are_taken() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(modern(&["a"]));
    let machine = MachineId { hostname: Some("localhost".to_owned()), ip: None };
    let window = Window { machine_ids: vec![machine], ..Window::default() };
    world.master.update_schedule(vec![window], world.now);
    let offers: Vec<_> = world.master.inverse_offers.keys().cloned().collect();
    assert_eq!(offers.len(), 2, "one for each agent");
    let framework = world.master.inverse_offers[&offers[0]].framework.clone();
    let mistake = |world: &World, is_accepted, offers: &[_]| {
        let answer = InverseAnswer { is_accepted, offers: offers.to_vec(), filters: None };
        world.master.mistake_in_inverse_offers(&framework, &answer)
    };
    let told = mistake(&world, true, &offers).expect("a mistake");
    assert!(told.starts_with("Aggregated offers must belong to one single agent. Offer "), "{told}");
    assert_eq!(mistake(&world, true, &offers[..1]), None);
    assert_eq!(mistake(&world, false, &offers), None, "declined together they may be");
    assert_eq!(mistake(&world, true, &[]).as_deref(), Some("No inverse offers specified"));
    let answer = InverseAnswer { is_accepted: true, offers, filters: None };
    world.master.answer_inverse_offers(&framework, &answer, world.now);
    assert!(world.master.inverse_offers.is_empty(), "as the real one does");
}
