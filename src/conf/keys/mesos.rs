//! Definitions of the `mesos.` keys: those of Flink 1.13 and its forerunners, and ours.

mod status;

use std::path::PathBuf;
use std::time::Duration;

use domain::constraint::Constraint;
use mesos::address::MasterAddress;
use tls::Fingerprint;

use super::super::settings::agent::Placement;
use super::super::settings::parse::Secret;
use super::super::settings::scaling;
use super::super::settings::task::{Delivery, Network, Volume};
use super::{Definition, Key, Tried, types};

pub use status::{STATUS_BIND_ADDRESS, STATUS_PORT};

pub const CONSTRAINTS_HARD: Key<Vec<Constraint>> = Key {
    name: "mesos.constraints.hard.hostattribute",
    meaning: "TaskManagers run only on agents that satisfy all of these. Operators as in Marathon, Chronos and Aurora: UNIQUE, CLUSTER, IS, EQUALS, MAX_PER, limit, GROUP_BY, LIKE, UNLIKE, and !value; HOSTNAME, @region and @zone are the agent's host name, region and zone. If no constraint names @region, TaskManagers stay in the master's region.",
    ..Key::of(types::CONSTRAINTS)
};

pub const CONSTRAINTS_SOFT: Key<Vec<Constraint>> = Key {
    name: "mesos.constraints.soft.hostattribute",
    meaning: "Agents that satisfy more of these are preferred.",
    ..Key::of(types::CONSTRAINTS)
};

pub const FAILOVER_TIMEOUT: Key<Duration> = Key {
    name: "mesos.failover-timeout",
    default: Some("604800"),
    meaning: "How long Mesos keeps the TaskManagers of a disconnected framework, so that the next AppMaster can take them over. If not set, it is 300 with mesos.state-dir, and 120 with neither that nor high availability, as no AppMaster could take them over.",
    ..Key::of(types::SECONDS)
};

pub const GANG_TIMEOUT: Key<Duration> = Key {
    name: "mesos.gang-start.timeout",
    default: Some("0"),
    meaning: "How long the first TaskManagers wait for room for all of them, to start together; 0 starts each as soon as it fits.",
    ..Key::of(types::DURATION)
};

pub const INITIAL_TASKS: Key<u32> = Key {
    name: "mesos.initial-tasks",
    default: Some("1"),
    meaning: "How many TaskManagers to keep; has no effect if mesos.scaling is demand.",
    ..Key::of(types::TASKMANAGERS)
};

pub const MASTER: Key<MasterAddress> = Key {
    name: "mesos.master",
    meaning: "The Mesos master: host:port, zk://host:port,…/path or file:///path of a file that holds one of these.",
    tried: Tried::File,
    ..Key::of(types::MASTER)
};

pub const MASTER_FINGERPRINT: Key<Vec<Fingerprint>> = Key {
    name: "mesos.master.ssl.cert.fingerprint",
    meaning: "The SHA-256 of each master's certificate, as `openssl x509 -fingerprint -sha256` prints it. If set, the AppMaster connects to masters over HTTPS only and accepts these certificates only, whoever signed them and whichever host they name.",
    ..Key::of(types::FINGERPRINTS)
};

pub const MASTER_TLS: Key<bool> = Key {
    name: "mesos.master.ssl.enabled",
    default: Some("false"),
    meaning: "Whether the AppMaster connects to masters over HTTPS. It always does if their address begins with https://.",
    ..Key::of(types::BOOLEAN)
};

pub const MAXIMUM_FAILED_TASKS: Key<i64> = Key {
    name: "mesos.maximum-failed-tasks",
    default: Some("-1"),
    meaning: "The cluster ends when more TaskManagers than this have failed; -1 for never. TaskManagers that Mesos refuses to launch count too.",
    ..Key::of(types::FAILURES)
};

pub const FAILED_TASKS_INTERVAL: Key<Duration> = Key {
    name: "mesos.maximum-failed-tasks.interval",
    default: Some("0"),
    meaning: "Only TaskManagers that failed within this time count for mesos.maximum-failed-tasks; 0 counts all since the cluster began.",
    ..Key::of(types::DURATION)
};

pub const PLACEMENT: Key<Placement> = Key {
    name: "mesos.placement",
    default: Some("spread"),
    meaning: "Whether TaskManagers are spread over many agents or packed on few.",
    ..Key::of(types::PLACEMENT)
};

pub const REGISTRATION_TIMEOUT: Key<Duration> = Key {
    name: "mesos.registration.timeout",
    default: Some("60 s"),
    meaning: "How long the first registration with Mesos may take before the AppMaster gives up with exit code 69.",
    ..Key::of(types::DURATION)
};

pub const ARTIFACT_BASE_URL: Key<String> = Key {
    name: "mesos.resourcemanager.artifacts.base-url",
    meaning: "The HTTP or HTTPS address below which agents fetch this program, Flink and java, at the paths that they have on the AppMaster (`/<SHA-256>/<name>`). If not set, they fetch them from the AppMaster, as they always do the configuration.",
    ..Key::of(types::BASE_URL)
};

pub const ARTIFACT_PORT: Key<u16> = Key {
    name: "mesos.resourcemanager.artifactserver.port",
    meaning: "Port of the server from which agents fetch files; 0 for any free one. If not set, it is a port from 20000 to 29999 derived from high-availability.cluster-id and mesos.resourcemanager.framework.name, or one of the 15 above it, or any free one if all of these are taken. So it is the same after a restart, and agents use the files in their caches.",
    tried: Tried::Port,
    ..Key::of(types::PORT)
};

pub const ARTIFACT_TLS: Key<bool> = Key {
    name: "mesos.resourcemanager.artifactserver.ssl.enabled",
    default: Some("true"),
    meaning: "Whether the server from which agents fetch files uses HTTPS when Flink's REST endpoint does.",
    ..Key::of(types::BOOLEAN)
};

pub const DECLINE_REFUSE: Key<Duration> = Key {
    name: "mesos.resourcemanager.declined-offer-refuse-duration",
    default: Some("5000"),
    meaning: "How long Mesos does not offer declined resources again.",
    ..Key::of(types::DURATION)
};

pub const FRAMEWORK_NAME: Key<String> = Key {
    name: "mesos.resourcemanager.framework.name",
    default: Some("Flink"),
    meaning: "Name of the framework in Mesos.",
    ..Key::of(types::ANY_TEXT)
};

pub const FRAMEWORK_PRINCIPAL: Key<String> = Key {
    name: "mesos.resourcemanager.framework.principal",
    meaning: "Principal with which the framework authenticates.",
    ..Key::of(types::TEXT)
};

pub const FRAMEWORK_ROLE: Key<Vec<String>> = Key {
    name: "mesos.resourcemanager.framework.role",
    default: Some("*"),
    meaning: "Roles whose resources the framework is offered.",
    ..Key::of(types::ROLES)
};

pub const FRAMEWORK_SECRET: Key<Secret> = Key {
    name: "mesos.resourcemanager.framework.secret",
    meaning: "Secret of the principal.",
    ..Key::of(types::SECRET)
};

pub const FRAMEWORK_SECRET_FILE: Key<PathBuf> = Key {
    name: "mesos.resourcemanager.framework.secret-file",
    meaning: "File with the secret of the principal; it takes precedence over mesos.resourcemanager.framework.secret.",
    tried: Tried::File,
    ..Key::of(types::FILE)
};

pub const FRAMEWORK_USER: Key<String> = Key {
    name: "mesos.resourcemanager.framework.user",
    meaning: "User of the agents as whom tasks run, unless mesos.resourcemanager.tasks.user is set. If neither is set, it is the AppMaster's own user, or root if the AppMaster runs in a container, whose users agents do not have, or if its user has no name.",
    ..Key::of(types::USER)
};

pub const NETWORK_RESOURCE_NAME: Key<String> = Key {
    name: "mesos.resourcemanager.network.resource.name",
    default: Some("network"),
    meaning: "Name of the agents' resource for network bandwidth.",
    ..Key::of(types::WORD)
};

pub const BOOTSTRAP_COMMAND: Key<String> = Key {
    name: "mesos.resourcemanager.tasks.bootstrap-cmd",
    meaning: "Command that runs in the task before the TaskManager; if it fails, the task fails.",
    ..Key::of(types::COMMAND_LINE)
};

pub const DOCKER_FORCE_PULL: Key<bool> = Key {
    name: "mesos.resourcemanager.tasks.container.docker.force-pull-image",
    default: Some("false"),
    meaning: "Whether the agent pulls the image even if it has it.",
    ..Key::of(types::BOOLEAN)
};

pub const DOCKER_PARAMETERS: Key<Vec<(String, String)>> = Key {
    name: "mesos.resourcemanager.tasks.container.docker.parameters",
    meaning: "Further options of docker run.",
    ..Key::of(types::DOCKER_PARAMETERS)
};

pub const CONTAINER_IMAGE: Key<String> = Key {
    name: "mesos.resourcemanager.tasks.container.image.name",
    meaning: "Image of the TaskManagers.",
    ..Key::of(types::WORD)
};

pub const CONTAINER_NETWORK: Key<Network> = Key {
    name: "mesos.resourcemanager.tasks.container.network",
    default: Some("host"),
    meaning: "Network of the TaskManagers' containers: host (the agent's own), bridge (Docker's), or the name of a CNI or Docker network.",
    ..Key::of(types::NETWORK)
};

pub const CONTAINER_TYPE: Key<bool> = Key {
    name: "mesos.resourcemanager.tasks.container.type",
    default: Some("mesos"),
    meaning: "Which containerizer runs the TaskManagers.",
    ..Key::of(types::CONTAINERIZER)
};

pub const CONTAINER_VOLUMES: Key<Vec<Volume>> = Key {
    name: "mesos.resourcemanager.tasks.container.volumes",
    meaning: "Volumes of the TaskManagers' containers.",
    ..Key::of(types::VOLUMES)
};

pub const TASK_CPUS: Key<f64> = Key {
    name: "mesos.resourcemanager.tasks.cpus",
    default: Some("0.0"),
    meaning: "CPUs of a TaskManager; 0 for one CPU per slot. taskmanager.cpu.cores takes precedence.",
    ..Key::of(types::FRACTION)
};

pub const TASK_DELIVERY: Key<Delivery> = Key {
    name: "mesos.resourcemanager.tasks.delivery",
    meaning: "What agents fetch from the AppMaster: all (this program, Flink and Java), flink (this program and Flink) or none. If not set, it is none if TaskManagers run in an image, else all.",
    ..Key::of(types::DELIVERY)
};

pub const TASK_DISK: Key<u32> = Key {
    name: "mesos.resourcemanager.tasks.disk",
    default: Some("0"),
    meaning: "Disk of a TaskManager.",
    ..Key::of(types::MEBIBYTES)
};

pub const TASK_GPUS: Key<u32> = Key {
    name: "mesos.resourcemanager.tasks.gpus",
    default: Some("0"),
    meaning: "GPUs of a TaskManager.",
    ..Key::of(types::COUNT)
};

pub const TASK_HOSTNAME: Key<String> = Key {
    name: "mesos.resourcemanager.tasks.hostname",
    meaning: "Value of taskmanager.host for a TaskManager; the task's id replaces _TASK_ in it.",
    ..Key::of(types::WORD)
};

pub const KILL_GRACE: Key<Duration> = Key {
    name: "mesos.resourcemanager.tasks.kill-grace",
    default: Some("30 s"),
    meaning: "How long a TaskManager has between SIGTERM and SIGKILL.",
    ..Key::of(types::DURATION)
};

pub const TASK_LABELS: Key<Vec<(String, String)>> = Key {
    name: "mesos.resourcemanager.tasks.labels",
    meaning: "Labels of the Mesos tasks.",
    ..Key::of(types::LABELS)
};

pub const TASK_MEM: Key<u32> = Key {
    name: "mesos.resourcemanager.tasks.mem",
    meaning: "Old key for taskmanager.memory.process.size.",
    ..Key::of(types::POSITIVE_MEBIBYTES)
};

pub const TASK_BANDWIDTH: Key<u32> = Key {
    name: "mesos.resourcemanager.tasks.network.bandwidth",
    default: Some("0"),
    meaning: "Network bandwidth of a TaskManager, in the unit of the agents' resource.",
    ..Key::of(types::AMOUNT)
};

pub const PORT_ASSIGNMENTS: Key<Vec<String>> = Key {
    name: "mesos.resourcemanager.tasks.port-assignments",
    meaning: "Flink keys that are set to a port from the offer, for each TaskManager.",
    ..Key::of(types::KEY_NAMES)
};

pub const TASK_COMMAND: Key<String> = Key {
    name: "mesos.resourcemanager.tasks.taskmanager-cmd",
    meaning: "Command that runs instead of this program's taskmanager command.",
    ..Key::of(types::COMMAND_LINE)
};

pub const UNREACHABLE_WAIT: Key<Duration> = Key {
    name: "mesos.resourcemanager.tasks.unreachable-wait",
    default: Some("5 s"),
    meaning: "If Mesos cannot find a TaskManager and the JobManager no longer receives its heartbeats: how long to wait until it is given up and another is started. If the JobManager still receives them, or cannot be asked, it is 75 s or longer.",
    ..Key::of(types::DURATION)
};

pub const TASK_URIS: Key<Vec<String>> = Key {
    name: "mesos.resourcemanager.tasks.uris",
    meaning: "Further files that the agent fetches into the sandbox.",
    ..Key::of(types::URIS)
};

pub const TASK_USER: Key<String> = Key {
    name: "mesos.resourcemanager.tasks.user",
    meaning: "User that the tasks run as.",
    ..Key::of(types::USER)
};

pub const UNUSED_OFFER_EXPIRATION: Key<Duration> = Key {
    name: "mesos.resourcemanager.unused-offer-expiration",
    default: Some("120000"),
    meaning: "Accepted, but has no effect: no offer is kept, each is used or declined at once.",
    ..Key::of(types::DURATION)
};

pub const SCALING: Key<scaling::Kind> = Key {
    name: "mesos.scaling",
    default: Some("fixed"),
    meaning: "fixed keeps as many TaskManagers as mesos.initial-tasks or `scale` says; demand starts TaskManagers for the slots that jobs need, and ends those whose slots were all free for resourcemanager.taskmanager-timeout.",
    ..Key::of(types::SCALING)
};

pub const SCALING_MAXIMUM: Key<u32> = Key {
    name: "mesos.scaling.maximum",
    meaning: "Maximum number of TaskManagers if mesos.scaling is demand; slotmanager.number-of-slots.max limits it too.",
    ..Key::of(types::COUNT)
};

pub const SCALING_MINIMUM: Key<u32> = Key {
    name: "mesos.scaling.minimum",
    default: Some("0"),
    meaning: "Minimum number of TaskManagers if mesos.scaling is demand; slotmanager.number-of-slots.min raises it too.",
    ..Key::of(types::COUNT)
};

pub const STATE_DIR: Key<PathBuf> = Key {
    name: "mesos.state-dir",
    meaning: "Directory in which an AppMaster without ZooKeeper keeps its state, so that the next AppMaster on this host takes over framework and TaskManagers, whatever ended the last one; SIGTERM then does not end them. Clusters may share the directory. It is created if its parent exists. Has no effect with high availability.",
    tried: Tried::Directory,
    ..Key::of(types::DIRECTORY)
};

/// All of them by name.
pub const KEYS: [Definition; 51] = [
    CONSTRAINTS_HARD.definition(),
    CONSTRAINTS_SOFT.definition(),
    FAILOVER_TIMEOUT.definition(),
    GANG_TIMEOUT.definition(),
    INITIAL_TASKS.definition(),
    MASTER.definition(),
    MASTER_FINGERPRINT.definition(),
    MASTER_TLS.definition(),
    MAXIMUM_FAILED_TASKS.definition(),
    FAILED_TASKS_INTERVAL.definition(),
    PLACEMENT.definition(),
    REGISTRATION_TIMEOUT.definition(),
    ARTIFACT_BASE_URL.definition(),
    ARTIFACT_PORT.definition(),
    ARTIFACT_TLS.definition(),
    DECLINE_REFUSE.definition(),
    FRAMEWORK_NAME.definition(),
    FRAMEWORK_PRINCIPAL.definition(),
    FRAMEWORK_ROLE.definition(),
    FRAMEWORK_SECRET.definition(),
    FRAMEWORK_SECRET_FILE.definition(),
    FRAMEWORK_USER.definition(),
    NETWORK_RESOURCE_NAME.definition(),
    BOOTSTRAP_COMMAND.definition(),
    DOCKER_FORCE_PULL.definition(),
    DOCKER_PARAMETERS.definition(),
    CONTAINER_IMAGE.definition(),
    CONTAINER_NETWORK.definition(),
    CONTAINER_TYPE.definition(),
    CONTAINER_VOLUMES.definition(),
    TASK_CPUS.definition(),
    TASK_DELIVERY.definition(),
    TASK_DISK.definition(),
    TASK_GPUS.definition(),
    TASK_HOSTNAME.definition(),
    KILL_GRACE.definition(),
    TASK_LABELS.definition(),
    TASK_MEM.definition(),
    TASK_BANDWIDTH.definition(),
    PORT_ASSIGNMENTS.definition(),
    TASK_COMMAND.definition(),
    UNREACHABLE_WAIT.definition(),
    TASK_URIS.definition(),
    TASK_USER.definition(),
    UNUSED_OFFER_EXPIRATION.definition(),
    SCALING.definition(),
    SCALING_MAXIMUM.definition(),
    SCALING_MINIMUM.definition(),
    STATE_DIR.definition(),
    STATUS_BIND_ADDRESS.definition(),
    STATUS_PORT.definition(),
];
