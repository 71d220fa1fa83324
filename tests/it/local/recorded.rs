//! The recorded traffic of a real master is the judge: the same requests must get the same answers and the
//! same events.
//!
//! Not replayed, with the reason:
//!
//! | scenario | reason |
//! |---|---|
//! | `auth-*` | no authentication yet |
//! | `agent-drain`, `maintenance` | no operator API yet |
//! | `agent-loss-and-return` | agents cannot be lost yet |
//! | `master-restart-*` | the master cannot be restarted without its agents yet |
//! | `dynamic-reservation` | RESERVE and UNRESERVE are not carried out yet |
//! | `zookeeper-*` | no leader election |
//!
//! In `errors`, the reason within the message of a task whose URI cannot be fetched is not compared: there is no
//! fetcher yet, and the message says so.

use super::client::Form;
use super::embedded::Embedded;
use super::replay::Replay;

/// The recorded master and its agents.
fn cluster() -> Embedded {
    Embedded::start(&[
        "--agents=2",
        "--domain=eu/eu-1",
        "--agent-domain=eu/eu-1",
        "--agent-domain=eu/eu-2",
        "--resources=cpus:4;mem:4096;disk:10240;ports:[31000-31009]",
        "--resources=cpus(flink):2;mem(flink):2048;cpus:2;mem:1024;disk:10240;ports:[32000-32009]",
        "--attributes=rack:r1;zone:z1;generation:1;slots:[1-3]",
        "--attributes=rack:r2;zone:z2;generation:2;slots:[1-3]",
    ])
}

fn replay(form: Form, scenarios: &[(&str, u64)]) {
    Replay::new(cluster(), form).run(scenarios);
}

#[test]
fn task_lifecycle_in_protobuf() {
    replay(Form::Protobuf, &[("task-lifecycle", 0)]);
}

#[test]
fn task_lifecycle_in_json() {
    replay(Form::Json, &[("task-lifecycle", 0)]);
}

#[test]
fn without_capabilities_in_protobuf() {
    replay(Form::Protobuf, &[("without-capabilities", 0)]);
}

#[test]
fn without_capabilities_in_json() {
    replay(Form::Json, &[("without-capabilities", 0)]);
}

#[test]
fn two_roles_and_update_framework_in_protobuf() {
    replay(Form::Protobuf, &[("two-roles-and-update-framework", 0)]);
}

#[test]
fn two_roles_and_update_framework_in_json() {
    replay(Form::Json, &[("two-roles-and-update-framework", 0)]);
}

#[test]
fn update_retry_in_protobuf() {
    replay(Form::Protobuf, &[("update-retry", 0)]);
}

/// The second subscribes while the first is connected, the third after the second has gone, and after its
/// TEARDOWN the id is refused.
fn failover(form: Form) {
    let second_ms = match form {
        Form::Protobuf => 114,
        Form::Json => 86,
    };
    let scenarios = [
        ("failover-first", 0),
        ("failover-second", second_ms),
        ("failover-third-after-disconnect", 2300),
        ("resubscribe-removed-framework", 4300),
    ];
    replay(form, &scenarios);
}

#[test]
fn failover_in_protobuf() {
    failover(Form::Protobuf);
}

#[test]
fn failover_in_json() {
    failover(Form::Json);
}

const FAILOVER_TIMEOUT: [(&str, u64); 2] =
    [("failover-timeout-expires-first", 0), ("failover-timeout-expires-second", 5100)];

#[test]
fn failover_timeout_in_protobuf() {
    replay(Form::Protobuf, &FAILOVER_TIMEOUT);
}

#[test]
fn failover_timeout_in_json() {
    replay(Form::Json, &FAILOVER_TIMEOUT);
}

#[test]
fn errors_in_protobuf() {
    replay(Form::Protobuf, &[("errors", 0)]);
}

#[test]
fn errors_in_json() {
    replay(Form::Json, &[("errors", 0)]);
}
