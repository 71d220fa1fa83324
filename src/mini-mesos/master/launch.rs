//! Why a task cannot be launched, in the order and the words of the real master.

mod command;
mod health;

use crate::resources::{Item, Milli, Resources};
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::task::TaskInfo;
use mesos::wire::time::DurationInfo;

use super::framework::Framework;
use super::identifier;

pub(super) struct Circumstances<'a> {
    pub framework: &'a Framework,
    pub agent: &'a AgentId,
    /// What is left of the accepted offers.
    pub available: &'a Resources,
}

type Check = fn(&TaskInfo, &Resources, &Circumstances<'_>) -> Option<String>;

const CHECKS: [Check; 14] = [
    |task, _, _| identifier::refuse(task_id(task)),
    refuse_duplicate,
    refuse_agent,
    refuse_kill_policy,
    refuse_max_completion_time,
    |task, _, _| Some(format!("Task uses invalid check: {}", health::refuse_check(task.check.as_ref()?)?)),
    |task, _, _| {
        Some(format!("Task uses invalid health check: {}", health::refuse(task.health_check.as_ref()?)?))
    },
    |task, resources, _| refuse_resources(task, resources),
    |task, _, _| {
        let wrong = command::refuse(task.command.as_ref()?)?;
        Some(format!("Task's `CommandInfo` is invalid: {wrong}"))
    },
    |task, _, _| {
        let wrong = command::refuse_container(task.container.as_ref()?)?;
        Some(format!("Task's `ContainerInfo` is invalid: {wrong}"))
    },
    |task, resources, _| refuse_limits(task, resources),
    |task, _, _| {
        let text = "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present";
        (task.command.is_some() == task.executor.is_some()).then(|| text.to_owned())
    },
    |task, _, _| {
        let executor = task.executor.as_ref()?;
        executor.command.is_none().then(|| "'ExecutorInfo.command' must be set".to_owned())
    },
    refuse_too_much,
];

/// Whether `task`, whose well-formed resources are `resources`, may start.
pub(super) fn refuse(
    task: &TaskInfo,
    resources: &Resources,
    circumstances: &Circumstances<'_>,
) -> Option<String> {
    CHECKS.iter().find_map(|check| check(task, resources, circumstances))
}

fn task_id(task: &TaskInfo) -> &str {
    task.task_id.as_ref().map(TaskId::text).unwrap_or_default()
}

fn refuse_duplicate(task: &TaskInfo, _: &Resources, circumstances: &Circumstances<'_>) -> Option<String> {
    let id = task.task_id.as_ref()?;
    let framework = circumstances.framework;
    if framework.tasks.contains_key(id) {
        return Some(format!("Task has duplicate ID: {}", id.text()));
    }
    let is_unreachable = framework.unreachable_tasks.contains_key(id);
    is_unreachable.then(|| format!("Task reuses the ID of an unreachable task: {}", id.text()))
}

fn refuse_agent(task: &TaskInfo, _: &Resources, circumstances: &Circumstances<'_>) -> Option<String> {
    let named = task.agent_id.clone().unwrap_or_default();
    let expected = circumstances.agent;
    (named != *expected).then(|| {
        format!("Task uses invalid agent {} while agent {} is expected", named.text(), expected.text())
    })
}

fn is_negative(span: Option<&DurationInfo>) -> bool {
    span.and_then(|span| span.nanoseconds).is_some_and(i64::is_negative)
}

fn refuse_kill_policy(task: &TaskInfo, _: &Resources, _: &Circumstances<'_>) -> Option<String> {
    let grace = task.kill_policy.as_ref()?.grace_period.as_ref();
    is_negative(grace).then(|| "Task's 'kill_policy.grace_period' must be non-negative".to_owned())
}

fn refuse_max_completion_time(task: &TaskInfo, _: &Resources, _: &Circumstances<'_>) -> Option<String> {
    let most = task.max_completion_time.as_ref();
    is_negative(most).then(|| "Task's `max_completion_time` must be non-negative".to_owned())
}

fn refuse_resources(task: &TaskInfo, resources: &Resources) -> Option<String> {
    if task.resources.is_empty() {
        return Some("Task uses no resources".to_owned());
    }
    if resources.quantity("gpus").0 % 1000 != 0 {
        let text = "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer";
        return Some(text.to_owned());
    }
    let mut volumes: Vec<_> = resources.items().iter().filter_map(|item| item.persistence_id()).collect();
    volumes.sort_unstable();
    if let Some(twice) = volumes.windows(2).find(|pair| pair[0] == pair[1]) {
        let id = twice[0];
        return Some(format!("Task uses duplicate persistence ID: Persistence ID '{id}' is not unique"));
    }
    if let [Some(first), Some(second), ..] = resources.allocation_roles().as_slice() {
        return Some(format!(
            "Invalid task resources: The resources have multiple allocation roles \
             ('{first}' and '{second}') but only one allocation role is allowed"
        ));
    }
    let is_mixed = |name: &str| {
        let mut of_name = resources.items().iter().filter(|item| item.name() == name).map(Item::is_revocable);
        of_name.next().is_some_and(|first| of_name.any(|other| other != first))
    };
    let mixed = resources.items().iter().map(Item::name).find(|name| is_mixed(name))?;
    Some(format!(
        "Task mixes revocable and non-revocable resources: \
         Cannot use both revocable and non-revocable '{mixed}' at the same time"
    ))
}

fn refuse_limits(task: &TaskInfo, resources: &Resources) -> Option<String> {
    if task.limits.keys().any(|name| name != "cpus" && name != "mem") {
        return Some("Only cpus and mem may be included in a task's resource limits".to_owned());
    }
    for (name, word, upper) in [("cpus", "cpu", "CPU"), ("mem", "memory", "memory")] {
        let Some(limit) = task.limits.get(name).and_then(|limit| limit.value) else { continue };
        let request = resources.quantity(name);
        if request == Milli(0) {
            return Some(format!(
                "When a {upper} limit is specified, a {upper} request must also be specified"
            ));
        }
        if Milli::from_f64(limit) < request {
            return Some(format!("The {word} limit must be greater than or equal to the {word} request"));
        }
    }
    None
}

fn refuse_too_much(
    task: &TaskInfo,
    resources: &Resources,
    circumstances: &Circumstances<'_>,
) -> Option<String> {
    let executor = task.executor.as_ref().map(|executor| executor.resources.as_slice()).unwrap_or_default();
    let mut total = resources.clone();
    if let (Ok(executor), [Some(role), ..]) =
        (Resources::from_wire(executor), resources.allocation_roles().as_slice())
    {
        total.add_all(&executor.allocated_to(role));
    }
    let available = circumstances.available;
    (!available.contains(&total)).then(|| {
        format!(
            "Total resources {total} required by task and its executor is more than available {available}"
        )
    })
}
