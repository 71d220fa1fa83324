//! The servers of ZooKeeper, as Flink's client reads them.

use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use mesos::address::{HostPort, ZOOKEEPER_PORT};

const EXPECTED: &str = "ZooKeeper servers such as `zk1:2181,zk2:2181`, and at most one path after the last, as in `zk1:2181/flink`";

/// Shown as `host:port,host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// At least one.
    pub servers: Vec<HostPort>,
    /// What lies above all nodes; starts with `/`.
    pub chroot: Option<String>,
}

/// A server without a port has that of ZooKeeper, and empty places between commas count for nothing.
pub fn quorum(text: &str) -> Result<Quorum, String> {
    let text = text.trim();
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(format!("{EXPECTED}, without `{scheme}://`"));
    }
    let (servers, path) = text.find('/').map_or((text, ""), |slash| text.split_at(slash));
    let chroot = match path {
        "" | "/" => None,
        path => Some(chroot(path)?),
    };
    let servers = servers.split(',').map(str::trim).filter(|server| !server.is_empty());
    let servers: Vec<_> = servers.map(server).collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Ok(Quorum { servers, chroot })
}

fn server(text: &str) -> Result<HostPort, String> {
    // Without brackets the last colon is in front of the port.
    if let Some((address, port)) = text.rsplit_once(':')
        && !text.starts_with('[')
        && address.contains(':')
    {
        let host: Ipv6Addr =
            address.parse().map_err(|_| wrong(text, "an IPv6 address must be in brackets"))?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| wrong(text, "expected a port after it"))?;
        return Ok(HostPort { host: host.to_string(), port });
    }
    let bare = text.strip_suffix(':').unwrap_or(text);
    HostPort::parse(bare, ZOOKEEPER_PORT).map_err(|problem| wrong(text, &problem.to_string()))
}

fn chroot(path: &str) -> Result<String, String> {
    if path.contains(',') {
        return Err(format!("{EXPECTED}, and not a path after each server"));
    }
    let is_bad = |name: &str| matches!(name, "" | "." | "..") || name.chars().any(char::is_control);
    match path.split('/').skip(1).any(is_bad) {
        true => Err(format!("{EXPECTED}, and `{path}` is not a path in ZooKeeper")),
        false => Ok(path.to_owned()),
    }
}

fn wrong(server: &str, problem: &str) -> String {
    format!("{EXPECTED}; in `{server}`: {problem}")
}

impl fmt::Display for Quorum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{server}")?;
        }
        out.write_str(self.chroot.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flink_s_client_takes_works() {
        for (text, expected) in [
            ("z", "z:2181"),
            ("z:2181", "z:2181"),
            (" z:2181 , y:2182 ,", "z:2181,y:2182"),
            (",z:1,,y", "z:1,y:2181"),
            ("z:", "z:2181"),
            ("z:2181/", "z:2181"),
            ("z:2181,y:2181/flink/prod", "z:2181,y:2181/flink/prod"),
            ("[::1]", "[::1]:2181"),
            ("[2001:db8::1]:2181,[2001:db8::2]:2182/x", "[2001:db8::1]:2181,[2001:db8::2]:2182/x"),
            ("::1:2181", "[::1]:2181"),
            ("10.0.0.1:2181", "10.0.0.1:2181"),
        ] {
            assert_eq!(quorum(text).map(|quorum| quorum.to_string()), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "",
            " ",
            ",",
            "/flink",
            "z:x",
            "z:0",
            "z:65536",
            "z:-1",
            "z:21:81",
            "zk://z:2181/flink",
            "z:2181;y:2181",
            "z 2181",
            "z:2181 y:2181",
            "user:pw@z:2181",
            "[::1",
            "[z]:2181",
            "2001:db8::1:99999",
            "z:2181//x",
            "z:2181/x/",
            "z:2181/../x",
            "z:2181/x,y:2181/x",
            "\"z:2181\"",
            "[z:2181, y:2181]",
        ] {
            assert!(quorum(text).is_err_and(|expected| expected.contains("ZooKeeper servers")), "{text}");
        }
    }
}
