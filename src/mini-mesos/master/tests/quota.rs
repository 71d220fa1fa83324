use std::collections::BTreeMap;

use super::world::{World, modern};
use crate::master::quota::{QuotaConfig, QuotaUpdate};
use crate::master::{Answer, OperatorCall};
use crate::resources::Milli;
use crate::state::{Question, answer};
use mesos::wire::resource::Scalar;
use mesos::wire::status::TaskState;

fn limit(world: &mut World, role: &str, limits: &[(&str, f64)]) -> Answer {
    let limits = limits.iter().map(|(name, value)| ((*name).to_owned(), Scalar { value: Some(*value) }));
    let config = QuotaConfig { role: role.to_owned(), guarantees: BTreeMap::new(), limits: limits.collect() };
    let update_quota = QuotaUpdate { force: false, quota_configs: vec![config] };
    world.master.handle_operator_call(OperatorCall::UpdateQuota { update_quota }, world.now)
}

/// What is on offer, in the order of offers.
fn offered(world: &World, name: &str) -> Vec<f64> {
    world.master.offers().map(|offer| offer.resources.quantity(name).to_f64()).collect()
}

#[test]
fn offers_are_cut_to_what_the_role_may_have() {
    let mut world = World::new("cpus:4;mem:1024;ports:[1-2]");
    assert_eq!(limit(&mut world, "a", &[("cpus", 5.0)]), Answer::Done);
    world.subscribe(modern(&["a"]));
    let mut cpus = offered(&world, "cpus");
    cpus.sort_by(f64::total_cmp);
    assert_eq!((cpus, offered(&world, "mem")), (vec![1.0, 4.0], vec![1024.0, 1024.0]));
    world.quietly();
    let full = world.master.offers().find(|offer| offer.resources.quantity("cpus") == Milli(4000));
    let (offer, agent) = full.map(|offer| (offer.id.clone(), offer.agent.clone())).expect("an offer");
    let (offer, agent) = (offer.text().rsplit('-').next(), agent.text().rsplit('-').next());
    let (offer, agent) = (offer.expect("O0").to_owned(), agent.expect("S0").to_owned());
    let task = world.task("t", &agent, "cpus:4;mem:64");
    world.launch(0, &[&offer], vec![task]);
    world.pass(10_000);
    assert_eq!(offered(&world, "cpus").into_iter().sum::<f64>(), 1.0);
    assert_eq!(world.master.consumed("a")["cpus"], Milli(4000));
    // Nothing that is left is enough.
    assert_eq!(limit(&mut world, "a", &[("cpus", 4.0)]), Answer::Done);
    world.pass(10_000);
    assert_eq!(offered(&world, "cpus").into_iter().sum::<f64>(), 0.0);
    assert_eq!(limit(&mut world, "a", &[]), Answer::Done);
    world.pass(10_000);
    assert_eq!(offered(&world, "cpus").into_iter().sum::<f64>(), 4.0);
    world.report(0, "t", TaskState::Finished);
    assert!(!world.master.consumed("a").contains_key("cpus"));
}

#[test]
fn a_limit_holds_for_all_roles_below_and_counts_what_is_reserved() {
    let mut world = World::new("cpus(a/x):1;mem(a/x):100;cpus:4;mem:1024");
    assert_eq!(limit(&mut world, "a", &[("cpus", 5.0), ("mem", 300.0)]), Answer::Done);
    world.subscribe(modern(&["a/x", "a/y"]));
    assert_eq!(offered(&world, "cpus").into_iter().sum::<f64>(), 5.0, "two are reserved");
    assert_eq!(offered(&world, "mem").into_iter().sum::<f64>(), 300.0);
    let told = answer(&Question::Roles, &world.master, world.now);
    let names: Vec<_> = told["roles"].as_array().into_iter().flatten().map(|role| &role["name"]).collect();
    assert_eq!(names, ["a", "a/x", "a/y"]);
    let quota = &told["roles"][0]["quota"];
    assert_eq!(quota["limit"], serde_json::json!({"cpus": 5.0, "mem": 300.0}));
    assert_eq!(quota["consumed"], serde_json::json!({"cpus": 2.0, "mem": 200.0}));
    assert_eq!(told["roles"][0]["offered"]["cpus"], 5.0);
}

#[test]
fn what_is_no_limit_is_refused() {
    let mut world = World::new("cpus:4;mem:1024");
    for (role, cpus) in [("*", 1.0), ("a/", 1.0), ("a", -1.0), ("a", f64::NAN)] {
        let refused = limit(&mut world, role, &[("cpus", cpus)]);
        assert!(
            matches!(&refused, Answer::BadRequest(text) if text.starts_with("Invalid QuotaConfig: ")),
            "{refused:?}"
        );
    }
    assert!(world.master.roles().is_empty());
}
