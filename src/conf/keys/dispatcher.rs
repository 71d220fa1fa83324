//! Definitions of the keys of the dispatcher, which AppMasters do not read.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use mesos::address::ZooKeeperAddress;

use super::super::size::MemorySize;
use super::{Definition, Key, Tried, types};

/// Each is followed by a version, as `1.20`, and names where that Flink is.
pub const FLINK: &str = "dispatcher.flink.";

pub const ADDRESS: Key<String> = Key {
    name: "dispatcher.address",
    meaning: "HOST:PORT or URL at which other dispatchers and users reach this dispatcher's API. If not set, the name of this machine and the port of the API.",
    ..Key::of(types::API_ADDRESS)
};

pub const ARTIFACTS_ALLOW_PRIVATE: Key<bool> = Key {
    name: "dispatcher.artifacts.allow-private-addresses",
    default: Some("false"),
    meaning: "Whether AppMasters fetch jars from http:// and https:// addresses that are not public: of loopback, private networks and link-local ones.",
    ..Key::of(types::BOOLEAN)
};

pub const ARTIFACTS_DIR: Key<PathBuf> = Key {
    name: "dispatcher.artifacts.dir",
    meaning: "Directory of the artifacts that users push, its own for each dispatcher or one that all dispatchers share. If not set, artifacts in dispatcher.state-dir.",
    tried: Tried::Directory,
    ..Key::of(types::DIRECTORY)
};

pub const ARTIFACTS_GRACE: Key<Duration> = Key {
    name: "dispatcher.artifacts.grace",
    default: Some("1 h"),
    meaning: "How long an artifact is kept to which no specification refers.",
    ..Key::of(types::DURATION)
};

pub const ARTIFACTS_MAX_FILE: Key<MemorySize> = Key {
    name: "dispatcher.artifacts.max-file",
    default: Some("1g"),
    meaning: "How large an artifact may be.",
    ..Key::of(types::SIZE)
};

pub const ARTIFACTS_MAX_TOTAL: Key<MemorySize> = Key {
    name: "dispatcher.artifacts.max-total",
    default: Some("10g"),
    meaning: "How large all artifacts together may be.",
    ..Key::of(types::SIZE)
};

pub const ARTIFACTS_SCHEMES: Key<Vec<String>> = Key {
    name: "dispatcher.artifacts.schemes",
    default: Some("local,artifact,https,http"),
    meaning: "With which schemes spec.job.jarURI may begin. Those of Flink's file systems, such as s3, are fetched by Flink from 1.19 on.",
    ..Key::of(types::SCHEMES)
};

pub const BIND_ADDRESS: Key<IpAddr> = Key {
    name: "dispatcher.bind-address",
    default: Some("127.0.0.1"),
    meaning: "Address on which the dispatcher's API listens. One that is not of loopback needs dispatcher.tokens or certificates of clients.",
    ..Key::of(types::IP_ADDRESS)
};

pub const JAVA_HOME: Key<PathBuf> = Key {
    name: "dispatcher.java-home",
    meaning: "The Java that agents are given with a Flink from a directory. If not set, they must have one.",
    ..Key::of(types::DIRECTORY)
};

pub const PORT: Key<u16> = Key {
    name: "dispatcher.port",
    default: Some("8090"),
    meaning: "Port of the dispatcher's API; 0 for any free one.",
    tried: Tried::Port,
    ..Key::of(types::PORT)
};

pub const SSL: Key<bool> = Key {
    name: "dispatcher.ssl.enabled",
    default: Some("false"),
    meaning: "Whether the dispatcher's API speaks TLS, with the key store of security.ssl.rest.*; with security.ssl.rest.authentication-enabled only with clients that show a certificate of its trust store.",
    ..Key::of(types::BOOLEAN)
};

pub const STATE_DIR: Key<PathBuf> = Key {
    name: "dispatcher.state-dir",
    default: Some("/var/lib/flink-on-mesos"),
    meaning: "Directory in which a single dispatcher keeps what it was told.",
    tried: Tried::Directory,
    ..Key::of(types::DIRECTORY)
};

pub const TOKENS: Key<PathBuf> = Key {
    name: "dispatcher.tokens",
    meaning: "File with the hashes of tokens and what each allows; it is read again when it changes.",
    tried: Tried::File,
    ..Key::of(types::DIRECTORY)
};

pub const ZOOKEEPER: Key<ZooKeeperAddress> = Key {
    name: "dispatcher.zookeeper",
    meaning: "Where several dispatchers elect their leader and keep what they are told, as zk://HOST:PORT,HOST:PORT/PATH; the path is theirs alone. If not set, there is one dispatcher, with a state directory.",
    ..Key::of(types::ZOOKEEPER)
};

/// In order of their names.
pub const KEYS: [Definition; 14] = [
    ADDRESS.definition(),
    ARTIFACTS_ALLOW_PRIVATE.definition(),
    ARTIFACTS_DIR.definition(),
    ARTIFACTS_GRACE.definition(),
    ARTIFACTS_MAX_FILE.definition(),
    ARTIFACTS_MAX_TOTAL.definition(),
    ARTIFACTS_SCHEMES.definition(),
    BIND_ADDRESS.definition(),
    JAVA_HOME.definition(),
    PORT.definition(),
    SSL.definition(),
    STATE_DIR.definition(),
    TOKENS.definition(),
    ZOOKEEPER.definition(),
];
