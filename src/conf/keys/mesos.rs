//! Definitions of the `mesos.` keys: those of Flink 1.13 and its forerunners, and ours.

mod status;

use super::Key;

pub use status::{STATUS_BIND_ADDRESS, STATUS_PORT};

pub const CONSTRAINTS_HARD: Key = Key {
    name: "mesos.constraints.hard.hostattribute",
    kind: "list of attribute:value or attribute:OPERATOR[:value]",
    default: None,
    meaning: "TaskManagers run only on agents that satisfy all of these. Operators as in Marathon, Chronos and Aurora: UNIQUE, CLUSTER, IS, EQUALS, MAX_PER, limit, GROUP_BY, LIKE, UNLIKE, and !value; HOSTNAME, @region and @zone are the agent's host name, region and zone. If no constraint names @region, TaskManagers stay in the master's region.",
};

pub const CONSTRAINTS_SOFT: Key = Key {
    name: "mesos.constraints.soft.hostattribute",
    kind: "list of attribute:value or attribute:OPERATOR[:value]",
    default: None,
    meaning: "Agents that satisfy more of these are preferred.",
};

pub const FAILOVER_TIMEOUT: Key = Key {
    name: "mesos.failover-timeout",
    kind: "seconds",
    default: Some("604800"),
    meaning: "How long Mesos keeps the TaskManagers of a disconnected framework, so that the next AppMaster can take them over. If not set, it is 300 with mesos.state-dir, and 120 with neither that nor high availability, as no AppMaster could take them over.",
};

pub const GANG_TIMEOUT: Key = Key {
    name: "mesos.gang-start.timeout",
    kind: "duration",
    default: Some("0"),
    meaning: "How long the first TaskManagers wait for room for all of them, to start together; 0 starts each as soon as it fits.",
};

pub const INITIAL_TASKS: Key = Key {
    name: "mesos.initial-tasks",
    kind: "number",
    default: Some("1"),
    meaning: "How many TaskManagers to keep; has no effect if mesos.scaling is demand.",
};

pub const MASTER: Key = Key {
    name: "mesos.master",
    kind: "address",
    default: None,
    meaning: "The Mesos master: host:port, zk://host:port,…/path or file:///path of a file that holds one of these.",
};

pub const MASTER_FINGERPRINT: Key = Key {
    name: "mesos.master.ssl.cert.fingerprint",
    kind: "list of SHA-256",
    default: None,
    meaning: "The SHA-256 of each master's certificate, as `openssl x509 -fingerprint -sha256` prints it. If set, the AppMaster connects to masters over HTTPS only and accepts these certificates only, whoever signed them and whichever host they name.",
};

pub const MASTER_TLS: Key = Key {
    name: "mesos.master.ssl.enabled",
    kind: "true or false",
    default: Some("false"),
    meaning: "Whether the AppMaster connects to masters over HTTPS. It always does if their address begins with https://.",
};

pub const MAXIMUM_FAILED_TASKS: Key = Key {
    name: "mesos.maximum-failed-tasks",
    kind: "number",
    default: Some("-1"),
    meaning: "The cluster ends when more TaskManagers than this have failed; -1 for never. TaskManagers that Mesos refuses to launch count too.",
};

pub const FAILED_TASKS_INTERVAL: Key = Key {
    name: "mesos.maximum-failed-tasks.interval",
    kind: "duration",
    default: Some("0"),
    meaning: "Only TaskManagers that failed within this time count for mesos.maximum-failed-tasks; 0 counts all since the cluster began.",
};

pub const PLACEMENT: Key = Key {
    name: "mesos.placement",
    kind: "spread or pack",
    default: Some("spread"),
    meaning: "Whether TaskManagers are spread over many agents or packed on few.",
};

pub const REGISTRATION_TIMEOUT: Key = Key {
    name: "mesos.registration.timeout",
    kind: "duration",
    default: Some("60 s"),
    meaning: "How long the first registration with Mesos may take before the AppMaster gives up with exit code 69.",
};

pub const ARTIFACT_PORT: Key = Key {
    name: "mesos.resourcemanager.artifactserver.port",
    kind: "port",
    default: None,
    meaning: "Port of the server from which agents fetch files; 0 for any free one. If not set, it is a port from 20000 to 29999 derived from high-availability.cluster-id and mesos.resourcemanager.framework.name, or one of the 15 above it, or any free one if all of these are taken. So it is the same after a restart, and agents use the files in their caches.",
};

pub const ARTIFACT_TLS: Key = Key {
    name: "mesos.resourcemanager.artifactserver.ssl.enabled",
    kind: "true or false",
    default: Some("true"),
    meaning: "Whether the server from which agents fetch files uses HTTPS when Flink's REST endpoint does.",
};

pub const DECLINE_REFUSE: Key = Key {
    name: "mesos.resourcemanager.declined-offer-refuse-duration",
    kind: "duration",
    default: Some("5000"),
    meaning: "How long Mesos does not offer declined resources again.",
};

pub const FRAMEWORK_NAME: Key = Key {
    name: "mesos.resourcemanager.framework.name",
    kind: "text",
    default: Some("Flink"),
    meaning: "Name of the framework in Mesos.",
};

pub const FRAMEWORK_PRINCIPAL: Key = Key {
    name: "mesos.resourcemanager.framework.principal",
    kind: "text",
    default: None,
    meaning: "Principal with which the framework authenticates.",
};

pub const FRAMEWORK_ROLE: Key = Key {
    name: "mesos.resourcemanager.framework.role",
    kind: "list of roles",
    default: Some("*"),
    meaning: "Roles whose resources the framework is offered.",
};

pub const FRAMEWORK_SECRET: Key = Key {
    name: "mesos.resourcemanager.framework.secret",
    kind: "text",
    default: None,
    meaning: "Secret of the principal.",
};

pub const FRAMEWORK_SECRET_FILE: Key = Key {
    name: "mesos.resourcemanager.framework.secret-file",
    kind: "path",
    default: None,
    meaning: "File with the secret of the principal; it takes precedence over mesos.resourcemanager.framework.secret.",
};

pub const FRAMEWORK_USER: Key = Key {
    name: "mesos.resourcemanager.framework.user",
    kind: "text",
    default: None,
    meaning: "User of the agents as whom tasks run, unless mesos.resourcemanager.tasks.user is set. If neither is set, it is the AppMaster's own user, or root if the AppMaster runs in a container, whose users agents do not have, or if its user has no name.",
};

pub const NETWORK_RESOURCE_NAME: Key = Key {
    name: "mesos.resourcemanager.network.resource.name",
    kind: "text",
    default: Some("network"),
    meaning: "Name of the agents' resource for network bandwidth.",
};

pub const BOOTSTRAP_COMMAND: Key = Key {
    name: "mesos.resourcemanager.tasks.bootstrap-cmd",
    kind: "shell text",
    default: None,
    meaning: "Command that runs in the task before the TaskManager; if it fails, the task fails.",
};

pub const DOCKER_FORCE_PULL: Key = Key {
    name: "mesos.resourcemanager.tasks.container.docker.force-pull-image",
    kind: "true or false",
    default: Some("false"),
    meaning: "Whether the agent pulls the image even if it has it.",
};

pub const DOCKER_PARAMETERS: Key = Key {
    name: "mesos.resourcemanager.tasks.container.docker.parameters",
    kind: "list of key=value",
    default: None,
    meaning: "Further options of docker run.",
};

pub const CONTAINER_IMAGE: Key = Key {
    name: "mesos.resourcemanager.tasks.container.image.name",
    kind: "text",
    default: None,
    meaning: "Image of the TaskManagers.",
};

pub const CONTAINER_NETWORK: Key = Key {
    name: "mesos.resourcemanager.tasks.container.network",
    kind: "host, bridge or a name",
    default: Some("host"),
    meaning: "Network of the TaskManagers' containers: host (the agent's own), bridge (Docker's), or the name of a CNI or Docker network.",
};

pub const CONTAINER_TYPE: Key = Key {
    name: "mesos.resourcemanager.tasks.container.type",
    kind: "mesos or docker",
    default: Some("mesos"),
    meaning: "Which containerizer runs the TaskManagers.",
};

pub const CONTAINER_VOLUMES: Key = Key {
    name: "mesos.resourcemanager.tasks.container.volumes",
    kind: "list of [host:]container[:RO|RW]",
    default: None,
    meaning: "Volumes of the TaskManagers' containers.",
};

pub const TASK_CPUS: Key = Key {
    name: "mesos.resourcemanager.tasks.cpus",
    kind: "number",
    default: Some("0.0"),
    meaning: "CPUs of a TaskManager; 0 for one CPU per slot. taskmanager.cpu.cores takes precedence.",
};

pub const TASK_DELIVERY: Key = Key {
    name: "mesos.resourcemanager.tasks.delivery",
    kind: "none, flink or all",
    default: None,
    meaning: "What agents fetch from the AppMaster: all (this program, Flink and Java), flink (this program and Flink) or none. If not set, it is none if TaskManagers run in an image, else all.",
};

pub const TASK_DISK: Key = Key {
    name: "mesos.resourcemanager.tasks.disk",
    kind: "MiB",
    default: Some("0"),
    meaning: "Disk of a TaskManager.",
};

pub const TASK_GPUS: Key = Key {
    name: "mesos.resourcemanager.tasks.gpus",
    kind: "number",
    default: Some("0"),
    meaning: "GPUs of a TaskManager.",
};

pub const TASK_HOSTNAME: Key = Key {
    name: "mesos.resourcemanager.tasks.hostname",
    kind: "text",
    default: None,
    meaning: "Value of taskmanager.host for a TaskManager; the task's id replaces _TASK_ in it.",
};

pub const KILL_GRACE: Key = Key {
    name: "mesos.resourcemanager.tasks.kill-grace",
    kind: "duration",
    default: Some("30 s"),
    meaning: "How long a TaskManager has between SIGTERM and SIGKILL.",
};

pub const TASK_LABELS: Key = Key {
    name: "mesos.resourcemanager.tasks.labels",
    kind: "map of key:value",
    default: None,
    meaning: "Labels of the Mesos tasks.",
};

pub const TASK_MEM: Key = Key {
    name: "mesos.resourcemanager.tasks.mem",
    kind: "MiB",
    default: None,
    meaning: "Old key for taskmanager.memory.process.size.",
};

pub const TASK_BANDWIDTH: Key = Key {
    name: "mesos.resourcemanager.tasks.network.bandwidth",
    kind: "number",
    default: Some("0"),
    meaning: "Network bandwidth of a TaskManager, in the unit of the agents' resource.",
};

pub const PORT_ASSIGNMENTS: Key = Key {
    name: "mesos.resourcemanager.tasks.port-assignments",
    kind: "list of keys",
    default: None,
    meaning: "Flink keys that are set to a port from the offer, for each TaskManager.",
};

pub const TASK_COMMAND: Key = Key {
    name: "mesos.resourcemanager.tasks.taskmanager-cmd",
    kind: "shell text",
    default: None,
    meaning: "Command that runs instead of this program's taskmanager command.",
};

pub const UNREACHABLE_WAIT: Key = Key {
    name: "mesos.resourcemanager.tasks.unreachable-wait",
    kind: "duration",
    default: Some("5 s"),
    meaning: "If Mesos cannot find a TaskManager and the JobManager no longer receives its heartbeats: how long to wait until it is given up and another is started. If the JobManager still receives them, or cannot be asked, it is 75 s or longer.",
};

pub const TASK_URIS: Key = Key {
    name: "mesos.resourcemanager.tasks.uris",
    kind: "list of URIs",
    default: None,
    meaning: "Further files that the agent fetches into the sandbox.",
};

pub const TASK_USER: Key = Key {
    name: "mesos.resourcemanager.tasks.user",
    kind: "text",
    default: None,
    meaning: "User that the tasks run as.",
};

pub const UNUSED_OFFER_EXPIRATION: Key = Key {
    name: "mesos.resourcemanager.unused-offer-expiration",
    kind: "duration",
    default: Some("120000"),
    meaning: "Accepted, but has no effect: no offer is kept, each is used or declined at once.",
};

pub const SCALING: Key = Key {
    name: "mesos.scaling",
    kind: "fixed, demand",
    default: Some("fixed"),
    meaning: "fixed keeps as many TaskManagers as mesos.initial-tasks or `scale` says; demand starts TaskManagers for the slots that jobs need, and ends those whose slots were all free for resourcemanager.taskmanager-timeout.",
};

pub const SCALING_MAXIMUM: Key = Key {
    name: "mesos.scaling.maximum",
    kind: "number",
    default: None,
    meaning: "Maximum number of TaskManagers if mesos.scaling is demand; slotmanager.number-of-slots.max limits it too.",
};

pub const SCALING_MINIMUM: Key = Key {
    name: "mesos.scaling.minimum",
    kind: "number",
    default: Some("0"),
    meaning: "Minimum number of TaskManagers if mesos.scaling is demand; slotmanager.number-of-slots.min raises it too.",
};

pub const STATE_DIR: Key = Key {
    name: "mesos.state-dir",
    kind: "absolute path",
    default: None,
    meaning: "Directory in which an AppMaster without ZooKeeper keeps its state, so that the next AppMaster on this host takes over framework and TaskManagers, whatever ended the last one; SIGTERM then does not end them. Clusters may share the directory. It is created if its parent exists. Has no effect with high availability.",
};

/// All of them by name.
pub const KEYS: [&Key; 50] = [
    &CONSTRAINTS_HARD,
    &CONSTRAINTS_SOFT,
    &FAILOVER_TIMEOUT,
    &GANG_TIMEOUT,
    &INITIAL_TASKS,
    &MASTER,
    &MASTER_FINGERPRINT,
    &MASTER_TLS,
    &MAXIMUM_FAILED_TASKS,
    &FAILED_TASKS_INTERVAL,
    &PLACEMENT,
    &REGISTRATION_TIMEOUT,
    &ARTIFACT_PORT,
    &ARTIFACT_TLS,
    &DECLINE_REFUSE,
    &FRAMEWORK_NAME,
    &FRAMEWORK_PRINCIPAL,
    &FRAMEWORK_ROLE,
    &FRAMEWORK_SECRET,
    &FRAMEWORK_SECRET_FILE,
    &FRAMEWORK_USER,
    &NETWORK_RESOURCE_NAME,
    &BOOTSTRAP_COMMAND,
    &DOCKER_FORCE_PULL,
    &DOCKER_PARAMETERS,
    &CONTAINER_IMAGE,
    &CONTAINER_NETWORK,
    &CONTAINER_TYPE,
    &CONTAINER_VOLUMES,
    &TASK_CPUS,
    &TASK_DELIVERY,
    &TASK_DISK,
    &TASK_GPUS,
    &TASK_HOSTNAME,
    &KILL_GRACE,
    &TASK_LABELS,
    &TASK_MEM,
    &TASK_BANDWIDTH,
    &PORT_ASSIGNMENTS,
    &TASK_COMMAND,
    &UNREACHABLE_WAIT,
    &TASK_URIS,
    &TASK_USER,
    &UNUSED_OFFER_EXPIRATION,
    &SCALING,
    &SCALING_MAXIMUM,
    &SCALING_MINIMUM,
    &STATE_DIR,
    &STATUS_BIND_ADDRESS,
    &STATUS_PORT,
];
