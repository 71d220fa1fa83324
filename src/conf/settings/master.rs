//! Where the Mesos master is.

use std::path::PathBuf;

use super::parse::Secret;

/// `mesos.master`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// One master, or all of a group.
    Addresses(Vec<HostPort>),
    ZooKeeper {
        servers: Vec<HostPort>,
        credentials: Option<Credentials>,
        /// Starts with `/`.
        path: String,
    },
    /// A file that holds one of the other forms.
    File(PathBuf),
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
}

/// Of ZooKeeper's digest scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

const DEFAULT_MASTER_PORT: u16 = 5050;
const DEFAULT_ZOOKEEPER_PORT: u16 = 2181;
const EXPECTED: &str = "host:port, zk://host:port,…/path or file:///path";

/// Parses `mesos.master`, and the contents of the file it can name.
pub fn parse(text: &str) -> Result<Master, String> {
    let text = text.trim();
    if let Some(path) = text.strip_prefix("file://") {
        let path = PathBuf::from(path);
        return if path.is_absolute() {
            Ok(Master::File(path))
        } else {
            Err("file:// and an absolute path".to_owned())
        };
    }
    if let Some(rest) = text.strip_prefix("zk://") {
        return zookeeper(rest);
    }
    let addresses = host_ports(text, DEFAULT_MASTER_PORT).map(Master::Addresses);
    addresses.filter(|_| !text.contains('/')).ok_or_else(|| EXPECTED.to_owned())
}

fn zookeeper(rest: &str) -> Result<Master, String> {
    let expected = || "zk://host:port,…/path".to_owned();
    // A password may contain anything but `@`'s end: the last one ends the credentials.
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => {
            let (user, password) =
                credentials.split_once(':').ok_or_else(|| "zk://user:password@…".to_owned())?;
            (Some(Credentials { user: user.to_owned(), password: Secret::new(password.to_owned()) }), rest)
        }
        None => (None, rest),
    };
    let (servers, path) =
        rest.split_once('/').ok_or_else(|| "zk://host:port,…/path, with a path".to_owned())?;
    if path.is_empty() || path.ends_with('/') || path.contains("//") {
        return Err("zk://host:port,…/path, with a path".to_owned());
    }
    let servers = host_ports(servers, DEFAULT_ZOOKEEPER_PORT).ok_or_else(expected)?;
    Ok(Master::ZooKeeper { servers, credentials, path: format!("/{path}") })
}

fn host_ports(text: &str, default_port: u16) -> Option<Vec<HostPort>> {
    text.split(',').map(|text| host_port(text.trim(), default_port)).collect()
}

fn host_port(text: &str, default_port: u16) -> Option<HostPort> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default_port), |port| port.parse().ok().filter(|port| *port > 0))?;
    let wrong = host.is_empty() || host.contains(|c: char| c.is_whitespace() || "@/?#".contains(c));
    (!wrong).then(|| HostPort { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A short spelling of the parsed address.
    fn tell(text: &str) -> String {
        let list = |servers: &[HostPort]| {
            servers
                .iter()
                .map(|server| format!("{}|{}", server.host, server.port))
                .collect::<Vec<_>>()
                .join(" ")
        };
        match parse(text) {
            Ok(Master::Addresses(servers)) => list(&servers),
            Ok(Master::ZooKeeper { servers, credentials, path }) => {
                let user = credentials
                    .map(|Credentials { user, password }| format!("{user}/{} ", password.expose()));
                format!("zk {}{} {path}", user.unwrap_or_default(), list(&servers))
            }
            Ok(Master::File(path)) => format!("file {}", path.display()),
            Err(_) => "wrong".to_owned(),
        }
    }

    #[test]
    fn all_forms() {
        for (text, expected) in [
            ("m:5050", "m|5050"),
            ("m", "m|5050"),
            ("[::1]:5050", "::1|5050"),
            ("m1:1,m2:2", "m1|1 m2|2"),
            ("zk://h1:2181,h2/mesos", "zk h1|2181 h2|2181 /mesos"),
            ("zk://u:p@x:w@h1:2181/a/b", "zk u/p@x:w h1|2181 /a/b"),
            ("file:///etc/mesos/zk", "file /etc/mesos/zk"),
            ("", "wrong"),
            ("m:0", "wrong"),
            ("m:x", "wrong"),
            ("http://m:5050", "wrong"),
            ("zk://h1:2181", "wrong"),
            ("zk://h1:2181/", "wrong"),
            ("zk:///mesos", "wrong"),
            ("zk://u@h/mesos", "wrong"),
            ("file://x", "wrong"),
            ("m:1,", "wrong"),
        ] {
            assert_eq!(tell(text), expected, "{text:?}");
        }
    }
}
