//! What a TaskManager's Mesos task consists of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::keys::{self, flink};
use super::super::table::Table;
use super::super::warning::Warning;
use super::super::yaml::Item;
use super::parse;
use super::reader::Reader;

/// How many TaskManagers there are and what each gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// How many to keep.
    pub initial: u32,
    /// Slots of each.
    pub slots: u32,
    pub cpus: f64,
    pub gpus: u32,
    pub disk_mib: u32,
    /// In the unit of the agents' resource [`Tasks::bandwidth_resource`].
    pub bandwidth: u32,
    pub bandwidth_resource: String,
    pub container: Container,
    /// `taskmanager.host`; `_TASK_` in it becomes the task's id.
    pub hostname: Option<String>,
    /// Shell text in place of this program's command.
    pub command: Option<String>,
    /// Shell text that runs before the command.
    pub bootstrap_command: Option<String>,
    pub uris: Vec<String>,
    pub delivery: Delivery,
    pub user: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// Keys of Flink that each get a port from the offer.
    pub port_keys: Vec<String>,
    /// Environment of every TaskManager (`containerized.taskmanager.env.`).
    pub environment: BTreeMap<String, String>,
    pub kill_grace: Duration,
    /// For tasks that neither Mesos nor the JobManager finds.
    pub unreachable_wait: Duration,
}

/// What agents fetch from the AppMaster for a TaskManager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// The image or the agent has everything, at the same paths as the AppMaster.
    Nothing,
    /// The agent has java.
    Flink,
    Everything,
}

/// In what a TaskManager runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub runtime: Runtime,
    pub volumes: Vec<Volume>,
    pub network: Network,
}

/// How a TaskManager's container is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// As the agent itself.
    Host,
    /// Docker's bridge; the ports from the offer lead into the container.
    Bridge,
    /// A CNI network, or one that docker knows.
    Named(String),
}

/// Which containerizer runs the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Runtime {
    /// Without an image the task sees the agent's file system.
    Mesos {
        image: Option<Image>,
    },
    Docker {
        image: Image,
        parameters: Vec<DockerParameter>,
    },
}

/// A container image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub name: String,
    /// Whether the agent pulls it even if it has it.
    pub force_pull: bool,
}

/// An option of `docker run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerParameter {
    pub key: String,
    pub value: String,
}

/// A directory that the container sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// `None`: a directory in the sandbox.
    pub host_path: Option<String>,
    pub container_path: String,
    pub mount: Mount,
}

/// What the container may do with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    ReadWrite,
    ReadOnly,
}

impl Tasks {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        // Only checked here: rewriting makes `taskmanager.memory.process.size` of it.
        reader.optional(&keys::TASK_MEM);
        let slots = reader.value(&flink::SLOTS);
        let container = Container::read(reader);
        Self {
            initial: reader.value(&keys::INITIAL_TASKS),
            slots,
            cpus: cpus(reader, slots),
            gpus: reader.value(&keys::TASK_GPUS),
            disk_mib: reader.value(&keys::TASK_DISK),
            bandwidth: reader.value(&keys::TASK_BANDWIDTH),
            bandwidth_resource: reader.value(&keys::NETWORK_RESOURCE_NAME),
            delivery: delivery(reader, &container),
            container,
            hostname: reader.optional(&keys::TASK_HOSTNAME),
            command: reader.optional(&keys::TASK_COMMAND),
            bootstrap_command: reader.optional(&keys::BOOTSTRAP_COMMAND),
            uris: reader.optional(&keys::TASK_URIS).unwrap_or_default(),
            user: reader.optional(&keys::TASK_USER),
            labels: labels(reader),
            port_keys: reader.optional(&keys::PORT_ASSIGNMENTS).unwrap_or_default(),
            environment: reader.with_prefix(flink::TASK_MANAGER_ENVIRONMENT),
            kill_grace: reader.value(&keys::KILL_GRACE),
            unreachable_wait: reader.value(&keys::UNREACHABLE_WAIT),
        }
    }
}

impl Container {
    fn read(reader: &mut Reader<'_>) -> Self {
        let force_pull = reader.value(&keys::DOCKER_FORCE_PULL);
        let image = reader.optional(&keys::CONTAINER_IMAGE).map(|name| Image { name, force_pull });
        let parameters = reader.optional(&keys::DOCKER_PARAMETERS).unwrap_or_default();
        let docker = reader.value(&keys::CONTAINER_TYPE);
        let runtime = match image {
            Some(image) if docker => {
                let parameter = |(key, value)| DockerParameter { key, value };
                Runtime::Docker { image, parameters: parameters.into_iter().map(parameter).collect() }
            }
            None if docker => {
                reader.reject(
                    keys::CONTAINER_TYPE.name,
                    format!("`mesos` unless `{}` is set", keys::CONTAINER_IMAGE.name),
                );
                Runtime::Mesos { image: None }
            }
            image => Runtime::Mesos { image },
        };
        let volumes = reader.optional(&keys::CONTAINER_VOLUMES).unwrap_or_default();
        let network = reader.value(&keys::CONTAINER_NETWORK);
        if network == Network::Bridge && matches!(runtime, Runtime::Mesos { .. }) {
            reader.reject(
                keys::CONTAINER_NETWORK.name,
                format!("`host` or the name of a network when `{}` is `mesos`", keys::CONTAINER_TYPE.name),
            );
        }
        Self { runtime, volumes, network }
    }
}

/// A value that others see.
pub fn warnings(table: &Table) -> Option<Warning> {
    let parameters = docker_parameters(table.get(keys::DOCKER_PARAMETERS.name)?).ok()?;
    let is_variable =
        |(key, value): &(String, String)| matches!(key.as_str(), "e" | "env") && value.contains('=');
    parameters.iter().any(is_variable).then(|| {
        let (key, instead) = (keys::DOCKER_PARAMETERS.name, flink::TASK_MANAGER_ENVIRONMENT);
        let why = "sets variables by `env`, which Mesos shows to whoever asks";
        Warning::about(key, format!("`{key}` {why}: use `{instead}NAME`"))
    })
}

/// Whoever runs tasks in an image has it all there.
fn delivery(reader: &mut Reader<'_>, container: &Container) -> Delivery {
    let default = match &container.runtime {
        Runtime::Mesos { image: None } => Delivery::Everything,
        Runtime::Mesos { image: Some(_) } | Runtime::Docker { .. } => Delivery::Nothing,
    };
    reader.optional(&keys::TASK_DELIVERY).unwrap_or(default)
}

/// `taskmanager.cpu.cores`, else the Mesos key when above 0, else a CPU for each slot.
fn cpus(reader: &mut Reader<'_>, slots: u32) -> f64 {
    let cores = reader.optional(&flink::CPU_CORES);
    let cpus = reader.value(&keys::TASK_CPUS);
    cores.unwrap_or(if cpus > 0.0 { cpus } else { f64::from(slots) })
}

/// `k:v,k:v`, or in `config.yaml` a map, which arrives as one key each.
fn labels(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let pairs = reader.optional(&keys::TASK_LABELS);
    let mut labels = reader.with_prefix(keys::TASK_LABELS_PREFIX);
    labels.extend(pairs.unwrap_or_default());
    labels
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    match parse::fraction(text) {
        Ok(number) if number > 0.0 => Ok(number),
        Ok(_) | Err(_) => Err("a number above 0".to_owned()),
    }
}

pub fn delivery_of(text: &str) -> Result<Delivery, String> {
    match text.trim() {
        "none" => Ok(Delivery::Nothing),
        "flink" => Ok(Delivery::Flink),
        "all" => Ok(Delivery::Everything),
        _ => Err("`none`, `flink` or `all`".to_owned()),
    }
}

pub fn uris(text: &str) -> Result<Vec<String>, String> {
    parse::list_with(spelled_uri, parse::word)(text)
}

pub fn volumes(text: &str) -> Result<Vec<Volume>, String> {
    parse::list_with(spelled_volume, volume)(text)
}

pub fn label_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    parse::list_with(parse::as_pairs(':'), parse::pair(':', "`key:value`"))(text)
}

pub fn docker_parameters(text: &str) -> Result<Vec<(String, String)>, String> {
    parse::list_with(parse::as_pairs('='), parse::pair('=', "`key=value`"))(text)
}

pub fn is_docker(text: &str) -> Result<bool, String> {
    match text.trim() {
        "docker" => Ok(true),
        "mesos" => Ok(false),
        _ => Err("`mesos` or `docker`".to_owned()),
    }
}

pub fn network(text: &str) -> Result<Network, String> {
    Ok(match parse::word(text)?.as_str() {
        "host" => Network::Host,
        "bridge" => Network::Bridge,
        name => Network::Named(name.to_owned()),
    })
}

/// `{value: …}` or `{uri: …}`, as in Mesos' and Marathon's JSON.
pub fn spelled_uri(item: &Item) -> Option<Vec<String>> {
    match item {
        Item::Pairs(pairs) => match &pairs[..] {
            [(name, uri)] if matches!(name.as_str(), "value" | "uri") => Some(vec![uri.clone()]),
            _ => None,
        },
        Item::Text(_) | Item::Texts(_) | Item::Nested(_) => None,
    }
}

/// Marathon's `{containerPath: …, hostPath: …, mode: …}`, or `{host: container}`.
pub fn spelled_volume(item: &Item) -> Option<Vec<String>> {
    let Item::Pairs(pairs) = item else { return None };
    let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let Some(container) = field("containerPath") else { return parse::as_pairs(':')(item) };
    let is_known =
        |(key, _): &(String, String)| matches!(key.as_str(), "containerPath" | "hostPath" | "mode");
    let parts = [field("hostPath"), Some(container), field("mode")].into_iter().flatten();
    pairs.iter().all(is_known).then(|| vec![parts.collect::<Vec<_>>().join(":")])
}

fn volume(text: &str) -> Result<Volume, String> {
    let mode = |text: &str| match text.to_ascii_uppercase().as_str() {
        "RW" => Some(Mount::ReadWrite),
        "RO" => Some(Mount::ReadOnly),
        _ => None,
    };
    let parts: Vec<_> = text.split(':').map(str::trim).collect();
    let (host_path, container_path, mount) = match *parts.as_slice() {
        [container] => (None, container, Some(Mount::ReadWrite)),
        [container, last] if mode(last).is_some() => (None, container, mode(last)),
        [host, container] => (Some(host), container, Some(Mount::ReadWrite)),
        [host, container, last] => (Some(host), container, mode(last)),
        _ => (None, "", None),
    };
    match mount {
        Some(mount) if !container_path.is_empty() && host_path != Some("") => Ok(Volume {
            host_path: host_path.map(str::to_owned),
            container_path: container_path.to_owned(),
            mount,
        }),
        Some(_) | None => Err("`[host:]container[:RO|RW]`".to_owned()),
    }
}
