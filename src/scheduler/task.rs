//! The `TaskInfo` of a TaskManager.

use std::time::Duration;

use crate::mesos::wire::command::{CommandInfo, Environment, KillPolicy, Variable, VariableType};
use crate::mesos::wire::id::{AgentId, TaskId};
use crate::mesos::wire::label::Labels;
use crate::mesos::wire::task::TaskInfo;
use crate::mesos::wire::time::DurationInfo;

use super::resources::Share;
use super::spec::Spec;

/// Stands for the task id in `mesos.resourcemanager.tasks.hostname`.
const TASK_ID_MARK: &str = "_TASK_";

/// One name serves Mesos, Flink and our status: the task id is the TaskManager's resource id.
pub fn info(spec: &Spec, id: &str, agent_id: &str, hostname: &str, share: Share, token: String) -> TaskInfo {
    let template = &spec.template;
    let host = template
        .host_pattern
        .as_ref()
        .map_or_else(|| hostname.to_owned(), |pattern| pattern.replace(TASK_ID_MARK, id));
    let own = [("taskmanager.resource-id", id.to_owned()), ("taskmanager.host", host)];
    let ports =
        template.port_keys.iter().zip(&share.ports).map(|(key, port)| (key.as_str(), port.to_string()));
    let mut arguments = template.arguments.clone();
    for (key, value) in own.into_iter().chain(ports) {
        arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
    }

    let mut environment = template.environment.clone();
    environment.push((template.token_variable.clone(), token));
    let variables = environment.into_iter().map(|(name, value)| Variable {
        name: Some(name),
        value: Some(value),
        r#type: Some(VariableType::Value as i32),
        secret: None,
    });
    let command = CommandInfo {
        value: Some(template.program.clone()),
        shell: Some(false),
        arguments,
        environment: Some(Environment { variables: variables.collect() }),
        user: template.user.clone(),
        ..CommandInfo::default()
    };
    let labels = (!template.labels.is_empty()).then(|| Labels { labels: template.labels.clone() });
    TaskInfo {
        name: Some(id.to_owned()),
        task_id: Some(TaskId::new(id)),
        agent_id: Some(AgentId::new(agent_id)),
        resources: share.resources,
        command: Some(command),
        container: template.container.clone(),
        kill_policy: Some(kill_policy(spec.kill_grace)),
        labels,
        ..TaskInfo::default()
    }
}

/// Without one the command executor leaves 3 s, less than Flink's own 5 s for its shutdown hooks.
fn kill_policy(grace: Duration) -> KillPolicy {
    let nanoseconds = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
    KillPolicy { grace_period: Some(DurationInfo { nanoseconds: Some(nanoseconds) }) }
}
