use super::world::{World, info, modern};
use crate::master::{Answer, StreamId};
use crate::order::{Call, Order};
use mesos::wire::call::{Subscribe, UpdateFramework};
use mesos::wire::framework::{CapabilityType, FrameworkInfo};
use mesos::wire::id::FrameworkId;

fn world() -> World {
    World::new("cpus:4;mem:1024")
}

#[test]
fn what_a_framework_must_not_say_of_itself() {
    let with_role = |role: &str, roles: &[&str], capabilities: &[CapabilityType]| FrameworkInfo {
        role: Some(role.to_owned()),
        ..info(roles, capabilities)
    };
    let multi = [CapabilityType::MultiRole];
    let cases = [
        (
            with_role("a", &["b"], &multi),
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
        ),
        (
            info(&["a"], &[]),
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
        ),
        (info(&["a", "b", "a"], &multi), "'FrameworkInfo.roles' contains duplicate items: { a }"),
        (
            info(&["/a"], &multi),
            "'FrameworkInfo.roles' contains invalid role: Role '/a' cannot start with a slash",
        ),
        (
            with_role("a/", &[], &[]),
            "'FrameworkInfo.role' is not a valid role: Role 'a/' cannot end with a slash",
        ),
        (
            FrameworkInfo { id: Some(FrameworkId::new("a/b")), ..modern(&[]) },
            "'a/b' contains invalid characters",
        ),
        (
            FrameworkInfo { failover_timeout: Some(1e10), ..modern(&[]) },
            "The framework failover_timeout (10000000000) is invalid",
        ),
    ];
    for (info, error) in cases {
        let mut world = world();
        world.subscribe(info);
        assert_eq!(world.said(), [format!("error {error}"), "close".to_owned()]);
    }
    let mut world = world();
    world.subscribe_suppressed(modern(&["a"]), &["a", "z"]);
    let said = world.said();
    assert_eq!(said[0], "error Suppressed roles { z } are not contained in the set of roles");
}

#[test]
fn a_second_subscription_takes_over() {
    let mut world = world();
    world.subscribe(modern(&["a"]));
    world.quietly();
    world.decline(0, "O0", 3600.0);
    let again = FrameworkInfo { id: Some(world.framework_id(0)), ..modern(&["a"]) };
    world.subscribe(again);
    assert_eq!(world.said(), ["error Framework failed over", "close", "subscribed 0000"]);
    // The refusal survives, and what was offered is offered again with the next regular run.
    world.pass(1_000);
    let said = world.said();
    assert!(said.len() == 1 && !said[0].contains('|'), "{said:?}");
}

#[test]
fn who_comes_back_in_time_finds_everything_but_refusals() {
    let mut world = world();
    let stream = world.subscribe(modern(&["a"]));
    world.quietly();
    world.decline(0, "O0", 3600.0);
    world.master.handle_stream_closed(&stream, world.now);
    assert_eq!(world.call(0, Order::Revive(Vec::new())), Answer::Forbidden("Framework is not subscribed"));
    world.pass(9_999);
    let again = FrameworkInfo { id: Some(world.framework_id(0)), ..modern(&["a"]) };
    world.subscribe(again);
    let said = world.said();
    assert!(said[0] == "subscribed 0000" && said[1].contains('|'), "{said:?}");
    world.pass(60_000);
    assert_eq!(world.master.frameworks().count(), 1);
}

#[test]
fn who_does_not_come_back_in_time_is_removed_for_good() {
    let mut world = world();
    let stream = world.subscribe(modern(&["a"]));
    let task = world.task("t", "S0", "cpus:1");
    let offer = world.master.offers().find(|offer| offer.agent == world.agent_id("S0")).expect("an offer");
    let offer = offer.id.text().rsplit('-').next().expect("a number").to_owned();
    world.launch(0, &[&offer], vec![task]);
    world.quietly();
    world.master.handle_stream_closed(&stream, world.now);
    world.pass(10_000);
    assert_eq!(world.said(), ["S0: shut down 0000"]);
    assert_eq!(world.master.check_books(), Ok(()));
    world.subscribe(FrameworkInfo { id: Some(world.framework_id(0)), ..modern(&["a"]) });
    assert_eq!(world.said(), ["error Framework has been removed", "close"]);
}

#[test]
fn an_unknown_id_is_taken_as_it_is() {
    let mut world = world();
    world.subscribe(FrameworkInfo { id: Some(FrameworkId::new("from-another-life")), ..modern(&["a"]) });
    assert_eq!(world.said()[0], "subscribed from-another-life");
}

#[test]
fn calls_need_their_own_stream() {
    let mut world = world();
    let stream = world.subscribe(modern(&["a"])).0;
    let framework = world.framework_id(0);
    let mut call = |framework: &FrameworkId, stream: Option<&str>| {
        let order = Box::new(Order::Revive(Vec::new()));
        let stream = stream.map(str::to_owned);
        let call = Call::Order { framework: framework.clone(), order, stream, principal: None };
        world.master.handle_call(call, world.now)
    };
    let bad = |text: &str| Answer::BadRequest(text.to_owned());
    assert_eq!(call(&FrameworkId::new("x"), Some(&stream)), bad("Framework cannot be found"));
    assert_eq!(
        call(&framework, None),
        bad("All non-subscribe calls should include the 'Mesos-Stream-Id' header")
    );
    let id = framework.text();
    let text = format!(
        "The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID {id}"
    );
    assert_eq!(call(&framework, Some("x")), Answer::BadRequest(text));
    assert_eq!(call(&framework, Some(&stream)), Answer::Accepted);
}

#[test]
fn offers_of_a_role_that_is_left_are_taken_back() {
    let mut world = world();
    world.subscribe_suppressed(modern(&["a", "b"]), &["b"]);
    world.quietly();
    let id = Some(world.framework_id(0));
    let update = |info: FrameworkInfo| {
        Order::UpdateFramework(Box::new(UpdateFramework {
            framework_info: Some(FrameworkInfo { id: id.clone(), ..info }),
            ..UpdateFramework::default()
        }))
    };
    let answer = world.call(0, update(FrameworkInfo { checkpoint: Some(true), ..modern(&["b"]) }));
    let text = "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; \
                attempted to update from 'false' to 'true'";
    assert_eq!(answer, Answer::BadRequest(text.to_owned()));
    assert_eq!(world.call(0, update(modern(&["b"]))), Answer::Done);
    assert_eq!(world.said(), ["rescind O0", "rescind O1"]);
    world.pass(1_000);
    assert!(world.said()[0].contains(" b: "));
}

#[test]
fn heartbeats_come_every_fifteen_seconds() {
    let mut world = world();
    world.subscribe_suppressed(modern(&["a"]), &["a"]);
    let beats = |world: &mut World| {
        let mut count = 0;
        while world.master.next_action().is_some() {
            count += 1;
        }
        count
    };
    assert_eq!(beats(&mut world), 2, "SUBSCRIBED and the first");
    world.pass(14_999);
    assert_eq!(beats(&mut world), 0);
    world.pass(30_001);
    assert_eq!(beats(&mut world), 3);
}

#[test]
fn a_framework_belongs_to_the_principal_it_came_with() {
    let mut world = World::new("cpus:4;mem:1024");
    let subscribe = Box::new(Subscribe { framework_info: Some(modern(&["a"])), ..Subscribe::default() });
    let principal = Some("flink".to_owned());
    let answer = world.master.handle_call(Call::Subscribe { subscribe, principal }, world.now);
    let Answer::Stream(StreamId(stream)) = answer else { panic!("{answer:?}") };
    let framework = world.framework_id(0);
    let mut revive = |principal: &str| {
        let order = Box::new(Order::Revive(Vec::new()));
        let (stream, principal) = (Some(stream.clone()), Some(principal.to_owned()));
        let call = Call::Order { framework: framework.clone(), order, stream, principal };
        world.master.handle_call(call, world.now)
    };
    assert_eq!(revive("flink"), Answer::Accepted);
    let text = "Authenticated principal 'other' does not match principal 'flink' set in `FrameworkInfo`";
    assert_eq!(revive("other"), Answer::BadRequest(text.to_owned()));
}
