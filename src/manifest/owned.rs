//! Keys of the configuration that are not the specification's to set.

use conf::keys::{self, flink};

const BY_DISPATCHER: &str = "it is the dispatcher's own";
const BY_OFFER: &str = "ports come from the offer";
const ROLE: &str = "use spec.mesos.role";
const USER: &str = "use spec.mesos.user";

/// With what to do instead.
const FORBIDDEN: [(&str, &str); 18] = [
    ("kubernetes.cluster-id", "it is metadata.name"),
    ("kubernetes.namespace", "Mesos has no namespaces"),
    (flink::CLUSTER_ID.name, "the dispatcher gives each cluster its own"),
    ("high-availability.zookeeper.path.namespace", "the dispatcher gives each cluster its own"),
    ("recovery.zookeeper.path.namespace", "the dispatcher gives each cluster its own"),
    (keys::ARTIFACT_PORT.name, BY_OFFER),
    (keys::FRAMEWORK_NAME.name, "it is metadata.name"),
    (keys::FRAMEWORK_PRINCIPAL.name, BY_DISPATCHER),
    (keys::FRAMEWORK_ROLE.name, ROLE),
    (keys::FRAMEWORK_SECRET.name, BY_DISPATCHER),
    (keys::FRAMEWORK_SECRET_FILE.name, BY_DISPATCHER),
    (keys::FRAMEWORK_USER.name, USER),
    (keys::MASTER.name, BY_DISPATCHER),
    (keys::MASTER_FINGERPRINT.name, BY_DISPATCHER),
    (keys::MASTER_TLS.name, BY_DISPATCHER),
    (keys::STATE_DIR.name, "the dispatcher keeps the state"),
    (keys::STATUS_PORT.name, BY_OFFER),
    // Whoever may not choose the user of tasks could do so here.
    (keys::TASK_USER.name, USER),
];

/// Flink's own ports.
const PORTS: [&str; 9] = [
    flink::BLOB_PORT.name,
    flink::HA_JOB_MANAGER_PORT.name,
    "jobmanager.web.port",
    "recovery.jobmanager.port",
    flink::REST_BIND_PORT.name,
    flink::REST_PORT.name,
    flink::RPC_PORT.name,
    "web.port",
    keys::STATUS_BIND_ADDRESS.name,
];

/// Why the key is refused.
pub fn is_forbidden(key: &str) -> Option<&'static str> {
    FORBIDDEN.iter().find(|(name, _)| *name == key).map(|(_, why)| *why)
}

/// Why the key is left out of what the AppMaster gets.
pub fn is_dropped(key: &str, value: &str) -> Option<&'static str> {
    if is_forbidden(key).is_some() {
        return Some("is not the specification's to set");
    }
    if PORTS.contains(&key) {
        return Some("is ignored: addresses and ports of AppMasters come from the offer");
    }
    if is_kubernetes_ha(key, value) {
        return Some("is ignored: high availability is the dispatcher's ZooKeeper here");
    }
    key.starts_with("kubernetes.").then_some("has no meaning on Mesos and is ignored")
}

/// Whether it asks for high availability by Kubernetes.
pub fn is_kubernetes_ha(key: &str, value: &str) -> bool {
    let value = value.trim().to_lowercase();
    [flink::HA_TYPE.name, flink::HA_OLD_TYPE.name].contains(&key)
        && (value == "kubernetes" || value.ends_with("kuberneteshaservicesfactory"))
}
