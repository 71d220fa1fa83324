//! Which cluster and what of it a path below `/ui/` means, and where that is at its JobManager. Pure: nothing but that JobManager can
//! come out.

use axum::http::Method;
use reqwest::Url;

use crate::caller::is_loopback_name;

pub const ROOT: &str = "/ui/";

/// Before a ticket. No path of Flink begins with it.
const TICKET: &str = "/~";

/// `/ui/CLUSTER/PATH` or `/ui/CLUSTER/~TICKET/PATH`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    pub cluster: &'a str,
    pub ticket: Option<&'a str>,
    /// At the JobManager, with its first slash; empty where that is missing.
    pub path: &'a str,
}

impl<'a> Asked<'a> {
    pub fn read(path: &'a str) -> Option<Self> {
        let (cluster, path) = at_slash(path.strip_prefix(ROOT)?);
        if cluster.is_empty() {
            return None;
        }
        let (ticket, path) = match path.strip_prefix(TICKET).map(at_slash) {
            Some((ticket, path)) => (Some(ticket), path),
            None => (None, path),
        };
        Some(Self { cluster, ticket, path })
    }

    /// What stands before the JobManager's path.
    pub fn prefix(&self) -> String {
        let ticket = self.ticket.map(|ticket| format!("{TICKET}{ticket}")).unwrap_or_default();
        format!("{ROOT}{}{ticket}", self.cluster)
    }
}

fn at_slash(text: &str) -> (&str, &str) {
    text.split_at(text.find('/').unwrap_or(text.len()))
}

/// Whether everybody who reads the path reads the same: no step up, no separator in disguise.
pub fn is_plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_odd = ["//", "\\", "%2f", "%5c", "%00"].iter().any(|odd| lower.contains(odd));
    !is_odd && !lower.split('/').any(|part| matches!(&*part.replace("%2e", "."), "." | ".."))
}

/// Whether the request changes something, or runs somebody's code. Flink has GETs that do: those by which YARN's proxy, which hands on
/// nothing else, ends jobs, and the plan of a jar, for which its main method is run.
pub fn is_change(method: &Method, path: &str) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    match parts.last().map(|part| &**part) {
        Some(b"yarn-cancel" | b"yarn-stop") => true,
        Some(b"plan") => parts.iter().any(|part| part == b"jars"),
        _ => false,
    }
}

/// As Flink reads it.
fn decoded(part: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), part.as_bytes());
    while let [first, others @ ..] = rest {
        let digits =
            others.get(..2).filter(|_| *first == b'%').and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &others[2..] } else { others };
    }
    bytes
}

/// Whether the host of a JobManager's address is that of one of these agents. AppMasters on an agent with a loopback name, which is
/// `own` machine then, say that they are where that machine is called `own`.
pub fn is_of_agent<'b>(url: &Url, mut agents: impl Iterator<Item = &'b str>, own: &str) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_own = is_loopback_name(host) || host.eq_ignore_ascii_case(own);
    agents.any(|agent| agent.eq_ignore_ascii_case(host) || is_own && is_loopback_name(agent))
}

/// Where that is, if it is at this JobManager and read there as it is here.
pub fn at_jobmanager(base: &Url, path: &str, query: Option<&str>) -> Option<Url> {
    let expected = format!("{}{path}", base.path().trim_end_matches('/'));
    let mut url = base.join(&expected).ok()?;
    url.set_query(query);
    (path.starts_with('/') && url.origin() == base.origin() && url.path() == expected).then_some(url)
}

/// Where a redirection leads through this dispatcher; none where it leads somewhere else.
pub fn redirected(base: &Url, from: &Url, prefix: &str, location: &str) -> Option<String> {
    let to = from.join(location).ok()?;
    let path = to.path().strip_prefix(base.path().trim_end_matches('/'))?;
    if to.origin() != base.origin() || !path.starts_with('/') {
        return None;
    }
    let query = to.query().map(|query| format!("?{query}")).unwrap_or_default();
    let fragment = to.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
    Some(format!("{prefix}{path}{query}{fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_cluster_and_perhaps_a_ticket() {
        let asked = |cluster, ticket, path| Some(Asked { cluster, ticket, path });
        for (path, expected) in [
            ("/ui/a", asked("a", None, "")),
            ("/ui/a/", asked("a", None, "/")),
            ("/ui/a/jobs/overview", asked("a", None, "/jobs/overview")),
            ("/ui/a/~t", asked("a", Some("t"), "")),
            ("/ui/a/~t/", asked("a", Some("t"), "/")),
            ("/ui/a/~t/~t/x", asked("a", Some("t"), "/~t/x")),
            ("/ui/a/b/~t/x", asked("a", None, "/b/~t/x")),
            ("/ui/", None),
            ("/ui//x", None),
            ("/uib/x", None),
        ] {
            assert_eq!(Asked::read(path), expected, "{path}");
        }
        for (ticket, prefix) in [(None, "/ui/a"), (Some("t"), "/ui/a/~t")] {
            assert_eq!(Asked { cluster: "a", ticket, path: "/x" }.prefix(), prefix);
        }
    }

    const TRICKS: [&str; 16] = [
        "/..",
        "/../v1/clusters",
        "/a/../../b",
        "/.",
        "/%2e%2e/b",
        "/%2E./b",
        "/.%2e/",
        "//evil.example/",
        "/a//b",
        "/a%2fb",
        "/a%2F..%2Fb",
        "/\\evil.example",
        "/a\\..\\b",
        "/a%5c..",
        "/a%00b",
        "/a/%2e",
    ];

    #[test]
    fn what_could_be_read_in_two_ways_is_not_plain() {
        for trick in TRICKS {
            assert!(!is_plain(trick), "{trick}");
        }
        for path in
            ["/", "/jobs/overview", "/taskmanagers/h:31001-a..b/logs/a%20b.log", "/...", "/jars/a%2bb.jar"]
        {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn nothing_leads_to_anybody_else() {
        for base in ["http://h:31001", "http://h:31001/", "http://h:31001/flink/"] {
            let base = Url::parse(base).expect("a URL");
            let prefix = base.path().trim_end_matches('/');
            let more = ["", "@evil.example/", ":80@evil.example/", ".evil.example/", "http://evil.example/"];
            for path in TRICKS.into_iter().chain(more) {
                let found = at_jobmanager(&base, path, None);
                let stays = found.as_ref().is_none_or(|url| {
                    url.origin() == base.origin() && url.path() == format!("{prefix}{path}")
                });
                assert!(stays, "{path}: {found:?}");
            }
            let found = at_jobmanager(&base, "/jobs/overview", Some("a=../b&c=//d")).expect("a path");
            assert_eq!(found.as_str(), format!("http://h:31001{prefix}/jobs/overview?a=../b&c=//d"));
        }
    }

    #[test]
    fn some_gets_change_something() {
        for path in [
            "/jobs/1/yarn-cancel",
            "/v1/jobs/1/yarn-stop",
            "/jobs/1/yarn-cancel/",
            "/jobs/1/yarn%2dcancel",
            "/jobs/1/%79arn-stop",
            "/jars/a.jar/plan",
            "/v1/%6aars/a.jar/pla%6e",
        ] {
            assert!(is_change(&Method::GET, path), "{path}");
            assert!(is_change(&Method::HEAD, path), "{path}");
        }
        for path in ["/", "/jobs/1/plan", "/jars", "/jobs/yarn-cancel/x", "/config", "/jobs/1%", "/jobs/%zz"]
        {
            assert!(!is_change(&Method::GET, path), "{path}");
            assert!(is_change(&Method::POST, path), "{path}");
        }
    }

    #[test]
    fn a_jobmanager_is_where_an_agent_of_its_cluster_is() {
        for (url, agents, expected) in [
            ("http://h1:31001", &["h2", "h1"][..], true),
            ("http://H1:31001", &["h1"], true),
            ("http://[fd00::1]:31001", &["fd00::1"], true),
            ("http://h3:31001", &["h2", "h1"], false),
            ("http://h1.evil.example", &["h1"], false),
            ("http://169.254.169.254", &["h1"], false),
            ("http://localhost:8090", &["h1"], false),
            ("http://127.0.0.1:8090", &["h1"], false),
            ("http://own:8090", &["h1"], false),
            ("http://own:31001", &["localhost"], true),
            ("http://127.0.0.1:31001", &["localhost"], true),
            ("http://h1:31001", &["localhost"], false),
            ("http://h1:31001", &[], false),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(is_of_agent(&parsed, agents.iter().copied(), "own"), expected, "{url} {agents:?}");
        }
    }

    #[test]
    fn redirections_stay_below_the_cluster() {
        let base = Url::parse("http://h:31001").expect("a URL");
        let from = Url::parse("http://h:31001/jobs/overview").expect("a URL");
        for (location, expected) in [
            ("/x?y#z", Some("/ui/a/x?y#z")),
            ("x", Some("/ui/a/jobs/x")),
            ("http://h:31001/x", Some("/ui/a/x")),
            ("../../../v1/clusters", Some("/ui/a/v1/clusters")),
            ("http://h:31002/x", None),
            ("//evil.example/x", None),
            ("https://h:31001/x", None),
            ("javascript:alert(1)", None),
            ("http://", None),
        ] {
            assert_eq!(redirected(&base, &from, "/ui/a", location).as_deref(), expected, "{location}");
        }
    }
}
