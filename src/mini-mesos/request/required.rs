//! The fields that Mesos declares `required`, without which its master does not even look at a call.

use mesos::wire::call::{Accept, Call};
use mesos::wire::command::{CommandInfo, KillPolicy};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::label::Labels;
use mesos::wire::resource::Resource;
use mesos::wire::task::{ExecutorInfo, TaskInfo};

/// Their paths, in no particular order of importance.
pub fn missing(call: &Call) -> Vec<String> {
    let mut walk = Walk::default();
    walk.optional_id("framework_id", call.framework_id.as_ref().map(|id| &id.value));
    if let Some(subscribe) = &call.subscribe {
        walk.framework_info("subscribe.framework_info", subscribe.framework_info.as_ref());
    }
    if let Some(update) = &call.update_framework {
        walk.framework_info("update_framework.framework_info", update.framework_info.as_ref());
    }
    if let Some(accept) = &call.accept {
        walk.accept(accept);
    }
    if let Some(decline) = &call.decline {
        for id in &decline.offer_ids {
            walk.require("decline.offer_ids.value", id.value.is_some());
        }
    }
    walk.tasks_named_in(call);
    walk.missing
}

#[derive(Default)]
struct Walk {
    missing: Vec<String>,
}

impl Walk {
    fn require(&mut self, path: &str, is_present: bool) {
        if !is_present {
            self.missing.push(path.to_owned());
        }
    }

    /// An id that must be there, text included.
    fn id(&mut self, path: &str, id: Option<&Option<String>>) {
        self.require(path, id.is_some());
        self.optional_id(path, id);
    }

    fn optional_id(&mut self, path: &str, id: Option<&Option<String>>) {
        if let Some(value) = id {
            self.require(&format!("{path}.value"), value.is_some());
        }
    }

    fn tasks_named_in(&mut self, call: &Call) {
        if let Some(kill) = &call.kill {
            self.id("kill.task_id", kill.task_id.as_ref().map(|id| &id.value));
            self.optional_id("kill.agent_id", kill.agent_id.as_ref().map(|id| &id.value));
            self.kill_policy("kill.kill_policy", kill.kill_policy.as_ref());
        }
        if let Some(shutdown) = &call.shutdown {
            self.id("shutdown.executor_id", shutdown.executor_id.as_ref().map(|id| &id.value));
            self.id("shutdown.agent_id", shutdown.agent_id.as_ref().map(|id| &id.value));
        }
        if let Some(acknowledge) = &call.acknowledge {
            self.id("acknowledge.agent_id", acknowledge.agent_id.as_ref().map(|id| &id.value));
            self.id("acknowledge.task_id", acknowledge.task_id.as_ref().map(|id| &id.value));
            self.require("acknowledge.uuid", acknowledge.uuid.is_some());
        }
        for task in call.reconcile.iter().flat_map(|reconcile| &reconcile.tasks) {
            self.id("reconcile.tasks.task_id", task.task_id.as_ref().map(|id| &id.value));
            self.optional_id("reconcile.tasks.agent_id", task.agent_id.as_ref().map(|id| &id.value));
        }
        if let Some(message) = &call.message {
            self.id("message.agent_id", message.agent_id.as_ref().map(|id| &id.value));
            self.id("message.executor_id", message.executor_id.as_ref().map(|id| &id.value));
            self.require("message.data", message.data.is_some());
        }
    }

    fn framework_info(&mut self, path: &str, info: Option<&FrameworkInfo>) {
        self.require(path, info.is_some());
        let Some(info) = info else { return };
        self.require(&format!("{path}.user"), info.user.is_some());
        self.require(&format!("{path}.name"), info.name.is_some());
        self.optional_id(&format!("{path}.id"), info.id.as_ref().map(|id| &id.value));
        self.labels(&format!("{path}.labels"), info.labels.as_ref());
    }

    fn accept(&mut self, accept: &Accept) {
        for id in &accept.offer_ids {
            self.require("accept.offer_ids.value", id.value.is_some());
        }
        for operation in &accept.operations {
            for task in operation.launch.iter().flat_map(|launch| &launch.task_infos) {
                self.task("accept.operations.launch.task_infos", task);
            }
            if let Some(group) = &operation.launch_group {
                let path = "accept.operations.launch_group";
                self.require(&format!("{path}.executor"), group.executor.is_some());
                self.require(&format!("{path}.task_group"), group.task_group.is_some());
                for task in group.task_group.iter().flat_map(|group| &group.tasks) {
                    self.task(&format!("{path}.task_group.tasks"), task);
                }
            }
        }
    }

    fn task(&mut self, path: &str, task: &TaskInfo) {
        self.require(&format!("{path}.name"), task.name.is_some());
        self.id(&format!("{path}.task_id"), task.task_id.as_ref().map(|id| &id.value));
        self.id(&format!("{path}.agent_id"), task.agent_id.as_ref().map(|id| &id.value));
        self.resources(&format!("{path}.resources"), &task.resources);
        self.command(&format!("{path}.command"), task.command.as_ref());
        self.kill_policy(&format!("{path}.kill_policy"), task.kill_policy.as_ref());
        self.labels(&format!("{path}.labels"), task.labels.as_ref());
        if let Some(executor) = &task.executor {
            self.executor(&format!("{path}.executor"), executor);
        }
        if let Some(container) = &task.container {
            self.require(&format!("{path}.container.type"), container.r#type.is_some());
        }
    }

    fn executor(&mut self, path: &str, executor: &ExecutorInfo) {
        self.id(&format!("{path}.executor_id"), executor.executor_id.as_ref().map(|id| &id.value));
        self.resources(&format!("{path}.resources"), &executor.resources);
        self.command(&format!("{path}.command"), executor.command.as_ref());
    }

    fn resources(&mut self, path: &str, resources: &[Resource]) {
        for resource in resources {
            self.require(&format!("{path}.name"), resource.name.is_some());
            self.require(&format!("{path}.type"), resource.r#type.is_some());
            if let Some(scalar) = &resource.scalar {
                self.require(&format!("{path}.scalar.value"), scalar.value.is_some());
            }
            for range in resource.ranges.iter().flat_map(|ranges| &ranges.range) {
                self.require(&format!("{path}.ranges.range.begin"), range.begin.is_some());
                self.require(&format!("{path}.ranges.range.end"), range.end.is_some());
            }
        }
    }

    fn command(&mut self, path: &str, command: Option<&CommandInfo>) {
        let Some(command) = command else { return };
        for uri in &command.uris {
            self.require(&format!("{path}.uris.value"), uri.value.is_some());
        }
        for variable in command.environment.iter().flat_map(|environment| &environment.variables) {
            self.require(&format!("{path}.environment.variables.name"), variable.name.is_some());
        }
    }

    fn kill_policy(&mut self, path: &str, policy: Option<&KillPolicy>) {
        if let Some(grace) = policy.and_then(|policy| policy.grace_period.as_ref()) {
            self.require(&format!("{path}.grace_period.nanoseconds"), grace.nanoseconds.is_some());
        }
    }

    fn labels(&mut self, path: &str, labels: Option<&Labels>) {
        for label in labels.iter().flat_map(|labels| &labels.labels) {
            self.require(&format!("{path}.labels.key"), label.key.is_some());
        }
    }
}
