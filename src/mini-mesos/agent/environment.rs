//! The environment of a command task. Nothing of the agent's own gets into it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::master::AgentDescription;
use crate::message::Run;
use mesos::wire::id::TaskId;

use super::Settings;

const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Sorted by name.
pub fn of(run: &Run, sandbox: &Path, settings: &Settings) -> Vec<(String, String)> {
    let Settings { id, description, .. } = settings;
    let AgentDescription { ip, port, .. } = description;
    let checkpoint = run.info.checkpoint.unwrap_or_default();
    let task = run.task.task_id.as_ref().map(TaskId::text).unwrap_or_default();
    let sandbox = sandbox.to_string_lossy();
    let grace_s = settings.timing.shutdown_grace.as_secs();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    set("LIBPROCESS_IP", ip);
    set("LIBPROCESS_PORT", "0");
    set("MESOS_AGENT_ENDPOINT", &format!("{ip}:{port}"));
    set("MESOS_CHECKPOINT", if checkpoint { "1" } else { "0" });
    set("MESOS_DIRECTORY", &sandbox);
    set("MESOS_EXECUTOR_ID", task);
    set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", &format!("{grace_s}secs"));
    set("MESOS_FRAMEWORK_ID", run.framework.text());
    set("MESOS_HTTP_COMMAND_EXECUTOR", "0");
    set("MESOS_SANDBOX", &sandbox);
    set("MESOS_SLAVE_ID", id.text());
    set("MESOS_SLAVE_PID", &description.pid());
    if checkpoint {
        set("MESOS_RECOVERY_TIMEOUT", "15mins");
        set("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs");
    }
    let own = run.task.command.iter().filter_map(|command| command.environment.as_ref());
    for variable in own.flat_map(|environment| &environment.variables) {
        let name = variable.name.as_deref().unwrap_or_default();
        set(name, variable.value.as_deref().unwrap_or_default());
    }
    set("MESOS_ALLOCATION_ROLE", &run.role);
    variables.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    variables.into_iter().collect()
}
