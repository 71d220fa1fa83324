//! Where the AppMaster tells about itself.

use std::net::IpAddr;

use super::super::{Key, Tried, types};

pub const STATUS_BIND_ADDRESS: Key<IpAddr> = Key {
    name: "mesos.status.bind-address",
    default: Some("0.0.0.0"),
    meaning: "Address on which the status page listens.",
    ..Key::of(types::IP_ADDRESS)
};

pub const STATUS_PORT: Key<u16> = Key {
    name: "mesos.status.port",
    default: Some("8084"),
    meaning: "Port of the status page; 0 for any free one.",
    tried: Tried::Port,
    ..Key::of(types::PORT)
};
