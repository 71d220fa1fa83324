//! Keys of Flink itself that this program sets or reads.

use std::path::PathBuf;
use std::time::Duration;

use super::super::settings::parse::{Ports, Secret};
use super::super::settings::quorum::Quorum;
use super::{Definition, Key, Tried, types};
pub use login::*;

mod login;

/// What follows it is a variable of the JobManager's process.
pub const MASTER_ENVIRONMENT: &str = "containerized.master.env.";
/// What follows it is a variable of each TaskManager's process.
pub const TASK_MANAGER_ENVIRONMENT: &str = "containerized.taskmanager.env.";

pub const ADDRESS: Key<String> = Key {
    name: "jobmanager.rpc.address",
    default: Some("localhost"),
    meaning: "Where TaskManagers find the JobManager.",
    ..Key::of(types::HOST)
};

pub const BLOB_PORT: Key<Ports> = Key {
    name: "blob.server.port",
    default: Some("0"),
    meaning: "From where TaskManagers fetch jars.",
    tried: Tried::Port,
    ..Key::of(types::PORTS)
};

pub const CLUSTER_ID: Key<String> = Key {
    name: "high-availability.cluster-id",
    aliases: &["high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace"],
    default: Some(""),
    meaning: "Tells this cluster from others.",
    ..Key::of(types::ANY_TEXT)
};

pub const CPU_CORES: Key<f64> = Key {
    name: "taskmanager.cpu.cores",
    meaning: "CPUs of a TaskManager.",
    ..Key::of(types::POSITIVE_FRACTION)
};

pub const HA_ACL: Key<bool> = Key {
    name: "high-availability.zookeeper.client.acl",
    default: Some("open"),
    meaning: "Who may read what is in ZooKeeper.",
    ..Key::of(types::ACL)
};

pub const HA_AUTHORIZATION: Key<Vec<(String, Secret)>> = Key {
    name: "high-availability.zookeeper.client.authorization",
    meaning: "As whom it is written.",
    ..Key::of(types::AUTHORIZATION)
};

pub const HA_CONNECTION_TIMEOUT: Key<Duration> = Key {
    name: "high-availability.zookeeper.client.connection-timeout",
    aliases: &["recovery.zookeeper.client.connection-timeout"],
    default: Some("15000"),
    meaning: "How long connecting to ZooKeeper may take.",
    ..Key::of(types::DURATION)
};

pub const HA_JOB_MANAGER_PORT: Key<Ports> = Key {
    name: "high-availability.jobmanager.port",
    aliases: &["recovery.jobmanager.port"],
    default: Some("0"),
    meaning: "The JobManager's with high availability.",
    tried: Tried::Port,
    ..Key::of(types::PORTS)
};

pub const HA_OLD_TYPE: Key<String> = Key {
    name: "high-availability",
    meaning: "The key of HA's type up to Flink 1.16, and an alias of it since.",
    ..Key::of(types::ANY_TEXT)
};

pub const HA_QUORUM: Key<Quorum> = Key {
    name: "high-availability.zookeeper.quorum",
    aliases: &["recovery.zookeeper.quorum"],
    meaning: "The servers of ZooKeeper.",
    ..Key::of(types::QUORUM)
};

pub const HA_ROOT: Key<String> = Key {
    name: "high-availability.zookeeper.path.root",
    aliases: &["recovery.zookeeper.path.root"],
    default: Some("/flink"),
    meaning: "Under which all clusters lie.",
    ..Key::of(types::ZOOKEEPER_PATH)
};

pub const HA_SESSION_TIMEOUT: Key<Duration> = Key {
    name: "high-availability.zookeeper.client.session-timeout",
    aliases: &["recovery.zookeeper.client.session-timeout"],
    default: Some("60000"),
    meaning: "After which ZooKeeper counts a client as gone.",
    ..Key::of(types::DURATION)
};

pub const HA_STORAGE_DIR: Key<String> = Key {
    name: "high-availability.storageDir",
    aliases: &["high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir"],
    meaning: "What is too large for ZooKeeper.",
    tried: Tried::Directory,
    ..Key::of(types::URI)
};

pub const HA_TYPE: Key<bool> = Key {
    name: "high-availability.type",
    aliases: &["recovery.mode", "high-availability"],
    default: Some("NONE"),
    meaning: "By what leaders are elected.",
    ..Key::of(types::HA_TYPE)
};

pub const HA_WORKERS: Key<String> = Key {
    name: "high-availability.zookeeper.path.mesos-workers",
    aliases: &["recovery.zookeeper.path.mesos-workers"],
    default: Some("/mesos-workers"),
    meaning: "Below the root: where the states of frameworks lie.",
    ..Key::of(types::ZOOKEEPER_PATH)
};

pub const HEARTBEAT_INTERVAL: Key<Duration> = Key {
    name: "heartbeat.interval",
    default: Some("10 s"),
    meaning: "Between two heartbeats.",
    ..Key::of(types::DURATION)
};

pub const HEARTBEAT_TIMEOUT: Key<Duration> = Key {
    name: "heartbeat.timeout",
    default: Some("50 s"),
    meaning: "After which one that is not heard counts as gone.",
    ..Key::of(types::DURATION)
};

pub const JOB_MANAGER_BIND_HOST: Key<String> = Key {
    name: "jobmanager.bind-host",
    meaning: "On which address the JobManager listens.",
    ..Key::of(types::ANY_HOST)
};

pub const METRICS_PORT: Key<Ports> = Key {
    name: "metrics.internal.query-service.port",
    default: Some("0"),
    meaning: "From where the Web UI has metrics.",
    tried: Tried::Port,
    ..Key::of(types::PORTS)
};

pub const MAX_SLOTS: Key<u32> = Key {
    name: "slotmanager.number-of-slots.max",
    meaning: "Most slots of the cluster.",
    ..Key::of(types::POSITIVE_SLOTS)
};

pub const MIN_SLOTS: Key<u32> = Key {
    name: "slotmanager.number-of-slots.min",
    default: Some("0"),
    meaning: "Fewest slots of the cluster.",
    ..Key::of(types::SLOTS)
};

pub const PROCESS_MEMORY: Key<String> = Key {
    name: "taskmanager.memory.process.size",
    meaning: "A TaskManager's memory.",
    ..Key::of(types::OF_FLINK)
};

pub const REGISTERED_WITHIN: Key<Duration> = Key {
    name: "resourcemanager.taskmanager-registration.timeout",
    aliases: &["taskmanager.registration.timeout"],
    default: Some("5 min"),
    meaning: "In which a TaskManager must have registered.",
    ..Key::of(types::DURATION)
};

pub const REGISTRATION_ERROR_DELAY: Key<String> = Key {
    name: "cluster.registration.error-delay",
    meaning: "Between two attempts to register.",
    ..Key::of(types::OF_FLINK)
};

pub const REST_ADDRESS: Key<String> = Key {
    name: "rest.address",
    aliases: &["jobmanager.rpc.address"],
    meaning: "Where clients find the REST endpoint.",
    ..Key::of(types::ANY_HOST)
};

pub const REST_BIND_ADDRESS: Key<String> = Key {
    name: "rest.bind-address",
    aliases: &["web.address", "jobmanager.web.address"],
    meaning: "On which address it listens.",
    ..Key::of(types::ANY_HOST)
};

pub const REST_BIND_PORT: Key<Ports> = Key {
    name: "rest.bind-port",
    aliases: &["rest.port", "web.port", "jobmanager.web.port"],
    default: Some("8081"),
    meaning: "On which port it listens.",
    tried: Tried::Port,
    ..Key::of(types::PORTS)
};

pub const REST_KEYSTORE: Key<PathBuf> = Key {
    name: "security.ssl.rest.keystore",
    aliases: &["security.ssl.keystore"],
    meaning: "With what it proves who it is.",
    tried: Tried::File,
    ..Key::of(types::FILE_NAME)
};

pub const REST_KEYSTORE_PASSWORD: Key<Secret> = Key {
    name: "security.ssl.rest.keystore-password",
    aliases: &["security.ssl.keystore-password"],
    meaning: "Of that store.",
    ..Key::of(types::SECRET)
};

pub const REST_KEY_PASSWORD: Key<Secret> = Key {
    name: "security.ssl.rest.key-password",
    aliases: &["security.ssl.key-password"],
    meaning: "Of the key in it.",
    ..Key::of(types::SECRET)
};

pub const REST_PORT: Key<String> = Key {
    name: "rest.port",
    aliases: &["web.port"],
    meaning: "To which port clients connect.",
    ..Key::of(types::OF_FLINK)
};

pub const REST_TRUSTSTORE: Key<PathBuf> = Key {
    name: "security.ssl.rest.truststore",
    aliases: &["security.ssl.truststore"],
    meaning: "Whose certificates it takes.",
    tried: Tried::File,
    ..Key::of(types::FILE_NAME)
};

pub const REST_TRUSTSTORE_PASSWORD: Key<Secret> = Key {
    name: "security.ssl.rest.truststore-password",
    aliases: &["security.ssl.truststore-password"],
    meaning: "Of that store.",
    ..Key::of(types::SECRET)
};

pub const REST_AUTHENTICATION: Key<bool> = Key {
    name: "security.ssl.rest.authentication-enabled",
    default: Some("false"),
    meaning: "Whether its clients show certificates too.",
    ..Key::of(types::BOOLEAN)
};

pub const REST_TLS: Key<bool> = Key {
    name: "security.ssl.rest.enabled",
    aliases: &["security.ssl.enabled"],
    default: Some("false"),
    meaning: "Whether it speaks TLS.",
    ..Key::of(types::BOOLEAN)
};

pub const RETRIEVE_HOST_NAME: Key<String> = Key {
    name: "jobmanager.retrieve-taskmanager-hostname",
    meaning: "Whether names of TaskManagers are looked up.",
    ..Key::of(types::OF_FLINK)
};

pub const RPC_PORT: Key<Ports> = Key {
    name: "jobmanager.rpc.port",
    default: Some("6123"),
    meaning: "The JobManager's without high availability.",
    tried: Tried::Port,
    ..Key::of(types::PORTS)
};

pub const SCHEDULER: Key<bool> = Key {
    name: "jobmanager.scheduler",
    default: Some("default"),
    meaning: "How slots are shared out.",
    ..Key::of(types::IS_ADAPTIVE)
};

pub const SCHEDULER_MODE: Key<bool> = Key {
    name: "scheduler-mode",
    default: Some("none"),
    meaning: "Whether jobs use all slots that there are.",
    ..Key::of(types::IS_REACTIVE)
};

pub const SLOTS: Key<u32> = Key {
    name: "taskmanager.numberOfTaskSlots",
    default: Some("1"),
    meaning: "Of a TaskManager.",
    ..Key::of(types::POSITIVE_COUNT)
};

pub const SLOT_REQUEST_TIMEOUT: Key<String> = Key {
    name: "slot.request.timeout",
    meaning: "How long a job waits for its slots.",
    ..Key::of(types::OF_FLINK)
};

pub const START_UP_TIME: Key<String> = Key {
    name: "resourcemanager.standalone.start-up-time",
    meaning: "How long slots that do not fit are waited for.",
    ..Key::of(types::OF_FLINK)
};

pub const TASK_MANAGER_BIND_HOST: Key<String> = Key {
    name: "taskmanager.bind-host",
    meaning: "On which address a TaskManager listens.",
    ..Key::of(types::ANY_HOST)
};

pub const TASK_MANAGER_HOST: Key<String> =
    Key { name: "taskmanager.host", meaning: "Where others find it.", ..Key::of(types::ANY_HOST) };

pub const TASK_MANAGER_IDLE: Key<Duration> = Key {
    name: "resourcemanager.taskmanager-timeout",
    aliases: &["slotmanager.taskmanager-timeout"],
    default: Some("30000"),
    meaning: "How long one without a used slot stays.",
    ..Key::of(types::DURATION)
};

/// All of them by name.
pub const KEYS: [Definition; 49] = [
    BLOB_PORT.definition(),
    REGISTRATION_ERROR_DELAY.definition(),
    HEARTBEAT_INTERVAL.definition(),
    HEARTBEAT_TIMEOUT.definition(),
    HA_OLD_TYPE.definition(),
    CLUSTER_ID.definition(),
    HA_JOB_MANAGER_PORT.definition(),
    HA_STORAGE_DIR.definition(),
    HA_TYPE.definition(),
    HA_ACL.definition(),
    HA_AUTHORIZATION.definition(),
    HA_CONNECTION_TIMEOUT.definition(),
    HA_SESSION_TIMEOUT.definition(),
    HA_WORKERS.definition(),
    HA_ROOT.definition(),
    HA_QUORUM.definition(),
    JOB_MANAGER_BIND_HOST.definition(),
    RETRIEVE_HOST_NAME.definition(),
    ADDRESS.definition(),
    RPC_PORT.definition(),
    SCHEDULER.definition(),
    METRICS_PORT.definition(),
    START_UP_TIME.definition(),
    REGISTERED_WITHIN.definition(),
    TASK_MANAGER_IDLE.definition(),
    REST_ADDRESS.definition(),
    REST_BIND_ADDRESS.definition(),
    REST_BIND_PORT.definition(),
    REST_PORT.definition(),
    SCHEDULER_MODE.definition(),
    KERBEROS_CONTEXTS.definition(),
    KERBEROS_KEYTAB.definition(),
    REST_AUTHENTICATION.definition(),
    REST_TLS.definition(),
    REST_KEY_PASSWORD.definition(),
    REST_KEYSTORE.definition(),
    REST_KEYSTORE_PASSWORD.definition(),
    REST_TRUSTSTORE.definition(),
    REST_TRUSTSTORE_PASSWORD.definition(),
    SLOT_REQUEST_TIMEOUT.definition(),
    MAX_SLOTS.definition(),
    MIN_SLOTS.definition(),
    TASK_MANAGER_BIND_HOST.definition(),
    CPU_CORES.definition(),
    TASK_MANAGER_HOST.definition(),
    PROCESS_MEMORY.definition(),
    SLOTS.definition(),
    SASL_DISABLE.definition(),
    SASL_SECTION.definition(),
];
