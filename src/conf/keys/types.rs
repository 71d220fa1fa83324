//! What a value can be: how it is read, how that is said, and what of it may be shown.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::constraint::Constraint;
use domain::demand::MAX_TASKMANAGERS;
use mesos::address::{AddressError, HostPort, MasterAddress, ZooKeeperAddress};
use tls::Fingerprint;

use super::super::redact::Secrecy;
use super::super::settings::agent::{self, Placement};
use super::super::settings::parse::{self, Ports, Secret};
use super::super::settings::task::{self, Delivery, Network, Volume};
use super::super::settings::{artifacts, high_availability, quorum, scaling};
use super::super::size::MemorySize;
use super::super::variables::MAX_COUNT;

/// Of a key's value.
#[derive(Debug)]
pub struct Type<T: 'static> {
    /// For the README.
    pub(super) words: &'static str,
    /// Answers a wrong text with what was expected.
    pub(super) read: fn(&str) -> Result<T, String>,
    pub(super) secrecy: Secrecy,
}

impl<T> Type<T> {
    /// Of a value in which no secret has room.
    const fn plain(words: &'static str, read: fn(&str) -> Result<T, String>) -> Self {
        Self { words, read, secrecy: Secrecy::Nothing }
    }

    const fn with(secrecy: Secrecy, words: &'static str, read: fn(&str) -> Result<T, String>) -> Self {
        Self { words, read, secrecy }
    }
}

pub const BOOLEAN: Type<bool> = Type::plain("true or false", parse::boolean);
pub const COUNT: Type<u32> = Type::plain("number", |text| number(text, 0..=MAX_COUNT));
pub const POSITIVE_COUNT: Type<u32> = Type::plain("number", |text| number(text, 1..=MAX_COUNT));
pub const TASKMANAGERS: Type<u32> = Type::plain("number", |text| number(text, 0..=MAX_TASKMANAGERS));
pub const AMOUNT: Type<u32> = Type::plain("number", |text| number(text, 0..=u32::MAX));
pub const MEBIBYTES: Type<u32> = Type::plain("MiB", |text| number(text, 0..=u32::MAX));
pub const POSITIVE_MEBIBYTES: Type<u32> = Type::plain("MiB", |text| number(text, 1..=u32::MAX));
pub const FRACTION: Type<f64> = Type::plain("number", parse::fraction);
pub const POSITIVE_FRACTION: Type<f64> = Type::plain("number", task::positive);
pub const SLOTS: Type<u32> = Type::plain("number", |text| number(text, 0..=i32::MAX.cast_unsigned()));
pub const POSITIVE_SLOTS: Type<u32> =
    Type::plain("number", |text| number(text, 1..=i32::MAX.cast_unsigned()));
/// -1 for never.
pub const FAILURES: Type<i64> = Type::plain("number", |text| parse::number(-1..=i64::from(u32::MAX))(text));
pub const DURATION: Type<Duration> = Type::plain("duration", parse::duration);
/// In bytes.
pub const SIZE: Type<MemorySize> = Type::plain("size", size);
pub const SECONDS: Type<Duration> = Type::plain("seconds", parse::seconds);
pub const PORT: Type<u16> = Type::plain("port", parse::port_or_any);
pub const PORTS: Type<Ports> = Type::plain("ports", parse::ports);
pub const IP_ADDRESS: Type<IpAddr> = Type::plain("IP address", parse::ip_address);
pub const PLACEMENT: Type<Placement> = Type::plain("spread or pack", agent::placement);
pub const SCALING: Type<scaling::Kind> = Type::plain("fixed, demand", scaling::kind);
pub const DELIVERY: Type<Delivery> = Type::plain("none, flink or all", task::delivery_of);
pub const CONTAINERIZER: Type<bool> = Type::plain("mesos or docker", task::is_docker);
pub const FINGERPRINTS: Type<Vec<Fingerprint>> =
    Type::plain("list of SHA-256", |text| parse::list(fingerprint)(text));
pub const ROLES: Type<Vec<String>> = Type::plain("list of roles", agent::roles);
pub const HA_TYPE: Type<bool> = Type::plain("zookeeper or NONE", high_availability::is_zookeeper);
pub const ACL: Type<bool> = Type::plain("open or creator", high_availability::is_creator);
pub const IS_ADAPTIVE: Type<bool> = Type::plain("text", scaling::is_adaptive);
pub const IS_REACTIVE: Type<bool> = Type::plain("text", scaling::is_reactive);

/// What Flink alone reads, and what is no free text there.
pub const OF_FLINK: Type<String> = Type::plain("text", parse::any_text);

pub const TEXT: Type<String> = Type::with(Secrecy::Text, "text", parse::text);
/// May be empty.
pub const ANY_TEXT: Type<String> = Type::with(Secrecy::Text, "text", parse::any_text);
pub const HOST: Type<String> =
    Type::with(Secrecy::Text, "host", |text| parse::text(text).and_then(|_| parse::host(text)));
/// May be empty.
pub const ANY_HOST: Type<String> = Type::with(Secrecy::Text, "host", parse::host);
pub const WORD: Type<String> = Type::with(Secrecy::Text, "text", parse::word);
pub const USER: Type<String> = Type::with(Secrecy::Text, "text", parse::user);
pub const TEXTS: Type<Vec<String>> =
    Type::with(Secrecy::Text, "list of texts", |text| parse::list(parse::text)(text));
pub const SCHEMES: Type<Vec<String>> = Type::plain("list of schemes", |text| parse::list(scheme)(text));
pub const KEY_NAMES: Type<Vec<String>> =
    Type::with(Secrecy::Text, "list of keys", |text| parse::list(parse::word)(text));
pub const NETWORK: Type<Network> = Type::with(Secrecy::Text, "host, bridge or a name", task::network);
pub const VOLUMES: Type<Vec<Volume>> =
    Type::with(Secrecy::Text, "list of [host:]container[:RO|RW]", task::volumes);
pub const LABELS: Type<Vec<(String, String)>> =
    Type::with(Secrecy::Text, "map of key:value", task::label_pairs);
pub const CONSTRAINTS: Type<Vec<Constraint>> =
    Type::with(Secrecy::Text, "list of attribute:value or attribute:OPERATOR[:value]", agent::constraints);
pub const FILE: Type<PathBuf> =
    Type::with(Secrecy::Text, "path", |text| parse::word(text).map(PathBuf::from));
/// As [`FILE`], with blanks in it.
pub const FILE_NAME: Type<PathBuf> =
    Type::with(Secrecy::Text, "path", |text| parse::text(text).map(PathBuf::from));
pub const DIRECTORY: Type<PathBuf> = Type::with(Secrecy::Text, "absolute path", absolute);
pub const ZOOKEEPER_PATH: Type<String> =
    Type::with(Secrecy::Text, "path of ZooKeeper", high_availability::path);

pub const MASTER: Type<MasterAddress> = Type::with(Secrecy::Addresses, "address", master);
pub const QUORUM: Type<quorum::Quorum> = Type::with(Secrecy::Addresses, "addresses", quorum::quorum);
pub const URI: Type<String> = Type::with(Secrecy::Addresses, "URI", parse::text);
pub const URIS: Type<Vec<String>> = Type::with(Secrecy::Addresses, "list of URIs", task::uris);
pub const ZOOKEEPER: Type<ZooKeeperAddress> = Type::with(Secrecy::Addresses, "zk:// address", zookeeper);
pub const API_ADDRESS: Type<String> = Type::with(Secrecy::Addresses, "address", api_address);
/// Paths are added to it.
pub const BASE_URL: Type<String> = Type::with(Secrecy::Addresses, "URL", artifacts::base_url);
pub const DOCKER_PARAMETERS: Type<Vec<(String, String)>> =
    Type::with(Secrecy::DockerParameters, "list of key=value", task::docker_parameters);

pub const SECRET: Type<Secret> =
    Type::with(Secrecy::Everything, "text", |text| parse::text(text).map(Secret::new));
/// Whatever stands on it.
pub const COMMAND_LINE: Type<String> = Type::with(Secrecy::Everything, "shell text", parse::text);
pub const AUTHORIZATION: Type<Vec<(String, Secret)>> =
    Type::with(Secrecy::Everything, "scheme:data", high_availability::authorization);

fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    parse::number(range)(text)
}

/// Of URIs.
fn scheme(text: &str) -> Result<String, String> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    match text.trim() {
        "file" => Err("schemes other than `file`, which means another file on each machine".to_owned()),
        text if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_inner) => {
            Ok(text.to_owned())
        }
        _ => Err("schemes of URIs, such as `https`".to_owned()),
    }
}

fn size(text: &str) -> Result<MemorySize, String> {
    let size = MemorySize::parse(text).filter(|size| *size > MemorySize::ZERO);
    size.ok_or_else(|| "a size above 0, such as `512m` or `10g`".to_owned())
}

/// The address says what it expected where it is wrong.
fn master(text: &str) -> Result<MasterAddress, String> {
    text.parse().map_err(|error: AddressError| {
        let problem = error.problem.to_string();
        problem.strip_prefix("expected ").map_or_else(|| format!("an address: {problem}"), str::to_owned)
    })
}

fn zookeeper(text: &str) -> Result<ZooKeeperAddress, String> {
    match master(text)? {
        MasterAddress::ZooKeeper(address) => Ok(address),
        MasterAddress::Masters(_) | MasterAddress::File(_) => Err("zk://host:port,host:port/path".to_owned()),
    }
}

/// As it was written, but for blanks and a slash at its end.
fn api_address(text: &str) -> Result<String, String> {
    let wrong = || "HOST:PORT, or a URL such as https://HOST:PORT".to_owned();
    if text.contains("://") {
        return artifacts::base_url(text).map_err(|_| wrong());
    }
    match HostPort::parse(text.trim(), 0) {
        Ok(address) if address.port > 0 => Ok(address.to_string()),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    text.trim().parse().map_err(|_| "a SHA-256 in 64 hexadecimal digits".to_owned())
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text.trim());
    let is_good = path.is_absolute() && path != Path::new("/");
    if is_good { Ok(path) } else { Err("an absolute path of a directory".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatcher_is_reached_at_host_and_port_or_a_url() {
        for (text, expected) in
            [(" d-1:8090 ", "d-1:8090"), ("[::1]:1", "[::1]:1"), ("https://d.example/", "https://d.example")]
        {
            assert_eq!(api_address(text).as_deref(), Ok(expected));
        }
        for wrong in ["", "d-1", "d-1:0", "ftp://d-1:1", "http://u:p@d-1:1", "d-1:1/path"] {
            assert!(api_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dispatchers_meet_below_a_path() {
        let address = zookeeper("zk://u:p@a,b:1/x/y").expect("good");
        assert_eq!((address.servers.len(), &*address.path), (2, "/x/y"));
        for wrong in ["a:2181/x", "zk://a:2181", "zk://a:2181/", "file:///x", ""] {
            assert!(zookeeper(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_relative_path_is_refused() {
        for wrong in ["states", "", "/"] {
            assert_eq!(absolute(wrong), Err("an absolute path of a directory".to_owned()), "{wrong}");
        }
    }
}
