//! Flink's high availability by ZooKeeper, as far as the framework keeps its own state there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::keys::{self, flink};
use super::super::table::Table;
use super::super::warning::Warning;
use super::parse::{self, Secret};
use super::quorum::Quorum;
use super::reader::Reader;
use mesos::address::{ZooKeeperAddress, ZooKeeperCredentials};
use zookeeper::security::Sasl;

/// Where the state that outlives this AppMaster lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighAvailability {
    pub quorum: Quorum,
    /// The path under which all clusters lie; starts with `/`.
    pub root: String,
    /// Tells this cluster from others; starts with `/`.
    pub cluster_id: String,
    /// Below the root: where the states of frameworks lie; starts with `/`.
    pub workers: String,
    /// A URI.
    pub storage_dir: String,
    pub session_timeout: Duration,
    pub connection_timeout: Duration,
    /// What is created is open to us alone.
    pub creator_acl: bool,
    /// Scheme and data, such as `digest` and `user:password`.
    pub authorization: Vec<(String, Secret)>,
    pub sasl: Sasl,
}

impl HighAvailability {
    /// `None` when it is off, or when something required is wrong.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        if !reader.value(&flink::HA_TYPE) {
            return None;
        }
        let quorum = reader.required(&flink::HA_QUORUM, "the ZooKeeper servers, host:port,…");
        let storage_dir = reader.required(&flink::HA_STORAGE_DIR, "a URI that all JobManagers reach");
        let settings = Self {
            // Not used where it is wrong.
            quorum: quorum.unwrap_or(Quorum { servers: Vec::new(), chroot: None }),
            root: reader.value(&flink::HA_ROOT),
            cluster_id: cluster_id(reader),
            workers: reader.value(&flink::HA_WORKERS),
            storage_dir: storage_dir.unwrap_or_default(),
            session_timeout: reader.value(&flink::HA_SESSION_TIMEOUT),
            connection_timeout: reader.value(&flink::HA_CONNECTION_TIMEOUT),
            creator_acl: reader.value(&flink::HA_ACL),
            authorization: reader.optional(&flink::HA_AUTHORIZATION).unwrap_or_default(),
            sasl: sasl(reader),
        };
        Some(settings)
    }
}

/// Of dispatchers, which meet below a path of their own; how to speak with ZooKeeper is Flink's to say.
pub(super) fn of_dispatchers(reader: &mut Reader<'_>, address: ZooKeeperAddress) -> HighAvailability {
    let ZooKeeperAddress { credentials, servers, path } = address;
    let mut authorization = reader.optional(&flink::HA_AUTHORIZATION).unwrap_or_default();
    let digest = |of: ZooKeeperCredentials| Secret::new(format!("{}:{}", of.user, of.password));
    authorization.extend(credentials.map(|credentials| ("digest".to_owned(), digest(credentials))));
    HighAvailability {
        quorum: Quorum { servers, chroot: None },
        root: path,
        cluster_id: String::new(),
        workers: String::new(),
        storage_dir: String::new(),
        session_timeout: reader.value(&flink::HA_SESSION_TIMEOUT),
        connection_timeout: reader.value(&flink::HA_CONNECTION_TIMEOUT),
        creator_acl: reader.value(&flink::HA_ACL),
        authorization,
        sasl: sasl(reader),
    }
}

/// As a path of ZooKeeper; elsewhere it is any text.
fn cluster_id(reader: &mut Reader<'_>) -> String {
    let given = reader.optional(&flink::CLUSTER_ID).unwrap_or_else(|| "default".to_owned());
    path(&given).unwrap_or_else(|expected| {
        reader.reject(flink::CLUSTER_ID.name, expected);
        String::new()
    })
}

fn sasl(reader: &mut Reader<'_>) -> Sasl {
    let section = reader.value(&flink::SASL_SECTION);
    let contexts = reader.optional(&flink::KERBEROS_CONTEXTS);
    let by_kerberos = contexts.unwrap_or_default().contains(&section);
    Sasl { disabled: reader.value(&flink::SASL_DISABLE), section, by_kerberos }
}

/// Two clusters without an id share state and take each other's jobs.
pub fn warnings(table: &Table) -> Option<Warning> {
    (is_on(table) && keys::lookup(table, flink::CLUSTER_ID.name).is_none()).then(|| {
        let key = flink::CLUSTER_ID.name;
        let text = format!(
            "high availability is on and `{key}` is not set: all clusters without it share one state at `/default`"
        );
        Warning::about(key, text)
    })
}

pub fn is_on(table: &Table) -> bool {
    keys::value(table, flink::HA_TYPE.name).is_some_and(|kind| is_zookeeper(kind) == Ok(true))
}

pub fn is_zookeeper(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "zookeeper" => Ok(true),
        "none" | "standalone" => Ok(false),
        _ => Err("`zookeeper` or `NONE`".to_owned()),
    }
}

pub fn is_creator(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "creator" => Ok(true),
        "open" => Ok(false),
        _ => Err("`open` or `creator`".to_owned()),
    }
}

/// Flink's form of a map: `digest:user:password`, with commas between several.
pub fn authorization(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let pairs = parse::list(parse::pair(':', "scheme:data, such as digest:user:password"))(text)?;
    Ok(pairs.into_iter().map(|(scheme, data)| (scheme, Secret::new(data))).collect())
}

/// A path of ZooKeeper with one `/` in front and none behind, as Flink makes it.
pub fn path(given: &str) -> Result<String, String> {
    let path = given.trim().trim_matches('/');
    if path.is_empty() || path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err("a path of ZooKeeper".to_owned());
    }
    Ok(format!("/{path}"))
}
