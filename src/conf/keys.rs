//! The keys this program defines, and under which older names Flink looks up the keys we touch.

mod mesos;

use super::table::{Setting, Table};
pub use mesos::*;

/// A key under `mesos.`; the tables of the README come from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    /// The type in words.
    pub kind: &'static str,
    /// As a user would write it; it is read by the same code as a user's value.
    pub default: Option<&'static str>,
    /// One line.
    pub meaning: &'static str,
}

/// Labels can be given as a map in `config.yaml`; its entries arrive as keys of their own.
pub const TASK_LABELS_PREFIX: &str = "mesos.resourcemanager.tasks.labels.";

/// Keys of Flink itself that this program sets or reads.
pub mod flink {
    pub const ADDRESS: &str = "jobmanager.rpc.address";
    pub const BLOB_PORT: &str = "blob.server.port";
    pub const CLUSTER_ID: &str = "high-availability.cluster-id";
    pub const CPU_CORES: &str = "taskmanager.cpu.cores";
    pub const HA_ACL: &str = "high-availability.zookeeper.client.acl";
    pub const HA_AUTHORIZATION: &str = "high-availability.zookeeper.client.authorization";
    pub const HA_CONNECTION_TIMEOUT: &str = "high-availability.zookeeper.client.connection-timeout";
    pub const HA_JOB_MANAGER_PORT: &str = "high-availability.jobmanager.port";
    pub const HA_QUORUM: &str = "high-availability.zookeeper.quorum";
    pub const HA_ROOT: &str = "high-availability.zookeeper.path.root";
    pub const HA_SESSION_TIMEOUT: &str = "high-availability.zookeeper.client.session-timeout";
    pub const HA_STORAGE_DIR: &str = "high-availability.storageDir";
    pub const HA_TYPE: &str = "high-availability.type";
    pub const HA_WORKERS: &str = "high-availability.zookeeper.path.mesos-workers";
    /// The key of HA's type up to Flink 1.16, and an alias of it since.
    pub const HA_OLD_TYPE: &str = "high-availability";
    pub const KERBEROS_CONTEXTS: &str = "security.kerberos.login.contexts";
    pub const HEARTBEAT_INTERVAL: &str = "heartbeat.interval";
    pub const HEARTBEAT_TIMEOUT: &str = "heartbeat.timeout";
    pub const JOB_MANAGER_BIND_HOST: &str = "jobmanager.bind-host";
    pub const MASTER_ENVIRONMENT: &str = "containerized.master.env.";
    pub const PROCESS_MEMORY: &str = "taskmanager.memory.process.size";
    pub const REGISTRATION_ERROR_DELAY: &str = "cluster.registration.error-delay";
    pub const REST_ADDRESS: &str = "rest.address";
    pub const REST_BIND_ADDRESS: &str = "rest.bind-address";
    pub const REST_BIND_PORT: &str = "rest.bind-port";
    pub const REST_KEYSTORE: &str = "security.ssl.rest.keystore";
    pub const REST_KEYSTORE_PASSWORD: &str = "security.ssl.rest.keystore-password";
    pub const REST_KEY_PASSWORD: &str = "security.ssl.rest.key-password";
    pub const REST_PORT: &str = "rest.port";
    pub const REST_TLS: &str = "security.ssl.rest.enabled";
    pub const REGISTERED_WITHIN: &str = "resourcemanager.taskmanager-registration.timeout";
    pub const RETRIEVE_HOST_NAME: &str = "jobmanager.retrieve-taskmanager-hostname";
    pub const RPC_PORT: &str = "jobmanager.rpc.port";
    pub const SLOT_REQUEST_TIMEOUT: &str = "slot.request.timeout";
    pub const SLOTS: &str = "taskmanager.numberOfTaskSlots";
    pub const SCHEDULER: &str = "jobmanager.scheduler";
    pub const SCHEDULER_MODE: &str = "scheduler-mode";
    pub const SLOTS_MOST: &str = "slotmanager.number-of-slots.max";
    pub const SLOTS_LEAST: &str = "slotmanager.number-of-slots.min";
    pub const START_UP_TIME: &str = "resourcemanager.standalone.start-up-time";
    pub const SASL_DISABLE: &str = "zookeeper.sasl.disable";
    pub const SASL_SECTION: &str = "zookeeper.sasl.login-context-name";
    pub const TASK_MANAGER_BIND_HOST: &str = "taskmanager.bind-host";
    pub const TASK_MANAGER_ENVIRONMENT: &str = "containerized.taskmanager.env.";
    pub const TASK_MANAGER_HOST: &str = "taskmanager.host";
    pub const TASK_MANAGER_IDLE: &str = "resourcemanager.taskmanager-timeout";
}

/// The older names in the order in which Flink tries them after the exact one.
const ALIASES: [(&str, &[&str]); 19] = [
    (flink::CLUSTER_ID, &["high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace"]),
    (flink::HA_CONNECTION_TIMEOUT, &["recovery.zookeeper.client.connection-timeout"]),
    (flink::HA_JOB_MANAGER_PORT, &["recovery.jobmanager.port"]),
    (flink::HA_QUORUM, &["recovery.zookeeper.quorum"]),
    (flink::HA_ROOT, &["recovery.zookeeper.path.root"]),
    (flink::HA_SESSION_TIMEOUT, &["recovery.zookeeper.client.session-timeout"]),
    (flink::HA_STORAGE_DIR, &["high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir"]),
    (flink::HA_TYPE, &["recovery.mode", flink::HA_OLD_TYPE]),
    (flink::HA_WORKERS, &["recovery.zookeeper.path.mesos-workers"]),
    (flink::REGISTERED_WITHIN, &["taskmanager.registration.timeout"]),
    (flink::REST_ADDRESS, &[flink::ADDRESS]),
    (flink::REST_BIND_ADDRESS, &["web.address", "jobmanager.web.address"]),
    (flink::REST_BIND_PORT, &[flink::REST_PORT, "web.port", "jobmanager.web.port"]),
    (flink::REST_KEYSTORE, &["security.ssl.keystore"]),
    (flink::REST_KEYSTORE_PASSWORD, &["security.ssl.keystore-password"]),
    (flink::REST_KEY_PASSWORD, &["security.ssl.key-password"]),
    (flink::REST_PORT, &["web.port"]),
    (flink::REST_TLS, &["security.ssl.enabled"]),
    (flink::TASK_MANAGER_IDLE, &["slotmanager.taskmanager-timeout"]),
];

/// What Flink would find for `key`: the exact key first, then its older names; with the name found.
pub fn lookup<'a>(table: &'a Table, key: &'a str) -> Option<(&'a str, &'a Setting)> {
    let older = ALIASES.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, older)| older);
    std::iter::once(key)
        .chain(older.iter().copied())
        .find_map(|name| table.setting(name).map(|setting| (name, setting)))
}

/// The value that [`lookup`] finds.
pub fn value<'a>(table: &'a Table, key: &'a str) -> Option<&'a str> {
    lookup(table, key).map(|(_, setting)| setting.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::table::Origin;
    use super::*;

    #[test]
    fn the_exact_key_comes_first_and_then_the_listed_order() {
        let mut table = Table::default();
        assert_eq!(lookup(&table, flink::REST_BIND_PORT), None);
        for (name, value) in [("web.port", "3"), (flink::REST_PORT, "2"), (flink::REST_BIND_PORT, "1")] {
            table.set(name, value, Origin::Argument);
            let (found, setting) = lookup(&table, flink::REST_BIND_PORT).unwrap();
            assert_eq!((found, &*setting.value), (name, value));
        }
    }

    #[test]
    fn keys_are_sorted_and_unique() {
        for pair in KEYS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
    }
}
