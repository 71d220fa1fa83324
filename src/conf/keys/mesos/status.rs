//! Where the AppMaster tells about itself.

use super::Key;

pub const STATUS_BIND_ADDRESS: Key = Key {
    name: "mesos.status.bind-address",
    kind: "IP address",
    default: Some("0.0.0.0"),
    meaning: "Address on which the status page listens.",
};

pub const STATUS_PORT: Key = Key {
    name: "mesos.status.port",
    kind: "port",
    default: Some("8084"),
    meaning: "Port of the status page; 0 for any free one.",
};
