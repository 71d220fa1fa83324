//! By what Flink logs in to others.

use std::path::PathBuf;

use super::super::{Key, Tried, types};

pub const KERBEROS_CONTEXTS: Key<Vec<String>> = Key {
    name: "security.kerberos.login.contexts",
    meaning: "Where Flink logs in by Kerberos.",
    ..Key::of(types::TEXTS)
};

pub const KERBEROS_KEYTAB: Key<PathBuf> = Key {
    name: "security.kerberos.login.keytab",
    aliases: &["security.keytab"],
    meaning: "With what Flink logs in by Kerberos.",
    tried: Tried::File,
    ..Key::of(types::FILE_NAME)
};

pub const SASL_DISABLE: Key<bool> = Key {
    name: "zookeeper.sasl.disable",
    default: Some("false"),
    meaning: "Whether nobody logs in to ZooKeeper.",
    ..Key::of(types::BOOLEAN)
};

pub const SASL_SECTION: Key<String> = Key {
    name: "zookeeper.sasl.login-context-name",
    default: Some("Client"),
    meaning: "Of Java's file of logins.",
    ..Key::of(types::TEXT)
};
