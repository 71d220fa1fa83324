//! What no scheduler should send: the master says what is wrong with it or hangs up, and goes on serving others.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use super::client;
use super::embedded::{Embedded, PATIENCE};
use super::scheduler::{Scheduler, framework_info, shell};

fn cluster() -> Embedded {
    Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]", "--roles=flink"])
}

/// What comes back until the connection ends, sent in the hope that anybody reads.
fn exchange(cluster: &Embedded, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(cluster.address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // It may have hung up already.
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn protobuf_call(length: usize) -> String {
    format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n\
         Accept: application/x-protobuf\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// A scheduler gets what it needs: a task runs to its end.
fn assert_serves(cluster: &Embedded) {
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    scheduler.launch(&scheduler.offer(), "t", shell("true"));
    assert_eq!(scheduler.life("t").last().expect("an end").0, "TASK_FINISHED");
}

/// In KiB, at its highest.
fn memory_peak_kib(cluster: &Embedded) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", cluster.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn what_is_no_call_is_refused() {
    let cluster = cluster();
    let half_a_body = [protobuf_call(100).as_bytes(), b"\x08"].concat();
    for half in [b"POST /api/v1/scheduler HTTP/1.1\r\nHost: lo".as_slice(), &half_a_body] {
        let mut socket = TcpStream::connect(cluster.address).expect("a connection");
        socket.write_all(half).expect("sent");
    }
    for (what, request, expected) in [
        ("no HTTP", b"\x16\x03\x01\x02\x00 garbage\r\n\r\n".to_vec(), "HTTP/1.1 400 "),
        (
            "huge headers",
            format!("GET /state HTTP/1.1\r\nX-Filler: {}\r\n\r\n", "x".repeat(2 << 20)).into_bytes(),
            "HTTP/1.1 431 ",
        ),
        (
            "garbage",
            [protobuf_call(7).as_bytes(), b"\xff\xff\xff\xff\xff\xff\xff"].concat(),
            "Failed to parse body into Call protobuf",
        ),
        ("no such place", b"GET /nothing HTTP/1.0\r\n\r\n".to_vec(), "404 Not Found"),
    ] {
        let answer = exchange(&cluster, &request);
        assert!(answer.contains(expected), "{what}: {answer}");
    }
    assert_serves(&cluster);
}

#[test]
fn a_body_of_64_mib_is_read_and_forgotten() {
    const MIB: usize = 1 << 20;
    let cluster = cluster();
    let request = [protobuf_call(64 * MIB).into_bytes(), vec![0xff; 64 * MIB]].concat();
    for _ in 0..3 {
        let answer = exchange(&cluster, &request);
        assert!(answer.contains("Failed to parse body into Call protobuf"), "{answer}");
    }
    let peak_kib = memory_peak_kib(&cluster);
    // A buffer that doubles is, while it does, there with its old and its new size: three bodies' worth. Three
    // bodies that were kept would be six.
    assert!(peak_kib < 4 * 64 * 1024, "{peak_kib} KiB");
    assert_serves(&cluster);
}

#[test]
fn those_who_never_finish_keep_nobody_waiting() {
    const SLOW: usize = 200;
    let cluster = cluster();
    let slow = |_| {
        let mut socket = TcpStream::connect(cluster.address).expect("a connection");
        socket.write_all(b"POST /api/v1/scheduler HTTP/1.1\r\nX-Slow: ").expect("sent");
        socket
    };
    let mut sockets: Vec<_> = (0..SLOW).map(slow).collect();
    assert_serves(&cluster);
    for socket in &mut sockets {
        socket.write_all(b"x").expect("still open");
    }
    assert_serves(&cluster);
}

#[test]
fn unknown_roles_and_impossible_frameworks_are_told_why() {
    let cluster = cluster();
    let refusal = |change: (&str, serde_json::Value)| {
        let mut info = framework_info(0.0);
        info[change.0] = change.1;
        Scheduler::with_info(cluster.address, &info).err().unwrap_or_default()
    };
    for (change, expected) in [
        (("roles", json!(["other"])), "Roles { other } are not present in the master's --roles"),
        (("roles", json!(["/flink"])), "Role '/flink' cannot start with a slash"),
        (("failover_timeout", json!(1e30)), "is invalid"),
        (("id", json!({ "value": "a/b" })), "'a/b' contains invalid characters"),
    ] {
        let told = refusal(change);
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn what_is_not_carried_out_is_answered() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let create = json!({ "type": "CREATE", "id": { "value": "volume" }, "create": { "volumes": [] } });
    let ids = json!([offer["id"]]);
    scheduler.accepted("ACCEPT", &json!({ "offer_ids": ids, "operations": [create] }));
    let told = |id: &str| {
        let event =
            scheduler.wait(|event| event["update_operation_status"]["status"]["operation_id"]["value"] == id);
        let status = &event["update_operation_status"]["status"];
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("message"))
    };
    let (state, message) = told("volume");
    assert_eq!(state, "OPERATION_ERROR");
    assert!(message.contains("CREATE"), "{message}");
    // The offer is used up.
    let again = json!({ "type": "CREATE", "id": { "value": "again" }, "create": { "volumes": [] } });
    scheduler.accepted("ACCEPT", &json!({ "offer_ids": ids, "operations": [again] }));
    let (state, message) = told("again");
    assert_eq!(state, "OPERATION_ERROR");
    assert!(message.starts_with("Operation attempted with invalid offers: Offer "), "{message}");
    let operations = json!([{ "operation_id": { "value": "never" } }]);
    scheduler.accepted("RECONCILE_OPERATIONS", &json!({ "operations": operations }));
    assert_eq!(told("never").0, "OPERATION_UNKNOWN");
    // To the executor of a command there is nothing to say: taken and forgotten, as by the real one.
    let agent = &offer["agent_id"];
    scheduler
        .accepted("MESSAGE", &json!({ "agent_id": agent, "executor_id": { "value": "e" }, "data": "eA==" }));
    let answer = client::post(cluster.address, "/api/v1", &json!({ "type": "GET_WEATHER" }));
    assert_eq!(answer.status, "400 Bad Request");
    assert!(String::from_utf8_lossy(&answer.body).contains("GET_WEATHER"), "{answer:?}");
}
