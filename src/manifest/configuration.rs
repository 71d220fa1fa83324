//! The configuration of Flink that an AppMaster gets: what the specification says in it, and what its other fields mean in keys.

use std::collections::BTreeMap;

use conf::keys::{self, flink};
use conf::list_text;
use conf::retired::{self, JOB_MANAGER, TASK_MANAGER};
use conf::size::MemorySize;

use super::owned;
use super::quantity::Memory;
use super::specification::{Constraints, Containerizer, Job, PullPolicy, Specification, Volume, VolumeMode};

pub const CONFIGURATION: &str = "spec.flinkConfiguration";

const JOB_MANAGER_MEMORY: &str = "jobmanager.memory.process.size";
const PARALLELISM: &str = "parallelism.default";
const JOB_NAME: &str = "pipeline.name";

/// A key with its value and the field it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    pub value: String,
    /// `None`: it stands in `flinkConfiguration` under its own name.
    pub field: Option<String>,
}

/// What the fields make of the configuration.
#[derive(Debug, Default)]
pub struct Composed {
    pub values: BTreeMap<String, Effective>,
    /// A field and a key that say different things: the field, and why that is refused.
    pub conflicts: Vec<(String, String)>,
    /// As `conflicts`, where one goes before the other.
    pub overruled: Vec<(String, String)>,
}

impl Specification {
    /// All keys of the AppMaster of the cluster `name`, but for what only the dispatcher knows: the master, the identity of the
    /// framework, ports, high availability and the cluster's id. `conf::settings` reads it once these are there.
    pub fn configuration(&self, name: &str) -> BTreeMap<String, String> {
        self.compose(name).values.into_iter().map(|(key, effective)| (key, effective.value)).collect()
    }

    /// As many as are to be kept at first. `None` when nothing says so.
    pub fn task_managers(&self) -> Option<u32> {
        if self.task_manager.replicas.is_some() {
            return self.task_manager.replicas;
        }
        let slots = self.own(flink::SLOTS.name).and_then(|slots| slots.trim().parse().ok()).unwrap_or(1);
        let parallelism = self.job.as_ref()?.parallelism?;
        Some(parallelism.div_ceil(u32::max(slots, 1)))
    }

    /// Whether TaskManagers are started and ended as jobs need them.
    pub fn follows_jobs(&self) -> bool {
        self.own(keys::SCALING.name).is_some_and(|kind| kind.trim() != "fixed")
    }

    /// How many TaskManagers the cluster `name` begins with. `None` where the number follows the jobs.
    pub fn initial_task_managers(&self, name: &str) -> Option<u32> {
        if self.follows_jobs() {
            return None;
        }
        let configuration = self.configuration(name);
        let text = configuration.get(keys::INITIAL_TASKS.name).map(String::as_str);
        keys::INITIAL_TASKS.read(text.or(keys::INITIAL_TASKS.default)?).ok()
    }

    pub(super) fn compose(&self, name: &str) -> Composed {
        let mut composed = Composed::default();
        for (key, value) in &self.flink_configuration {
            if owned::is_dropped(key, value).is_none() {
                let effective = Effective { value: value.clone(), field: None };
                composed.values.insert(key.clone(), effective);
            }
        }
        composed.set(keys::FRAMEWORK_NAME.name, name, "metadata.name");
        self.compose_memory(&mut composed);
        self.compose_tasks(&mut composed);
        self.compose_mesos(&mut composed);
        if let Some(job) = &self.job {
            compose_job(job, name, &mut composed);
        }
        composed
    }

    fn compose_memory(&self, composed: &mut Composed) {
        let sizes = [
            ("spec.jobManager.resource.memory", self.job_manager.resource.memory, &[JOB_MANAGER_MEMORY][..]),
            (
                "spec.taskManager.resource.memory",
                self.task_manager.resource.memory,
                &[flink::PROCESS_MEMORY.name, keys::TASK_MEM.name],
            ),
        ];
        for (field, memory, keys) in sizes {
            let Some(memory) = memory else { continue };
            match keys.iter().find_map(|key| Some((*key, composed.values.get(*key)?))) {
                None => composed.set(keys[0], memory.to_string(), field),
                Some((key, own)) => {
                    if size(key, &own.value) != Some(memory.size()) {
                        let reason =
                            format!("is {memory} and is ignored: {CONFIGURATION}.{key} takes precedence");
                        composed.overruled.push((field.to_owned(), reason));
                    }
                }
            }
        }
    }

    fn compose_tasks(&self, composed: &mut Composed) {
        let resource = &self.task_manager.resource;
        if let Some(cpu) = resource.cpu {
            let field = "spec.taskManager.resource.cpu";
            let key = flink::CPU_CORES.name;
            match composed.values.contains_key(key) {
                true => {
                    let reason = format!("is ignored: {CONFIGURATION}.{key} takes precedence");
                    composed.overruled.push((field.to_owned(), reason));
                }
                false => composed.set(keys::TASK_CPUS.name, cpu.to_string(), field),
            }
        }
        if let Some(storage) = resource.ephemeral_storage {
            let field = "spec.taskManager.resource.ephemeralStorage";
            composed.set(keys::TASK_DISK.name, storage.mebibytes().to_string(), field);
        }
        let is_given = composed.values.contains_key(keys::INITIAL_TASKS.name);
        match (self.task_manager.replicas, self.task_managers()) {
            (Some(replicas), _) => {
                composed.set(keys::INITIAL_TASKS.name, replicas.to_string(), "spec.taskManager.replicas");
            }
            (None, Some(number)) if !self.follows_jobs() && !is_given => {
                composed.set(keys::INITIAL_TASKS.name, number.to_string(), "spec.job.parallelism");
            }
            (None, _) => {}
        }
    }

    fn compose_mesos(&self, composed: &mut Composed) {
        let mesos = &self.mesos;
        if let Some(role) = &mesos.role {
            composed.set(keys::FRAMEWORK_ROLE.name, role, "spec.mesos.role");
        }
        if let Some(user) = &mesos.user {
            composed.set(keys::FRAMEWORK_USER.name, user, "spec.mesos.user");
        }
        compose_constraints(&mesos.constraints, composed);
        if let Some(image) = &self.image {
            composed.set(keys::CONTAINER_IMAGE.name, image, "spec.image");
        }
        if self.image_pull_policy == Some(PullPolicy::Always) {
            composed.set(keys::DOCKER_FORCE_PULL.name, "true", "spec.imagePullPolicy");
        }
        if mesos.container.containerizer == Containerizer::Docker {
            composed.set(keys::CONTAINER_TYPE.name, "docker", "spec.mesos.container.type");
        }
        if let Some(network) = mesos.networks.first() {
            composed.set(keys::CONTAINER_NETWORK.name, network, "spec.mesos.networks");
        }
        if !mesos.container.volumes.is_empty() {
            let volumes = mesos.container.volumes.iter().map(volume_text).collect();
            composed.set(keys::CONTAINER_VOLUMES.name, list_text(volumes), "spec.mesos.container.volumes");
        }
        if !mesos.container.parameters.is_empty() {
            let parameters = &mesos.container.parameters;
            let texts = parameters.iter().map(|parameter| format!("{}={}", parameter.key, parameter.value));
            let field = "spec.mesos.container.parameters";
            composed.set(keys::DOCKER_PARAMETERS.name, list_text(texts.collect()), field);
        }
        for (key, value) in &mesos.labels {
            let field = format!("spec.mesos.labels.{key}");
            composed.set(format!("{}{key}", keys::TASK_LABELS_PREFIX), value, field);
        }
    }

    fn own(&self, key: &str) -> Option<&str> {
        self.flink_configuration.get(key).map(String::as_str)
    }

    /// Whether Flink can tell how much memory a JobManager has.
    pub(super) fn has_job_manager_memory(&self) -> bool {
        let sizes = [JOB_MANAGER_MEMORY, "jobmanager.memory.flink.size", "jobmanager.memory.heap.size"];
        self.job_manager.resource.memory.is_some()
            || sizes.iter().any(|key| self.own(key).is_some())
            || self.has_old_heap(JOB_MANAGER)
    }

    /// As [`Self::has_job_manager_memory`], for TaskManagers.
    pub(super) fn has_task_manager_memory(&self) -> bool {
        let sizes = [flink::PROCESS_MEMORY.name, keys::TASK_MEM.name, "taskmanager.memory.flink.size"];
        let parts = ["taskmanager.memory.task.heap.size", "taskmanager.memory.managed.size"];
        self.task_manager.resource.memory.is_some()
            || sizes.iter().any(|key| self.own(key).is_some())
            || parts.iter().all(|key| self.own(key).is_some())
            || self.has_old_heap(TASK_MANAGER)
    }

    /// Flink 2 does not read those of before Flink 1.10.
    fn has_old_heap(&self, role: &str) -> bool {
        self.flink_version.number() < (2, 0)
            && retired::heap_keys(role).iter().any(|key| self.own(key).is_some())
    }
}

impl Composed {
    /// What a field means; who says it in the configuration too must say the same.
    fn set(&mut self, key: impl Into<String>, value: impl Into<String>, field: impl Into<String>) {
        let (key, value, field) = (key.into(), value.into(), field.into());
        if let Some(own) = self.values.get(&key)
            && own.value.trim() != value
        {
            let reason = format!("{CONFIGURATION}.{key} says something else: leave out one of them");
            self.conflicts.push((field, reason));
            return;
        }
        self.values.insert(key, Effective { value, field: Some(field) });
    }
}

fn compose_job(job: &Job, name: &str, composed: &mut Composed) {
    if let Some(parallelism) = job.parallelism {
        let value = parallelism.to_string();
        let field = "spec.job.parallelism";
        let own = composed.values.remove(PARALLELISM).filter(|own| own.value.trim() != value);
        if own.is_some() {
            let reason = format!("is ignored: {field} takes precedence");
            composed.overruled.push((format!("{CONFIGURATION}.{PARALLELISM}"), reason));
        }
        composed.set(PARALLELISM, value, field);
    }
    if !composed.values.contains_key(JOB_NAME) {
        composed.set(JOB_NAME, name, "metadata.name");
    }
}

fn compose_constraints(constraints: &Constraints, composed: &mut Composed) {
    let lists = [
        (keys::CONSTRAINTS_HARD.name, &constraints.hard, "spec.mesos.constraints"),
        (keys::CONSTRAINTS_SOFT.name, &constraints.soft, "spec.mesos.constraints.soft"),
    ];
    for (key, constraints, field) in lists {
        if !constraints.is_empty() {
            let texts = constraints.iter().map(|constraint| constraint.text().to_owned()).collect();
            composed.set(key, list_text(texts), field);
        }
    }
}

fn volume_text(volume: &Volume) -> String {
    let mode = match volume.mode {
        VolumeMode::ReadWrite => "RW",
        VolumeMode::ReadOnly => "RO",
    };
    let parts = [volume.host_path.as_deref(), Some(&volume.container_path), Some(mode)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(":")
}

/// Of a key of the configuration, as its reader reads it: bytes without a unit, MiB in the oldest ones.
fn size(key: &str, value: &str) -> Option<MemorySize> {
    match key == keys::TASK_MEM.name || key.ends_with(".mb") {
        true => MemorySize::parse(&format!("{}m", value.trim())),
        false => MemorySize::parse(value),
    }
}

/// The sizes that the configuration has itself, of both generations; `None` for what Flink cannot read.
pub fn sizes(specification: &Specification) -> Vec<(String, Option<Memory>)> {
    let of_role = |role| {
        let names = ["process.size", "flink.size", "heap.size", "task.heap.size", "managed.size"];
        let names = names.map(|name| format!("{role}.memory.{name}"));
        names.into_iter().chain(retired::heap_keys(role))
    };
    let keys = of_role(JOB_MANAGER).chain(of_role(TASK_MANAGER));
    let sized = |key: String| {
        let size = size(&key, specification.own(&key)?).map(Memory::of);
        Some((key, size))
    };
    keys.filter_map(sized).collect()
}
