//! Where the master is: the forms of `mesos.master`, and the `Location` of a redirect.

use core::net::Ipv6Addr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The port of a master whose address names none.
pub const MASTER_PORT: u16 = 5050;

/// The port of a ZooKeeper server whose address names none.
pub const ZOOKEEPER_PORT: u16 = 2181;

/// What `mesos.master` may say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MasterAddress {
    /// One master or several, in order of preference; never empty.
    Masters(Vec<Master>),
    /// The masters' election in ZooKeeper: the leader is to be found there.
    ZooKeeper(ZooKeeperAddress),
    /// The file's content is another address; see [`MasterAddress::from_file`].
    File(PathBuf),
}

/// One master's HTTP endpoint. Shown as `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Master {
    pub scheme: Scheme,
    pub at: HostPort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scheme {
    Http,
    Https,
}

/// Shown as `host:port`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZooKeeperAddress {
    pub credentials: Option<ZooKeeperCredentials>,
    /// Never empty.
    pub servers: Vec<HostPort>,
    /// Absolute, without a slash at its end.
    pub path: String,
}

/// For ZooKeeper's `digest` scheme.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZooKeeperCredentials {
    pub user: String,
    pub password: String,
}

/// A text that is no address of a master. Credentials in it are not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the address of a Mesos master: {problem}")]
pub struct AddressError {
    pub text: String,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("expected host:port, several of them with commas, zk://host:port/path or file:///path")]
    Empty,
    #[error("unknown scheme '{0}', expected http, https, zk or file")]
    Scheme(String),
    #[error("a host is missing")]
    NoHost,
    #[error("host '{0}' contains '{1}'")]
    Host(String, char),
    #[error("'{0}' is not a port, expected 1 to 65535")]
    Port(String),
    #[error("an IPv6 address must be in brackets, as in [::1]:5050")]
    Brackets,
    #[error("expected no path after the port, got '{0}'")]
    Path(String),
    #[error("expected no credentials: mesos.resourcemanager.framework.principal and .secret hold them")]
    Credentials,
    #[error("expected user:password before the @, without a slash")]
    ZooKeeperCredentials,
    #[error("expected a path after the servers, as in zk://host:2181/mesos")]
    ZooKeeperPath,
    #[error("expected an absolute path, as in file:///etc/mesos/zk")]
    FilePath,
    #[error("the file must hold an address, not the name of another file")]
    FileInFile,
}

impl FromStr for MasterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        parse(text).map_err(|problem| AddressError { text: without_credentials(text), problem })
    }
}

impl MasterAddress {
    /// The address in a file that [`MasterAddress::File`] named; never another file.
    pub fn from_file(content: &str) -> Result<Self, AddressError> {
        match content.parse()? {
            Self::File(_) => {
                Err(AddressError { text: content.trim().to_owned(), problem: Problem::FileInFile })
            }
            found @ (Self::Masters(_) | Self::ZooKeeper(_)) => Ok(found),
        }
    }
}

impl Master {
    /// Without a path.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.at)
    }

    /// The master that a redirect from this one names. Mesos sends `//host:port/path`, old ones `http://host:port` or
    /// less; only host and port count. The scheme stays, as Mesos does not tell it.
    pub fn redirected(&self, location: &str) -> Result<Self, AddressError> {
        let rest = location.trim();
        let rest = rest.split_once("//").map_or(rest, |(_, rest)| rest);
        let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
        HostPort::parse(authority, self.at.port)
            .map(|at| Self { scheme: self.scheme, at })
            .map_err(|problem| AddressError { text: location.to_owned(), problem })
    }
}

impl fmt::Display for Master {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(out)
    }
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl HostPort {
    pub fn parse(text: &str, default_port: u16) -> Result<Self, Problem> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let Some((address, port)) = rest.split_once(']') else { return Err(Problem::Brackets) };
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(Problem::Brackets);
            }
            match port.strip_prefix(':') {
                None if port.is_empty() => (address, None),
                None => return Err(Problem::Port(port.to_owned())),
                Some(port) => (address, Some(port)),
            }
        } else {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            if port.is_some_and(|port| port.contains(':')) {
                return Err(Problem::Brackets);
            }
            if let Some(stranger) = host.chars().find(|&letter| !may_be_in_a_host_name(letter)) {
                return Err(Problem::Host(host.to_owned(), stranger));
            }
            (host, port)
        };
        if host.is_empty() {
            return Err(Problem::NoHost);
        }
        let port = match port {
            None => default_port,
            Some(digits) => parse_port(digits).ok_or_else(|| Problem::Port(digits.to_owned()))?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for ZooKeeperCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ZooKeeperCredentials").field("user", &self.user).finish_non_exhaustive()
    }
}

fn parse(text: &str) -> Result<MasterAddress, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if let Some(rest) = text.strip_prefix("zk://") {
        return parse_zookeeper(rest).map(MasterAddress::ZooKeeper);
    }
    if let Some(path) = text.strip_prefix("file://") {
        return if path.starts_with('/') {
            Ok(MasterAddress::File(PathBuf::from(path)))
        } else {
            Err(Problem::FilePath)
        };
    }
    let masters: Result<_, _> = text.split(',').map(|part| parse_master(part.trim())).collect();
    Ok(MasterAddress::Masters(masters?))
}

fn parse_master(text: &str) -> Result<Master, Problem> {
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Http, text),
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some((other, _)) => return Err(Problem::Scheme(other.to_owned())),
    };
    // libprocess' own form of an address.
    let rest = rest.strip_prefix("master@").unwrap_or(rest);
    if rest.contains('@') {
        return Err(Problem::Credentials);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = rest.find('/') {
        return Err(Problem::Path(rest[at..].to_owned()));
    }
    Ok(Master { scheme, at: HostPort::parse(rest, MASTER_PORT)? })
}

/// As libmesos reads it: the path begins at the first slash, so that none can be in the password, and the
/// credentials end at the last `@` before it.
fn parse_zookeeper(rest: &str) -> Result<ZooKeeperAddress, Problem> {
    let Some(slash) = rest.find('/') else { return Err(Problem::ZooKeeperPath) };
    let (authority, path) = rest.split_at(slash);
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.contains("//") {
        return Err(Problem::ZooKeeperPath);
    }
    // Were it read on, a part of the password would be shown as a bad port.
    if path.contains('@') {
        return Err(Problem::ZooKeeperCredentials);
    }
    let (credentials, servers) = match authority.rsplit_once('@') {
        None => (None, authority),
        Some((credentials, servers)) => {
            let Some((user, password)) = credentials.split_once(':') else {
                return Err(Problem::ZooKeeperCredentials);
            };
            (Some(ZooKeeperCredentials { user: user.to_owned(), password: password.to_owned() }), servers)
        }
    };
    let servers: Result<_, _> =
        servers.split(',').map(|server| HostPort::parse(server.trim(), ZOOKEEPER_PORT)).collect();
    Ok(ZooKeeperAddress { credentials, servers: servers?, path: path.to_owned() })
}

/// `u16::from_str` alone would take `+80` and `0`.
fn parse_port(digits: &str) -> Option<u16> {
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port != 0)
}

fn may_be_in_a_host_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_')
}

fn without_credentials(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    match text.rfind('@') {
        Some(at) if at >= start && !text[start..at].eq("master") => {
            format!("{}***{}", &text[..start], &text[at..])
        }
        Some(_) | None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
