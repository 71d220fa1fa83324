//! What is changed in the configuration of a cluster before Flink sees it: addresses that only this machine
//! could reach, and defaults without which Flink does not fit Mesos.

mod memory;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::environment::Environment;
use super::grammar::Version;
use super::keys::{self, flink};
use super::redact;
use super::settings::is_highly_available;
use super::table::{Origin, Table};
use super::warning::Warning;

/// What the rewriting depends on besides the table.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub version: Version,
    pub reach: Reach<'a>,
}

/// From where the JobManager shall be reached.
#[derive(Clone, Copy, Debug)]
pub enum Reach<'a> {
    /// From other machines, under the first of these that is there.
    Network {
        /// `JOB_MANAGER_RPC_ADDRESS`
        address: Option<&'a str>,
        /// `HOST`, which Marathon and Aurora set; other programs use that name for other things.
        host: Option<&'a str>,
        /// The kernel's host name.
        host_name: &'a str,
    },
    /// From this machine only, unless the user says otherwise.
    Loopback,
}

/// A key that was rewritten, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: String,
    pub old: Option<String>,
    /// `None`: removed.
    pub new: Option<String>,
    pub why: Cow<'static, str>,
}

/// What became of memory sizes in keys of several generations; what was given up is told.
pub fn settle_memory(
    table: &mut Table,
    environment: &Environment,
    version: Version,
) -> (Vec<Change>, Vec<Warning>) {
    let mut changes = Vec::new();
    let given_up = memory::settle(&mut Rewriter { table, changes: &mut changes }, environment, version);
    (changes, given_up)
}

/// Changes `table` and tells each key that was rewritten; defaults that nobody had set are not told.
pub fn rewrite(table: &mut Table, circumstances: Circumstances<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut rewriter = Rewriter { table, changes: &mut changes };
    match circumstances.reach {
        Reach::Network { address, host, host_name } => {
            let host = address.or(host.filter(|host| is_routable(host))).unwrap_or(host_name);
            rewriter.open(host);
            // As in the official image, so that a firewall or a container's port list can name it.
            set_default(rewriter.table, flink::BLOB_PORT.name, "6124");
        }
        Reach::Loopback => close(rewriter.table),
    }
    rewriter.old_spellings(circumstances.version);
    set_defaults(table);
    changes
}

impl fmt::Display for Change {
    /// `key: old → new (why)`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, old, new, why } = self;
        let old = old.as_deref().map_or("not set".into(), |old| redact::shown(key, old));
        let new = new.as_deref().map_or("removed".into(), |new| redact::shown(key, new));
        write!(out, "{key}: {old} → {new} ({why})")
    }
}

struct Rewriter<'a> {
    table: &'a mut Table,
    changes: &'a mut Vec<Change>,
}

impl Rewriter<'_> {
    /// Makes the JobManager reachable from other machines, under `host` unless a routable address is set.
    fn open(&mut self, host: &str) {
        let given = self.table.get(flink::ADDRESS.name).filter(|address| is_routable(address));
        if given.is_none() {
            self.set(flink::ADDRESS.name, host, "TaskManagers on other machines must reach it");
        }
        let address = self.table.get(flink::ADDRESS.name).unwrap_or(host).to_owned();
        if !is_routable(&address) {
            // Asked for in so many words (`JOB_MANAGER_RPC_ADDRESS=localhost`): the shipped binds suit it.
            return;
        }
        for key in [
            flink::JOB_MANAGER_BIND_HOST.name,
            flink::TASK_MANAGER_BIND_HOST.name,
            flink::REST_BIND_ADDRESS.name,
        ] {
            if self.binds_loopback(key) {
                self.set(key, "0.0.0.0", "bound to loopback, other machines could not connect");
            }
        }
        if self.table.get(flink::REST_ADDRESS.name).is_some_and(|address| !is_routable(address)) {
            self.set(flink::REST_ADDRESS.name, &address, "clients on other machines must reach it");
        }
        if self.table.get(flink::TASK_MANAGER_HOST.name).is_some_and(|host| !is_routable(host)) {
            self.remove(flink::TASK_MANAGER_HOST.name, "each TaskManager has an address of its own");
        }
    }

    /// Whether a bind address is loopback without the command line having asked for that.
    fn binds_loopback(&self, key: &str) -> bool {
        keys::lookup(self.table, key)
            .is_some_and(|(_, setting)| is_loopback(&setting.value) && setting.origin != Origin::Argument)
    }

    /// Copies values to the name under which this version of Flink looks for them.
    fn old_spellings(&mut self, version: Version) {
        if version < (1, 17)
            && self.table.get(flink::HA_OLD_TYPE.name).is_none()
            && let Some(kind) = self.table.get(flink::HA_TYPE.name).map(str::to_owned)
        {
            self.set(flink::HA_OLD_TYPE.name, &kind, "Flink before 1.17 knows only this name");
        }
    }

    fn set(&mut self, key: &str, new: &str, why: &'static str) {
        let origin = Origin::Rewritten { why: why.to_owned() };
        let old = self.table.set(key, new, origin).map(|setting| setting.value);
        if old.as_deref() != Some(new) {
            self.changes.push(Change {
                key: key.to_owned(),
                old,
                new: Some(new.to_owned()),
                why: why.into(),
            });
        }
    }

    fn remove(&mut self, key: &str, why: &'static str) {
        let old = self.table.remove(key).map(|setting| setting.value);
        self.changes.push(Change { key: key.to_owned(), old, new: None, why: why.into() });
    }
}

/// Everything on loopback where the user has set nothing; an unset bind address means all interfaces.
fn close(table: &mut Table) {
    for key in [
        flink::ADDRESS.name,
        flink::JOB_MANAGER_BIND_HOST.name,
        flink::TASK_MANAGER_BIND_HOST.name,
        flink::TASK_MANAGER_HOST.name,
        flink::REST_BIND_ADDRESS.name,
    ] {
        set_default(table, key, "localhost");
    }
    set_default(table, keys::STATUS_BIND_ADDRESS.name, "127.0.0.1");
}

/// A value that is set where the user has set none, since Flink's own does not fit Mesos. `docs/defaults.md` shows them.
pub struct OwnDefault {
    pub key: &'static str,
    pub value: &'static str,
    /// Flink's own, in words.
    pub flinks: &'static str,
    pub why: &'static str,
    pub when: When,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// The JobManager starts again at its address without an election, and neither of the two that must fit each other is set.
    WithStateDir,
}

pub const OWN_DEFAULTS: [OwnDefault; 6] = [
    OwnDefault {
        key: flink::START_UP_TIME.name,
        value: "20736000000",
        flinks: "as `slot.request.timeout`",
        why: "after it a job that does not fit fails at once instead of waiting for a TaskManager that Mesos has yet to start: 240 days, for Flink refuses more than 248",
        when: When::Always,
    },
    OwnDefault {
        key: flink::SLOT_REQUEST_TIMEOUT.name,
        value: "600000",
        flinks: "5 min",
        why: "so long a job waits for slots: an offer, an image to pull and a JVM take minutes",
        when: When::Always,
    },
    OwnDefault {
        key: flink::REGISTRATION_ERROR_DELAY.name,
        value: "1000",
        flinks: "10 s",
        why: "a TaskManager that comes too early for the JobManager tries again after this",
        when: When::Always,
    },
    OwnDefault {
        key: flink::RETRIEVE_HOST_NAME.name,
        value: "false",
        flinks: "true",
        why: "agents often have no reverse DNS, and each lookup blocks the JobManager",
        when: When::Always,
    },
    OwnDefault {
        key: flink::HEARTBEAT_INTERVAL.name,
        value: "3000",
        flinks: "10 s",
        why: "fits the timeout",
        when: When::WithStateDir,
    },
    OwnDefault {
        key: flink::HEARTBEAT_TIMEOUT.name,
        value: "20000",
        flinks: "50 s",
        why: "a JobManager that starts again at its address without ZooKeeper gets its TaskManagers back after it; a JVM may stand still for 15 s meanwhile",
        when: When::WithStateDir,
    },
];

fn set_defaults(table: &mut Table) {
    let is_set = |key: &str| keys::lookup(table, key).is_some();
    let has_beats = is_set(flink::HEARTBEAT_INTERVAL.name) || is_set(flink::HEARTBEAT_TIMEOUT.name);
    let with_state_dir = is_set(keys::STATE_DIR.name) && !is_highly_available(table) && !has_beats;
    for OwnDefault { key, value, when, .. } in OWN_DEFAULTS {
        if when == When::Always || with_state_dir {
            set_default(table, key, value);
        }
    }
}

/// Unless `key` is set under any of its names.
fn set_default(table: &mut Table, key: &str, value: &str) {
    if keys::lookup(table, key).is_none() {
        table.set_default(key, value);
    }
}

fn is_routable(host: &str) -> bool {
    let unspecified = ip(host).is_some_and(|address| address.is_unspecified());
    !host.trim().is_empty() && !is_loopback(host) && !unspecified
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim().trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.starts_with("localhost.")
        || ip(host).is_some_and(|address| address.is_loopback())
}

fn ip(host: &str) -> Option<IpAddr> {
    host.trim().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: Reach<'_> = Reach::Network { address: None, host: Some("agent1"), host_name: "kernel" };

    /// `key=value` of a file a line; the answer is the changes and then the table without the plain defaults.
    fn check(input: &str, version: Version, reach: Reach<'_>, expected: &str) {
        let mut table = Table::default();
        for (line, text) in (1..).zip(input.lines()) {
            let (key, value) = text.split_once('=').unwrap();
            table.set(key, value, Origin::File { path: "f".into(), line });
        }
        let changes = rewrite(&mut table, Circumstances { version, reach });
        let changes = changes.iter().map(ToString::to_string);
        let plain = [
            flink::BLOB_PORT.name,
            flink::HEARTBEAT_INTERVAL.name,
            flink::HEARTBEAT_TIMEOUT.name,
            flink::REGISTRATION_ERROR_DELAY.name,
            flink::RETRIEVE_HOST_NAME.name,
            flink::SLOT_REQUEST_TIMEOUT.name,
            flink::START_UP_TIME.name,
            keys::STATUS_BIND_ADDRESS.name,
        ];
        let rest =
            table.iter().filter(|(key, setting)| !plain.contains(key) || setting.origin != Origin::Default);
        let told: Vec<_> =
            changes.chain(rest.map(|(key, setting)| format!("{key}={}", setting.value))).collect();
        assert_eq!(told.join("\n"), expected, "{input}");
    }

    const SHIPPED: &str = "jobmanager.rpc.address=localhost
jobmanager.bind-host=localhost
taskmanager.bind-host=localhost
taskmanager.host=localhost
rest.address=localhost
rest.bind-address=localhost";

    #[test]
    fn what_flink_ships_is_opened() {
        check(
            SHIPPED,
            (1, 17),
            NETWORK,
            "jobmanager.rpc.address: localhost → agent1 (TaskManagers on other machines must reach it)
jobmanager.bind-host: localhost → 0.0.0.0 (bound to loopback, other machines could not connect)
taskmanager.bind-host: localhost → 0.0.0.0 (bound to loopback, other machines could not connect)
rest.bind-address: localhost → 0.0.0.0 (bound to loopback, other machines could not connect)
rest.address: localhost → agent1 (clients on other machines must reach it)
taskmanager.host: localhost → removed (each TaskManager has an address of its own)
jobmanager.bind-host=0.0.0.0
jobmanager.rpc.address=agent1
rest.address=agent1
rest.bind-address=0.0.0.0
taskmanager.bind-host=0.0.0.0",
        );
    }

    #[test]
    fn on_loopback_nothing_that_is_set_changes() {
        check(SHIPPED, (2, 3), Reach::Loopback, &{
            let mut lines: Vec<_> = SHIPPED.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        });
        check(
            "rest.bind-address=0.0.0.0",
            (2, 3),
            Reach::Loopback,
            "jobmanager.bind-host=localhost
jobmanager.rpc.address=localhost
rest.bind-address=0.0.0.0
taskmanager.bind-host=localhost
taskmanager.host=localhost",
        );
    }

    #[test]
    fn routable_values_stay() {
        let input =
            "jobmanager.bind-host=10.0.0.1\njobmanager.rpc.address=jm.example\nrest.address=web.example";
        check(input, (2, 3), NETWORK, input);
    }

    #[test]
    fn the_host_name_has_an_order() {
        for (address, host, expected) in [
            (Some("a"), Some("h"), "a"),
            (None, Some("h"), "h"),
            (None, Some("0.0.0.0"), "kernel"),
            (None, Some("localhost"), "kernel"),
            (None, None, "kernel"),
        ] {
            for old in
                ["localhost", "LOCALHOST.", "127.0.1.1", "::1", "[::1]", "0.0.0.0", "localhost.localdomain"]
            {
                let mut table = Table::default();
                table.set(flink::ADDRESS.name, old, Origin::Argument);
                let reach = Reach::Network { address, host, host_name: "kernel" };
                rewrite(&mut table, Circumstances { version: (2, 0), reach });
                assert_eq!(table.get(flink::ADDRESS.name), Some(expected), "{old}");
            }
        }
    }

    #[test]
    fn a_loopback_address_that_was_asked_for_keeps_the_binds() {
        let reach = Reach::Network { address: Some("localhost"), host: None, host_name: "kernel" };
        let mut table = Table::default();
        table.set(flink::JOB_MANAGER_BIND_HOST.name, "localhost", Origin::Argument);
        rewrite(&mut table, Circumstances { version: (2, 0), reach });
        assert_eq!(table.get(flink::ADDRESS.name), Some("localhost"));
        assert_eq!(table.get(flink::JOB_MANAGER_BIND_HOST.name), Some("localhost"));
    }

    #[test]
    fn an_alias_is_rewritten_under_the_exact_key() {
        check(
            "jobmanager.rpc.address=jm\nweb.address=127.0.0.1",
            (1, 20),
            NETWORK,
            "rest.bind-address: not set → 0.0.0.0 (bound to loopback, other machines could not connect)
jobmanager.rpc.address=jm
rest.bind-address=0.0.0.0
web.address=127.0.0.1",
        );
    }

    #[test]
    fn old_spellings_reach_the_flink_that_knows_them() {
        let input = "high-availability.type=zookeeper\njobmanager.rpc.address=jm";
        check(input, (1, 17), NETWORK, input);
        check(
            input,
            (1, 16),
            NETWORK,
            "high-availability: not set → zookeeper (Flink before 1.17 knows only this name)
high-availability=zookeeper
high-availability.type=zookeeper
jobmanager.rpc.address=jm",
        );
    }

    #[test]
    fn defaults_yield_to_the_user() {
        let mut table = Table::default();
        table.set(flink::START_UP_TIME.name, "1", Origin::Argument);
        table.set(flink::HEARTBEAT_TIMEOUT.name, "50000", Origin::Argument);
        rewrite(&mut table, Circumstances { version: (2, 3), reach: NETWORK });
        assert_eq!(table.get(flink::START_UP_TIME.name), Some("1"));
        assert_eq!(table.get(flink::HEARTBEAT_INTERVAL.name), None);
        assert_eq!(table.get(flink::SLOT_REQUEST_TIMEOUT.name), Some("600000"));
        assert_eq!(table.setting(flink::BLOB_PORT.name).unwrap().origin, Origin::Default);
    }

    #[test]
    fn heartbeats_are_flinks_where_an_election_tells_of_a_new_jobmanager() {
        let beats = |lines: &[(&str, &str)]| {
            let mut table = Table::default();
            for (key, value) in lines {
                table.set(*key, *value, Origin::Argument);
            }
            rewrite(&mut table, Circumstances { version: (2, 3), reach: NETWORK });
            let keys = [flink::HEARTBEAT_INTERVAL.name, flink::HEARTBEAT_TIMEOUT.name];
            keys.map(|key| table.get(key).map(str::to_owned))
        };
        let text = |text: &str| Some(text.to_owned());
        let state_dir = (keys::STATE_DIR.name, "/state");
        assert_eq!(beats(&[]), [None, None]);
        assert_eq!(beats(&[state_dir]), [text("3000"), text("20000")]);
        assert_eq!(beats(&[state_dir, (flink::HA_TYPE.name, "zookeeper")]), [None, None]);
        assert_eq!(beats(&[state_dir, (flink::HEARTBEAT_TIMEOUT.name, "50000")]), [None, text("50000")]);
    }

    #[test]
    fn twice_is_the_same_as_once() {
        let mut table = Table::default();
        table.set(flink::ADDRESS.name, "localhost", Origin::Argument);
        let circumstances = Circumstances { version: (1, 16), reach: NETWORK };
        rewrite(&mut table, circumstances);
        let once = table.clone();
        assert_eq!(rewrite(&mut table, circumstances), []);
        assert_eq!(table, once);
    }
}
