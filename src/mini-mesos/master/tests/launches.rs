use std::time::Duration;

use super::world::{World, info, modern};
use crate::order::Order;
use mesos::wire::call::{Kill, ReconcileTask};
use mesos::wire::check::HealthCheck;
use mesos::wire::command::{CommandInfo, KillPolicy};
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::resource::Scalar;
use mesos::wire::status::TaskState;
use mesos::wire::task::TaskInfo;
use mesos::wire::time::DurationInfo;

/// A framework with an offer of each agent: `O0` of `S0`, `O1` of `S1`.
fn world() -> World {
    // The order of agents is random; this seed has the wanted one.
    let seed = (0..).find(|seed| offers_in_order(*seed)).expect("one in two has");
    let mut world = World::seeded("cpus:4;mem:1024;ports:[1-9]", seed);
    world.subscribe(modern(&["a"]));
    world.quietly();
    world
}

fn offers_in_order(seed: u64) -> bool {
    let mut world = World::seeded("cpus:4;mem:1024", seed);
    world.subscribe(modern(&["a"]));
    world.said()[1].starts_with("offers O0 S0")
}

fn seconds(seconds: i64) -> DurationInfo {
    DurationInfo { nanoseconds: Some(seconds * 1_000_000_000) }
}

#[test]
fn a_task_runs_and_gives_back_what_it_had() {
    let mut world = world();
    let task = world.task("t", "S0", "cpus:1;mem:64;ports:[3-4]");
    world.launch(0, &["O0"], vec![task]);
    assert_eq!(world.said(), ["S0: run t for a"]);
    world.pass(1_000);
    assert_eq!(world.said(), ["offers O2 S0 a: ports:[1-2, 5-9]; cpus:3; mem:960"]);
    let running = world.report(0, "t", TaskState::Running);
    world.acknowledge(0, "S0", "t", running);
    let finished = world.report(0, "t", TaskState::Finished);
    world.pass(1_000);
    assert_eq!(
        world.said(),
        [
            "update t TASK_RUNNING",
            "S0: acknowledge t",
            "update t TASK_FINISHED",
            "offers O3 S0 a: ports:[3-4]; cpus:1; mem:64",
        ]
    );
    // It stays known until its end is acknowledged.
    world.call(0, Order::Reconcile(Vec::new()));
    assert_eq!(
        world.said(),
        ["update t TASK_FINISHED REASON_RECONCILIATION Reconciliation: Latest task state"]
    );
    world.acknowledge(0, "S0", "t", finished);
    world.quietly();
    world.call(0, Order::Reconcile(Vec::new()));
    assert!(world.said().is_empty());
}

#[test]
fn tasks_with_malformed_fields_are_refused() {
    expect_refusals(&[
        (|task| TaskInfo { task_id: Some(TaskId::new("a/b")), ..task }, "'a/b' contains invalid characters"),
        (|task| TaskInfo { task_id: Some(TaskId::new("")), ..task }, "ID must not be empty"),
        (
            |task| TaskInfo { agent_id: Some(AgentId::new("x")), ..task },
            "Task uses invalid agent x while agent S0 is expected",
        ),
        (
            |task| TaskInfo { kill_policy: Some(KillPolicy { grace_period: Some(seconds(-1)) }), ..task },
            "Task's 'kill_policy.grace_period' must be non-negative",
        ),
        (
            |task| TaskInfo { max_completion_time: Some(seconds(-1)), ..task },
            "Task's `max_completion_time` must be non-negative",
        ),
        (
            |task| TaskInfo { health_check: Some(HealthCheck::default()), ..task },
            "Task uses invalid health check: HealthCheck must specify 'type'",
        ),
    ]);
}

#[test]
fn tasks_that_ask_for_the_impossible_are_refused() {
    expect_refusals(&[
        (|task| TaskInfo { resources: Vec::new(), ..task }, "Task uses no resources"),
        (
            |task| TaskInfo { command: None, ..task },
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (
            |mut task| {
                task.limits.insert("disk".to_owned(), Scalar { value: Some(1.0) });
                task
            },
            "Only cpus and mem may be included in a task's resource limits",
        ),
        (
            |mut task| {
                task.limits.insert("cpus".to_owned(), Scalar { value: Some(0.5) });
                task
            },
            "The cpu limit must be greater than or equal to the cpu request",
        ),
        (
            |mut task| {
                task.resources[0].scalar = Some(Scalar { value: Some(4.001) });
                task
            },
            "Total resources cpus(allocated: a):4.001; mem(allocated: a):64 required by task and its executor is \
             more than available ports(allocated: a):[1-9]; cpus(allocated: a):4; mem(allocated: a):1024",
        ),
        (
            |mut task| {
                let unset =
                    mesos::wire::command::Variable { name: Some("X".to_owned()), ..Default::default() };
                let environment = mesos::wire::command::Environment { variables: vec![unset] };
                task.command = Some(CommandInfo { environment: Some(environment), ..Default::default() });
                task
            },
            "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'VALUE' must have a value set",
        ),
    ]);
}

type Change = fn(TaskInfo) -> TaskInfo;

/// Changes to a good task, each with the master's answer.
fn expect_refusals(cases: &[(Change, &str)]) {
    for (change, message) in cases {
        let mut world = world();
        let task = change(world.task("t", "S0", "cpus:1;mem:64"));
        let id = task.task_id.as_ref().map(|id| id.text().to_owned()).unwrap_or_default();
        world.launch(0, &["O0"], vec![task]);
        assert_eq!(world.said(), [format!("update {id} TASK_ERROR REASON_TASK_INVALID {message}")]);
        assert_eq!(world.master.check_books(), Ok(()));
    }
}

#[test]
fn tasks_of_one_operation_share_what_is_left_and_malformed_resources() {
    let mut world = world();
    let tasks = ["x", "y"].map(|name| world.task(name, "S0", "cpus:3"));
    world.launch(0, &["O0"], tasks.to_vec());
    let said = world.said();
    assert_eq!(said[0], "S0: run x for a");
    assert!(
        said[1].starts_with("update y TASK_ERROR") && said[1].contains("cpus(allocated: a):1;"),
        "{said:?}"
    );
    let mut tasks = ["v", "w"].map(|name| world.task(name, "S1", "cpus:1"));
    tasks[0].resources[0].scalar = Some(Scalar { value: Some(-1.0) });
    world.launch(0, &["O1"], tasks.to_vec());
    let said = world.said();
    assert!(
        said.len() == 2
            && said.iter().all(|line| line.ends_with("is invalid: Invalid scalar resource: value <= 0"))
    );
}

#[test]
fn bad_offers_drop_the_tasks_and_give_the_good_ones_back() {
    let mut world = world();
    let two_agents = "Aggregated offers must belong to one single agent. Offer O1 uses agent S1 and agent S0";
    for (offers, refusal) in [
        (&["O0", "O1"][..], two_agents),
        (&["O9"], "Offer O9 is no longer valid"),
        (&[], "No offers specified"),
    ] {
        let task = world.task("t", "S0", "cpus:1");
        world.launch(0, offers, vec![task]);
        let message = format!("Task launched with invalid offers: {refusal}");
        assert_eq!(world.said(), [format!("update t TASK_DROPPED REASON_INVALID_OFFERS {message}")]);
    }
    world.pass(1_000);
    assert!(world.said()[0].contains('|'), "both are offered again");
    let task = world.task("t", "S0", "cpus:1");
    world.launch(0, &["O2", "O2"], vec![task]);
    assert!(world.said()[0].ends_with("Duplicate offer O2 in offer list"));
}

#[test]
fn without_partition_awareness_every_loss_is_a_loss() {
    let mut world = World::new("cpus:4;mem:1024");
    world.subscribe(info(&[], &[]));
    world.quietly();
    let task = world.task("t", "S0", "cpus:1");
    world.launch(0, &["O9"], vec![task]);
    assert!(world.said()[0].starts_with("update t TASK_LOST REASON_INVALID_OFFERS"));
    let asked = |agent: Option<AgentId>| ReconcileTask { task_id: Some(TaskId::new("t")), agent_id: agent };
    world.call(0, Order::Reconcile(vec![asked(None), asked(Some(world.agent_id("S0")))]));
    assert_eq!(
        world.said(),
        [
            "update t TASK_LOST REASON_RECONCILIATION Reconciliation: Task is unknown",
            "update t TASK_LOST REASON_RECONCILIATION Reconciliation: Task is unknown to the agent",
        ]
    );
}

#[test]
fn kills_find_the_task_or_are_answered() {
    let mut world = world();
    let task = world.task("t", "S0", "cpus:1");
    world.launch(0, &["O0"], vec![task]);
    world.quietly();
    let kill = |task: &str, agent: Option<AgentId>| Kill {
        task_id: Some(TaskId::new(task)),
        agent_id: agent,
        kill_policy: Some(KillPolicy { grace_period: Some(seconds(7)) }),
    };
    let (right, wrong) = (world.agent_id("S0"), world.agent_id("S1"));
    world.call(0, Order::Kill(kill("t", Some(wrong.clone()))));
    assert!(world.said().is_empty(), "another agent is named");
    world.call(0, Order::Kill(kill("t", Some(right))));
    assert_eq!(world.said(), [format!("S0: kill t {:?}", Some(Duration::from_secs(7)))]);
    world.call(0, Order::Kill(kill("other", None)));
    world.call(0, Order::Kill(kill("other", Some(wrong))));
    assert_eq!(
        world.said(),
        [
            "update other TASK_UNKNOWN REASON_RECONCILIATION Reconciliation: Task is unknown",
            "update other TASK_GONE REASON_RECONCILIATION Reconciliation: Task is unknown to the agent",
        ]
    );
}
