//! What a file may use beyond what its crate's manifest says. A name is forbidden when a ban's words appear in it one after the
//! other.

use super::Finding;
use super::source::{Name, Source};

pub struct Wall {
    pub rule: &'static str,
    pub files: &'static [&'static str],
    /// Files that the wall does not bind.
    pub except: &'static [&'static str],
    /// Words of paths.
    pub ban: &'static [&'static str],
}

pub const WALLS: &[Wall] = &[
    Wall {
        rule: "a pure file knows no runtime, clock, environment, file, network or random number",
        files: PURE,
        except: &[
            "src/dispatcher/driver.rs",
            "src/dispatcher/driver/**",
            "src/scheduler/driver.rs",
            "src/scheduler/driver/**",
        ],
        ban: &[
            "tokio",
            "reqwest",
            "hyper",
            "axum",
            "zookeeper_client",
            "std::net",
            "std::fs",
            "std::env",
            "std::thread",
            "Instant::now",
            "SystemTime",
            "fastrand",
            "Rng::new",
            "rand",
            "tempfile",
            "Uuid::new_v4",
        ],
    },
    Wall {
        rule: "the embedded Mesos speaks HTTP to schedulers: of their side it knows the wire format alone",
        files: &["src/mini-mesos/**"],
        except: &[],
        ban: &[
            "mesos::address",
            "mesos::call",
            "mesos::client",
            "mesos::detector",
            "mesos::event",
            "mesos::session",
        ],
    },
    Wall {
        rule: "the environment is read in conf/environment.rs",
        files: &["src/**"],
        except: &["src/conf/environment.rs"],
        ban: &["env::var", "env::var_os", "env::vars", "env::vars_os", "env::set_var", "env::remove_var"],
    },
    Wall {
        rule: "only init forks",
        files: &["src/**"],
        except: &["src/init/**"],
        ban: &["process::Command", "unistd::fork", "libc::fork", "spawn::posix_spawn"],
    },
    Wall {
        rule: "system calls are made by init, and by the embedded agent through it",
        files: &["src/**"],
        except: &["src/init/**", "src/mini-mesos/**"],
        ban: &["init::sys"],
    },
];

/// The cores: facts in, decisions out.
const PURE: &[&str] = &[
    "src/access/**",
    "src/logs/follow.rs",
    "src/logs/tail.rs",
    "src/artifact/range.rs",
    "src/claim/lib.rs",
    "src/init/action.rs",
    "src/init/child.rs",
    "src/init/machine.rs",
    "src/init/machine/**",
    "src/init/note.rs",
    "src/init/plan.rs",
    "src/init/signals.rs",
    "src/init/status.rs",
    "src/dispatcher/**",
    "src/domain/**",
    "src/conf/document.rs",
    "src/conf/encoding.rs",
    "src/conf/java.rs",
    "src/conf/keys.rs",
    "src/conf/legacy.rs",
    "src/conf/nearest.rs",
    "src/conf/properties.rs",
    "src/conf/quotes.rs",
    "src/conf/redact.rs",
    "src/conf/retired.rs",
    "src/conf/rewrite*",
    "src/conf/settings*",
    "src/conf/size.rs",
    "src/conf/table.rs",
    "src/conf/yaml*",
    "src/flink/command*",
    "src/flink/memory*",
    "src/flink/version.rs",
    "src/ha/directory/record_file.rs",
    "src/ha/election*",
    "src/manifest/**",
    "src/uploads/keeping.rs",
    "src/mini-mesos/agent.rs",
    "src/mini-mesos/agent/**",
    "src/mini-mesos/master.rs",
    "src/mini-mesos/master/**",
    "src/mesos/address.rs",
    "src/mesos/call.rs",
    "src/mesos/event.rs",
    "src/mesos/recordio.rs",
    "src/mesos/answer.rs",
    "src/mesos/report.rs",
    "src/mesos/session*",
    "src/mesos/wire.rs",
    "src/mesos/wire/**",
    "src/records/change.rs",
    "src/records/envelope.rs",
    "src/records/key.rs",
    "src/records/zookeeper/tree*",
    "src/scaling/lib.rs",
    "src/scaling/needs.rs",
    "src/scheduler/**",
    "src/zookeeper/jaas.rs",
];

/// Patterns of files still to be written. One that has come must leave this list, or the tests fail.
pub const NOT_YET: &[&str] = &[];

/// Addresses and their arithmetic are data; only sockets are not.
const NET_DATA: &[&str] =
    &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6", "AddrParseError"];

const UNSAFE_FILES: &[&str] = &["src/init/sys.rs", "src/init/sys/**"];

pub fn check(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") || !source.is_rust() {
        return Vec::new();
    }
    let code = source.code();
    let broken = WALLS.iter().filter(|wall| wall.binds(&source.path)).flat_map(|wall| {
        code.names.iter().filter(|name| !name.in_test && wall.forbids(name)).map(|name| {
            Finding::new(source, name.line, format!("{}: {}", name.segments.join("::"), wall.rule))
        })
    });
    let unsafe_code = code
        .unsafe_lines
        .iter()
        .filter(|_| !matches_any(UNSAFE_FILES, &source.path))
        .map(|line| Finding::new(source, *line, "unsafe stays in init/sys.rs"));
    broken.chain(unsafe_code).collect()
}

/// Every pattern that a wall names, so that one which names nothing can be seen.
pub fn patterns() -> impl Iterator<Item = &'static str> {
    WALLS.iter().flat_map(|wall| wall.files.iter().chain(wall.except)).copied()
}

/// `dir/**` is everything below, `dir/name*` what begins so, everything else is a path.
pub fn matches(pattern: &str, path: &str) -> bool {
    match (pattern.strip_suffix("**"), pattern.strip_suffix('*')) {
        (Some(directory), _) => path.starts_with(directory),
        (None, Some(beginning)) => path.starts_with(beginning),
        (None, None) => pattern == path,
    }
}

fn matches_any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, path))
}

impl Wall {
    fn binds(&self, path: &str) -> bool {
        matches_any(self.files, path) && !matches_any(self.except, path)
    }

    fn forbids(&self, name: &Name) -> bool {
        self.ban.iter().any(|words| appears(words, name) && !is_data(words, name))
    }
}

fn appears(words: &str, name: &Name) -> bool {
    let words: Vec<&str> = words.split("::").collect();
    name.segments.windows(words.len()).any(|window| window == words)
}

fn is_data(words: &str, name: &Name) -> bool {
    match words {
        "std::net" => name.segments.get(2).is_some_and(|kind| NET_DATA.contains(&kind.as_str())),
        // A generator whose seed was handed in gives the same numbers every time.
        "fastrand" => name.segments.get(1).is_some_and(|kind| kind == "Rng"),
        _ => false,
    }
}
