use super::*;
use conf::keys;
use mesos::wire::id::TaskId;

fn update(state: TaskState, reason: Option<Reason>, message: &str) -> StatusUpdate {
    StatusUpdate {
        task_id: TaskId::new("taskmanager-00007"),
        state: Some(state),
        agent_id: None,
        executor_id: None,
        reason,
        source: None,
        message: message.to_owned(),
        uuid: None,
        healthy: None,
        container_ips: Vec::new(),
    }
}

/// What a real master, agent, fetcher and docker say, and the first key that it points to; none where a configuration
/// is not the cause.
const SAID: &[(TaskState, Option<Reason>, &str, Option<&str>)] = &[
    (
        TaskState::Error,
        Some(Reason::TaskUnauthorized),
        "Principal 'flink' no authorized to launch task taskmanager-00007 of framework F-0001 under user 'flink'",
        Some("mesos.resourcemanager.tasks.user"),
    ),
    (TaskState::Error, Some(Reason::TaskInvalid), "Task has duplicate ID: t-dup", None),
    (TaskState::Error, Some(Reason::TaskInvalid), "Task reuses the ID of an unreachable task: t", None),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Total resources cpus(allocated: flink):1000; mem(allocated: flink):64 required by task and its executor is \
         more than available ports(allocated: flink):[31000-31009]; cpus(allocated: flink):4",
        Some("mesos.resourcemanager.tasks.cpus"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer",
        Some("mesos.resourcemanager.tasks.gpus"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Task's 'kill_policy.grace_period' must be non-negative",
        Some("mesos.resourcemanager.tasks.kill-grace"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Parameter in DockerInfo must not be 'name'",
        Some("mesos.resourcemanager.tasks.container.docker.parameters"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Task's `ContainerInfo` is invalid: Invalid volume: Only one of them should be set: 'host_path', 'image' and \
         'source'",
        Some("mesos.resourcemanager.tasks.container.volumes"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo",
        Some("mesos.resourcemanager.tasks.container.type"),
    ),
    (
        TaskState::Error,
        Some(Reason::TaskInvalid),
        "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'VALUE' must have a value set",
        Some("containerized.taskmanager.env."),
    ),
    (
        TaskState::Dropped,
        Some(Reason::ExecutorTerminated),
        "Failed to create executor directory '/var/lib/mesos/slaves/S0/frameworks/F/executors/t/runs/1': Failed to \
         chown directory to '9999': No such user '9999'",
        Some("mesos.resourcemanager.tasks.user"),
    ),
    (
        TaskState::Dropped,
        Some(Reason::InvalidOffers),
        "Task launched with invalid offers: Offer 2f9f3ca8-33ad-4587-a00d-29be447643a4-O29 is no longer valid",
        None,
    ),
    (TaskState::Dropped, Some(Reason::AgentDisconnected), "Agent disconnected", None),
    (
        TaskState::Failed,
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Failed to fetch all URIs for container 'ac16ed93-ab38-4f4a-8ceb-179726a5f5f2': \
         exited with status 1",
        Some("mesos.resourcemanager.tasks.uris"),
    ),
    (
        TaskState::Failed,
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Failed to run 'docker -H unix:///var/run/docker.sock pull flink:9.9': exited \
         with status 1; stderr='Error response from daemon: manifest for flink:9.9 not found: manifest unknown'",
        Some("mesos.resourcemanager.tasks.container.image.name"),
    ),
    (
        TaskState::Failed,
        Some(Reason::ContainerLaunchFailed),
        "None of the enabled containerizers (mesos) could create a container for the provided TaskInfo/ExecutorInfo \
         message",
        Some("mesos.resourcemanager.tasks.container.type"),
    ),
    (
        TaskState::Failed,
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Port [8081] not included in resources",
        Some("mesos.resourcemanager.tasks.container.network"),
    ),
    (
        TaskState::Failed,
        Some(Reason::ContainerLaunchFailed),
        "Failed to launch container: Failed to run docker: invalid mount config for type \"bind\": bind source path \
         does not exist: /data",
        Some("mesos.resourcemanager.tasks.container.volumes"),
    ),
    (TaskState::Failed, None, "Command exited with status 127", Some("mesos.resourcemanager.tasks.delivery")),
    (TaskState::Failed, None, "Command exited with status 1", None),
    (TaskState::Failed, None, "Command terminated with signal Killed", None),
    (
        TaskState::Failed,
        Some(Reason::ContainerLimitationDisk),
        "Disk usage (2048MB) exceeds quota (1024MB)",
        Some("mesos.resourcemanager.tasks.disk"),
    ),
    (
        TaskState::Failed,
        Some(Reason::ContainerLimitationMemory),
        "Memory limit exceeded: Requested: 512MB Maximum Used: 512MB",
        None,
    ),
];

#[test]
fn what_mesos_says_points_to_the_keys_that_cause_it() {
    for (state, reason, message, key) in SAID {
        let found = fault(&update(*state, *reason, message), *state);
        assert_eq!(found.map(|fault| fault.keys[0]), *key, "{message}");
        let is_certain = found.is_some_and(|fault| fault.is_certain);
        assert_eq!(is_certain, *state == TaskState::Error && key.is_some(), "{message}");
    }
}

#[test]
fn every_key_that_is_named_exists() {
    let known = |name: &&str| {
        name.ends_with('.')
            || name.starts_with("taskmanager.")
            || name.starts_with("jobmanager.")
            || keys::KEYS.iter().any(|key| key.name == *name)
    };
    for row in FAULTS {
        let unknown: Vec<_> = row.fault.keys.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

#[test]
fn failures_that_differ_in_names_alone_are_of_one_kind() {
    let kind = |message: &str, host: &str| {
        Symptom::of(
            &update(TaskState::Failed, None, message),
            TaskState::Failed,
            &["taskmanager-00007", host],
        )
    };
    let fetch =
        |id: &str, host: &str| kind(&format!("failed to fetch http://{host}:8081/{id} on {host}"), host);
    assert_eq!(
        fetch("ac16ed93-ab38-4f4a-8ceb-179726a5f5f2", "alpha"),
        fetch("13c63fff-2b23-4b18-8d17-8970c07c9b4f", "beta")
    );
    assert_ne!(kind("Command exited with status 1", "a"), kind("Command exited with status 78", "a"));
    let memory = |amount: u32| kind(&format!("Memory limit exceeded: Requested: {amount}MB"), "a");
    assert_eq!(memory(1024), memory(2048));
    let refused = Symptom::of(&update(TaskState::Error, None, "x"), TaskState::Error, &[]);
    assert_ne!(refused, kind("x", "a"));
}
