//! Definitions of the `mesos.` keys: those of Flink 1.13 and its forerunners, and ours.

mod status;

use super::Key;

pub use status::{STATUS_BIND_ADDRESS, STATUS_PORT};

pub const CONSTRAINTS_HARD: Key = Key {
    name: "mesos.constraints.hard.hostattribute",
    kind: "list of attribute:value or attribute:OPERATOR[:value]",
    default: None,
    meaning: "Only agents for which all of these hold get TaskManagers. Operators as in Marathon, Chronos and Aurora: UNIQUE, CLUSTER, IS, EQUALS, MAX_PER, limit, GROUP_BY, LIKE, UNLIKE, and !value; HOSTNAME, @region and @zone stand for the agent's. Where no constraint names @region, TaskManagers stay in the master's region.",
};

pub const CONSTRAINTS_SOFT: Key = Key {
    name: "mesos.constraints.soft.hostattribute",
    kind: "list of attribute:value or attribute:OPERATOR[:value]",
    default: None,
    meaning: "Agents for which more of these hold are preferred.",
};

pub const FAILOVER_TIMEOUT: Key = Key {
    name: "mesos.failover-timeout",
    kind: "seconds",
    default: Some("604800"),
    meaning: "How long Mesos keeps the TaskManagers of a framework that went away, for the next AppMaster to take over. Without a value it is 300 with mesos.state-dir, and 120 without that and without high availability, for nobody could take them over.",
};

pub const GANG_TIMEOUT: Key = Key {
    name: "mesos.gang-start.timeout",
    kind: "duration",
    default: Some("0"),
    meaning: "How long the first TaskManagers wait until all of them fit and start together; 0 starts each as soon as it fits.",
};

pub const INITIAL_TASKS: Key = Key {
    name: "mesos.initial-tasks",
    kind: "number",
    default: Some("1"),
    meaning: "How many TaskManagers to keep; without effect where mesos.scaling is demand.",
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
    meaning: "The masters' certificates, each by its SHA-256 as `openssl x509 -fingerprint -sha256` prints it: nobody else is \
              spoken to, and over HTTPS only, whoever signed them and whatever they name.",
};

pub const MASTER_TLS: Key = Key {
    name: "mesos.master.ssl.enabled",
    kind: "true or false",
    default: Some("false"),
    meaning: "Whether masters are spoken to over HTTPS; so are those whose address begins with https://.",
};

pub const MAXIMUM_FAILED_TASKS: Key = Key {
    name: "mesos.maximum-failed-tasks",
    kind: "number",
    default: Some("-1"),
    meaning: "After how many failed TaskManagers the cluster ends; -1 for never. Those that Mesos refuses to launch count too.",
};

pub const FAILED_TASKS_INTERVAL: Key = Key {
    name: "mesos.maximum-failed-tasks.interval",
    kind: "duration",
    default: Some("0"),
    meaning: "Only TaskManagers that failed within this time count for that; 0 counts all since the cluster began.",
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
    meaning: "Port of the server from which agents fetch files; 0 for any free one. If not set, one from 20000 to 29999 that high-availability.cluster-id and mesos.resourcemanager.framework.name tell, or one of the 15 above it, so that addresses outlast a restart and agents find in their caches what they fetched; any free one if others have all of them.",
};

pub const ARTIFACT_TLS: Key = Key {
    name: "mesos.resourcemanager.artifactserver.ssl.enabled",
    kind: "true or false",
    default: Some("true"),
    meaning: "Whether that server speaks HTTPS when Flink's REST endpoint does.",
};

pub const DECLINE_REFUSE: Key = Key {
    name: "mesos.resourcemanager.declined-offer-refuse-duration",
    kind: "duration",
    default: Some("5000"),
    meaning: "For how long Mesos shall not offer again what was declined.",
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
    meaning: "File with the secret of the principal; it wins over the secret itself.",
};

pub const FRAMEWORK_USER: Key = Key {
    name: "mesos.resourcemanager.framework.user",
    kind: "text",
    default: None,
    meaning: "User of the agents that tasks run as unless another is set. If neither is, it is the AppMaster's own; root where \
              that runs in a container, whose users agents do not have, or has no name.",
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
    meaning: "Runs in the task before the TaskManager; its failure fails the task.",
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
    meaning: "Network of the TaskManagers' containers: the agent's, docker's bridge, or a CNI or docker network by name.",
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
    meaning: "CPUs of a TaskManager; 0 for one CPU a slot. taskmanager.cpu.cores wins.",
};

pub const TASK_DELIVERY: Key = Key {
    name: "mesos.resourcemanager.tasks.delivery",
    kind: "none, flink or all",
    default: None,
    meaning: "What agents fetch from the AppMaster: all, this program with Flink, or none; none when there is an image.",
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
    meaning: "taskmanager.host of a TaskManager; _TASK_ in it becomes the task's id.",
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
    meaning: "Old way to say taskmanager.memory.process.size.",
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
    meaning: "Keys of Flink that are set to a port from the offer for each TaskManager.",
};

pub const TASK_COMMAND: Key = Key {
    name: "mesos.resourcemanager.tasks.taskmanager-cmd",
    kind: "shell text",
    default: None,
    meaning: "Runs in place of this program's taskmanager command.",
};

pub const UNREACHABLE_WAIT: Key = Key {
    name: "mesos.resourcemanager.tasks.unreachable-wait",
    kind: "duration",
    default: Some("5 s"),
    meaning: "How long a TaskManager is waited for that Mesos does not find and the JobManager has heard and does not hear any more; one that the JobManager hears, or that nobody can tell of, has 75 s and longer.",
};

pub const TASK_URIS: Key = Key {
    name: "mesos.resourcemanager.tasks.uris",
    kind: "list of URIs",
    default: None,
    meaning: "What the agent fetches into the sandbox besides.",
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
    meaning: "Accepted and without effect: no offer is kept, each is used or declined at once.",
};

pub const SCALING: Key = Key {
    name: "mesos.scaling",
    kind: "fixed, demand",
    default: Some("fixed"),
    meaning: "fixed keeps as many TaskManagers as mesos.initial-tasks or `scale` says; demand starts them for the \
              slots that jobs ask for, and ends those that had no used slot for resourcemanager.taskmanager-timeout.",
};

pub const SCALING_MAXIMUM: Key = Key {
    name: "mesos.scaling.maximum",
    kind: "number",
    default: None,
    meaning: "With demand: most TaskManagers; slotmanager.number-of-slots.max counts too.",
};

pub const SCALING_MINIMUM: Key = Key {
    name: "mesos.scaling.minimum",
    kind: "number",
    default: Some("0"),
    meaning: "With demand: fewest TaskManagers; slotmanager.number-of-slots.min counts too.",
};

pub const STATE_DIR: Key = Key {
    name: "mesos.state-dir",
    kind: "absolute path",
    default: None,
    meaning: "A directory in which an AppMaster without ZooKeeper keeps its state, so that the next one on this host takes framework and TaskManagers over, whatever ended the last one; SIGTERM then leaves them to it. Clusters may share the directory. It is created if its parent exists. Has no effect with high availability.",
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
