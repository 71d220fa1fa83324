//! The recorded traffic of a real master is the judge: the same requests must get the same answers and the
//! same events.
//!
//! Every scenario is replayed in both forms. In `agent-loss-and-return` in JSON the agent was killed before the last
//! acknowledgement was on its disk; here that acknowledgement is lost by a fault. In `zookeeper-non-leader` a fault
//! has the master answer as one that does not lead: what is compared are the answers, not the election.
//!
//! Not compared is which offers came in one event in `maintenance`: the real master's allocator ran once for both
//! agents in one recording and once for each in the other.

use std::fs;
use std::thread;

use serde_json::json;
use tempfile::NamedTempFile;

use super::client::{self, Form};
use super::compare::Batches;
use super::embedded::Embedded;
use super::replay::Replay;

/// The recorded master and its agents.
fn cluster() -> Embedded {
    Embedded::start(&[
        "--agents=2",
        "--agent_ping_timeout=5secs",
        "--max_agent_ping_timeouts=2",
        "--domain=eu/eu-1",
        "--agent-domain=eu/eu-1",
        "--agent-domain=eu/eu-2",
        "--resources=cpus:4;mem:4096;disk:10240;ports:[31000-31009]",
        "--resources=cpus(flink):2;mem(flink):2048;cpus:2;mem:1024;disk:10240;ports:[32000-32009]",
        "--attributes=rack:r1;zone:z1;generation:1;slots:[1-3]",
        "--attributes=rack:r2;zone:z2;generation:2;slots:[1-3]",
    ])
}

/// The recorded master with authentication, which had neither agents nor a domain.
fn guarded() -> Embedded {
    let credentials = NamedTempFile::new().expect("a file");
    fs::write(credentials.path(), r#"{"credentials": [{"principal": "flink", "secret": "s3cret"}]}"#)
        .expect("credentials");
    let path = credentials.path().to_str().expect("UTF-8");
    Embedded::start(&["--agents=0", "--authenticate_http_frameworks", "--credentials", path])
}

/// The recorded masters under ZooKeeper, which had neither agents nor a domain.
fn elected() -> Embedded {
    Embedded::start(&["--agents=0"])
}

/// Those that were recorded one after the other or side by side with the same framework, and how long after the
/// first each began.
type Group = &'static [(&'static str, u64)];

const AGENT_LOSS: Group = &[("agent-loss-and-return", 0)];

const MAINTENANCE: Group = &[("maintenance", 0)];

const FAILOVER_TIMEOUT: Group =
    &[("failover-timeout-expires-first", 0), ("failover-timeout-expires-second", 5100)];

/// The new master's first subscriber came about so long after the old master's.
const MASTER_RESTART: Group = &[("master-restart-first", 0), ("master-restart-second", 2000)];

/// The second subscribes while the first is connected, the third after the second has gone, and after its
/// TEARDOWN the id is refused.
const FAILOVER_IN_PROTOBUF: Group = &[
    ("failover-first", 0),
    ("failover-second", 114),
    ("failover-third-after-disconnect", 2300),
    ("resubscribe-removed-framework", 4300),
];
const FAILOVER_IN_JSON: Group = &[
    ("failover-first", 0),
    ("failover-second", 86),
    ("failover-third-after-disconnect", 2300),
    ("resubscribe-removed-framework", 4300),
];

#[test]
fn answers_and_events_are_as_recorded_in_protobuf() {
    let groups = [
        &[("task-lifecycle", 0)],
        &[("errors", 0)],
        FAILOVER_IN_PROTOBUF,
        FAILOVER_TIMEOUT,
        &[("two-roles-and-update-framework", 0)],
        &[("without-capabilities", 0)],
        &[("agent-drain", 0)],
        MAINTENANCE,
        &[("dynamic-reservation", 0)],
        AGENT_LOSS,
        MASTER_RESTART,
        &[("update-retry", 0)],
    ];
    replay(Form::Protobuf, &groups);
}

#[test]
fn answers_and_events_are_as_recorded_in_json() {
    let groups = [
        &[("task-lifecycle", 0)],
        &[("errors", 0)],
        FAILOVER_IN_JSON,
        FAILOVER_TIMEOUT,
        &[("two-roles-and-update-framework", 0)],
        &[("without-capabilities", 0)],
        &[("agent-drain", 0)],
        MAINTENANCE,
        &[("dynamic-reservation", 0)],
        AGENT_LOSS,
        MASTER_RESTART,
    ];
    replay(Form::Json, &groups);
}

#[test]
fn authentication_is_as_recorded() {
    let all = ["auth-none", "auth-bad", "auth-unknown", "auth-good", "auth-other-principal"];
    for form in [Form::Protobuf, Form::Json] {
        let group = all.map(|scenario| (scenario, 0));
        Replay::new(guarded(), form, Batches::Compared).run(&group);
    }
}

#[test]
fn the_leader_answers_as_recorded_and_the_other_points_to_it() {
    const LEADER: &str = "127.0.0.1:5170";
    for form in [Form::Protobuf, Form::Json] {
        let leader = elected();
        let address = leader.address.to_string();
        let mut replay = Replay::new(leader, form, Batches::Compared);
        replay.name(LEADER, &address);
        replay.run(&[("zookeeper-leader", 0)]);
        let other = elected();
        let phases = json!([{ "for_ms": 3_600_000, "answer": { "redirects": LEADER } }]);
        client::fault(other.address, "phases", &json!({ "phases": phases }));
        Replay::new(other, form, Batches::Compared).run(&[("zookeeper-non-leader", 0)]);
    }
}

/// Each group on an embedded Mesos of its own, all at the same time: most of it is waiting.
fn replay(form: Form, groups: &[Group]) {
    thread::scope(|scope| {
        let start = |group: &Group| {
            let group = *group;
            let batches = if group == MAINTENANCE { Batches::Ignored } else { Batches::Compared };
            let run = move || {
                let cluster = cluster();
                if group == AGENT_LOSS && form == Form::Json {
                    client::fault(cluster.address, "lose-acknowledgements", &json!({ "skip": 1 }));
                }
                Replay::new(cluster, form, batches).run(group);
            };
            (group, scope.spawn(run))
        };
        let running: Vec<_> = groups.iter().map(start).collect();
        let failed: Vec<_> = running
            .into_iter()
            .filter_map(|(group, replay)| replay.join().is_err().then_some(group[0].0))
            .collect();
        assert!(failed.is_empty(), "not as recorded: {failed:?}");
    });
}
