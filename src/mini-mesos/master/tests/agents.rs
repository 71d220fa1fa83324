//! Agents that leave and come back, as their frameworks hear of it.

use std::time::Duration;

use super::world::{World, info, modern};
use crate::ids::Ids;
use crate::master::{OperatorCall, Registry};
use crate::message::{FromAgent, Registration, Reported};
use crate::order::{Call, Order};
use mesos::wire::call::ReconcileTask;
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::status::TaskState;

/// Task `t` runs on `S0`, which answers no pings any more; `S1` has been told to go.
fn world(info: FrameworkInfo) -> World {
    let mut world = World::new("cpus:4;mem:1024");
    world.master.settings.timing.agent_ping = Duration::from_secs(15);
    world.master.next_ping = world.now + Duration::from_secs(15);
    let id = world.agent_id("S1");
    world.master.handle_agent_event(&id, FromAgent::Unregistering, world.now);
    world.subscribe(info);
    let task = world.task("t", "S0", "cpus:1;mem:64");
    world.launch(0, &["O0"], vec![task]);
    world.report(0, "t", TaskState::Running);
    world.quietly();
    world
}

/// What `S0` says of itself when it registers with `t` running.
fn registration(world: &World) -> Registration {
    let framework = world.master.frameworks().next().expect("a framework");
    let task = framework.tasks.get(&TaskId::new("t")).or(framework.unreachable_tasks.get(&TaskId::new("t")));
    let run = task.expect("the task").run(framework);
    let agent = world.agent_id("S0");
    let description = world.master.agents().next().expect("an agent").description.clone();
    let reported = Reported { run, latest: TaskState::Running, status: None };
    Registration { id: agent, description, tasks: vec![reported] }
}

fn without_pings(said: Vec<String>) -> Vec<String> {
    let is_news = |line: &String| !line.contains("ping") && !line.starts_with("offers");
    said.into_iter().filter(is_news).collect()
}

#[test]
fn a_silent_agent_is_unreachable_and_comes_back_with_its_tasks() {
    let mut world = world(modern(&["a"]));
    let registration = registration(&world);
    world.pass(89_000);
    assert!(without_pings(world.said()).is_empty());
    world.pass(1_000);
    let said = without_pings(world.said());
    assert_eq!(said[0], "update t TASK_UNREACHABLE REASON_AGENT_REMOVED health check timed out");
    assert_eq!(said.last().map(String::as_str), Some("failure S0"));
    let asked = ReconcileTask { task_id: Some(TaskId::new("t")), agent_id: Some(world.agent_id("S0")) };
    world.call(0, Order::Reconcile(vec![asked]));
    let text = "update t TASK_UNREACHABLE REASON_RECONCILIATION Reconciliation: Task is unreachable";
    assert_eq!(without_pings(world.said()), [text]);

    let id = world.agent_id("S0");
    world.master.handle_agent_event(&id, FromAgent::Registering(Box::new(registration)), world.now);
    let text = "update t TASK_RUNNING REASON_AGENT_REREGISTERED Unreachable agent re-reregistered";
    assert_eq!(without_pings(world.said()), [text, "S0: registered, 0 missing"]);
    assert_eq!(world.master.check_books(), Ok(()));
}

#[test]
fn an_agent_that_forgot_a_task_is_told_so() {
    let mut world = world(modern(&["a"]));
    let forgetful = Registration { tasks: Vec::new(), ..registration(&world) };
    let id = world.agent_id("S0");
    world.master.handle_agent_event(&id, FromAgent::Registering(Box::new(forgetful)), world.now);
    assert_eq!(without_pings(world.said()), ["S0: registered, 1 missing"]);
}

#[test]
fn without_a_checkpoint_a_broken_connection_loses_the_tasks() {
    let mut world = world(modern(&["a"]));
    let id = world.agent_id("S0");
    world.master.handle_agent_disconnected(&id, world.now);
    let said = without_pings(world.said());
    assert_eq!(said[0], "update t TASK_LOST REASON_AGENT_DISCONNECTED Agent localhost disconnected");

    let mut world = self::world(FrameworkInfo { checkpoint: Some(true), ..modern(&["a"]) });
    world.master.handle_agent_disconnected(&id_of(&world), world.now);
    assert!(without_pings(world.said()).iter().all(|line| line.starts_with("rescind")));
}

fn id_of(world: &World) -> AgentId {
    world.agent_id("S0")
}

#[test]
fn a_gone_agent_stays_away() {
    for (capable, update) in [
        (true, "update t TASK_GONE_BY_OPERATOR REASON_AGENT_REMOVED_BY_OPERATOR Agent has been marked gone"),
        (false, "update t TASK_LOST REASON_AGENT_REMOVED Agent has been marked gone"),
    ] {
        let framework = if capable { modern(&["a"]) } else { info(&[], &[]) };
        let mut world = world(framework);
        let registration = registration(&world);
        let id = id_of(&world);
        let call = format!(
            r#"{{"type":"MARK_AGENT_GONE","mark_agent_gone":{{"agent_id":{{"value":"{}"}}}}}}"#,
            id.text()
        );
        let call: OperatorCall = serde_json::from_str(&call).expect("a call");
        world.master.handle_operator_call(call, world.now);
        let said = without_pings(world.said());
        assert_eq!(said[..2], ["S0: dismiss".to_owned(), update.to_owned()]);
        world.master.handle_agent_event(&id, FromAgent::Registering(Box::new(registration)), world.now);
        assert_eq!(without_pings(world.said()), ["S0: dismiss"]);
    }
}

#[test]
fn a_new_master_keeps_silent_about_agents_that_may_still_come() {
    let mut world = world(modern(&["a"]));
    let (framework, agent, registration) = (world.framework_id(0), id_of(&world), registration(&world));
    world.master = world.master.successor(Registry::Kept, Ids::seeded(7), world.now);
    world.subscribe(FrameworkInfo { id: Some(framework.clone()), ..modern(&["a"]) });
    world.quietly();
    let stream = world.master.frameworks().next().and_then(|f| f.stream()).map(|stream| stream.0.clone());
    let reconcile = |world: &mut World| {
        let asked = ReconcileTask { task_id: Some(TaskId::new("t")), agent_id: Some(agent.clone()) };
        let order = Box::new(Order::Reconcile(vec![asked]));
        let (framework, stream) = (framework.clone(), stream.clone());
        let call = Call::Order { framework, order, stream, principal: None };
        world.master.handle_call(call, world.now);
        without_pings(world.said())
    };
    assert!(reconcile(&mut world).is_empty());
    world.master.handle_agent_event(&agent, FromAgent::Registering(Box::new(registration)), world.now);
    let text = "update t TASK_RUNNING REASON_AGENT_REREGISTERED Unknown agent reregistered";
    assert_eq!(without_pings(world.said())[0], text);
    assert_eq!(
        reconcile(&mut world),
        ["update t TASK_RUNNING REASON_RECONCILIATION Reconciliation: Latest task state"]
    );
    assert_eq!(world.master.check_books(), Ok(()));
}

#[test]
fn an_agent_that_missed_the_end_of_a_framework_hears_of_it_when_it_registers() {
    let mut world = world(modern(&["a"]));
    let registration = registration(&world);
    world.call(0, Order::Teardown);
    world.quietly();
    let id = id_of(&world);
    world.master.handle_agent_event(&id, FromAgent::Registering(Box::new(registration)), world.now);
    let said = without_pings(world.said());
    assert!(said.iter().any(|line| line.starts_with("S0: shut down")), "{said:?}");
}
