//! What an operator's tools ask the master.

use std::net::SocketAddr;

use mesos::address::MasterAddress;
use mesos::client::operator::Operator;
use mesos::client::{Masters, Trust};
use mesos::wire::id::FrameworkId;
use mesos::wire::operator::{Call, CallType, Response};
use prost::Message as _;
use serde_json::{Value, json};

use super::client::{self, Answer};
use super::embedded::Embedded;
use super::scheduler::{Scheduler, shell, task_info};

fn get(address: SocketAddr, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = client::call(address, request.as_bytes());
    assert_eq!(answer.status, "200 OK", "{path}: {}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn post_text(address: SocketAddr, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client::call(address, request.as_bytes())
}

#[test]
fn tools_see_agents_frameworks_and_tasks() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let address = cluster.address;
    let scheduler = Scheduler::subscribe(address, 1000.0);
    let offer = scheduler.offer();
    let tasks = [("first", "true"), ("second", "sleep 1000")]
        .map(|(task, command)| task_info(&offer, task, shell(command)));
    scheduler.accept(&offer, &tasks);
    assert_eq!(scheduler.life("first").last().expect("an end").0, "TASK_FINISHED");
    scheduler.wait_for_running("second");

    let id = &scheduler.framework;
    for prefix in ["", "/master"] {
        assert_eq!(get(address, &format!("{prefix}/slaves"))["slaves"][0]["resources"]["cpus"], 4.0);
        assert_eq!(get(address, &format!("{prefix}/frameworks"))["frameworks"][0]["id"], id.as_str());
        let state = get(address, &format!("{prefix}/state"));
        assert_eq!(state["frameworks"][0]["tasks"][0]["id"], "second");
        assert_eq!(state["frameworks"][0]["completed_tasks"][0]["id"], "first");
    }
    let ids = |path: &str| -> Vec<Value> {
        let tasks = get(address, path);
        tasks["tasks"].as_array().expect("a list").iter().map(|task| task["id"].clone()).collect()
    };
    assert_eq!(ids(&format!("/tasks?framework_id={id}")).len(), 2);
    assert_eq!(ids("/tasks?framework_id=other"), [""; 0]);
    assert_eq!(ids("/tasks?limit=1&order=asc").len(), 1);
    assert_eq!(ids("/tasks?offset=2"), [""; 0]);
    let roles = get(address, "/roles");
    assert_eq!(roles["roles"][0]["name"], "flink");
    assert_eq!(roles["roles"][0]["frameworks"], json!([id]));
    assert_eq!(roles["roles"][0]["quota"]["limit"], json!({}));
    assert_eq!(roles["roles"][0]["quota"]["consumed"], roles["roles"][0]["allocated"]);
    let summary = get(address, "/state-summary");
    assert_eq!(summary["slaves"][0]["TASK_RUNNING"], 1);
    assert_eq!(summary["frameworks"][0]["TASK_FINISHED"], 1);
    assert!(summary["frameworks"][0]["tasks"].is_null());
    let metrics = get(address, "/metrics/snapshot");
    assert_eq!(
        (&metrics["master/tasks_running"], &metrics["master/slaves_connected"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(metrics["master/cpus_percent"], 0.025);

    let refused = post_text(address, "/teardown", "framework=x");
    assert_eq!(refused.body, b"Missing 'frameworkId' query parameter in the request body");
    let unknown = post_text(address, "/master/teardown", "frameworkId=x");
    assert_eq!(unknown.body, b"No framework found with specified ID");
    assert_eq!(post_text(address, "/master/teardown", &format!("frameworkId={id}")).status, "200 OK");
    while scheduler.events.next().is_some() {}
    let refusal = Scheduler::again(address, id, 0.0).err();
    assert_eq!(refusal.as_deref(), Some("Framework has been removed"));
}

/// As a scheduler of ours asks, and as people do with curl.
#[test]
fn get_frameworks_tells_who_holds_what_in_both_forms() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let address = cluster.address;
    let scheduler = Scheduler::subscribe(address, 1000.0);
    let offer = scheduler.offer();
    scheduler.accept(&offer, &[task_info(&offer, "only", shell("sleep 1000"))]);
    scheduler.wait_for_running("only");

    let question = Call { r#type: Some(CallType::GetFrameworks as i32) };
    let json = r#"{"type":"GET_FRAMEWORKS"}"#;
    let ask = |media: &str, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {media}\r\n\
             Accept: {media}\r\nContent-Length: {length}\r\n\r\n"
        );
        let answer = client::call(address, &[head.as_bytes(), body].concat());
        assert_eq!((&*answer.status, answer.content_type.as_deref()), ("200 OK", Some(media)));
        answer.body
    };
    let protobuf = ask("application/x-protobuf", &question.encode_to_vec());
    let decoded = Response::decode(&protobuf[..]).expect("a response");
    let read: Response = serde_json::from_slice(&ask("application/json", json.as_bytes())).expect("JSON");
    assert_eq!(decoded, read);
    let [framework] = &decoded.get_frameworks.expect("frameworks").frameworks[..] else { panic!("one") };
    let info = framework.framework_info.as_ref().expect("an info");
    assert_eq!(info.id.as_ref().map(FrameworkId::text), Some(scheduler.framework.as_str()));
    assert_eq!((framework.active, framework.connected), (Some(true), Some(true)));
    let cpus = framework.allocated_resources.iter().find(|held| held.name.as_deref() == Some("cpus"));
    assert_eq!(cpus.and_then(|cpus| cpus.scalar.as_ref()?.value), Some(0.1));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let Ok(MasterAddress::Masters(masters)) = address.to_string().parse() else { panic!("an address") };
        let operator = Operator::new(Masters::Known(masters), &Trust::System, None).expect("a client");
        let (master, frameworks) = operator.frameworks().await.expect("an answer");
        assert_eq!((master.to_string(), frameworks.len()), (address.to_string(), 1));
        // Who is no master, and who is not there.
        for other in ["127.0.0.1:1".to_owned(), refusing_server()] {
            let Ok(MasterAddress::Masters(masters)) = other.parse() else { panic!("an address") };
            let operator = Operator::new(Masters::Known(masters), &Trust::System, None).expect("a client");
            let error = operator.frameworks().await.expect_err("no master");
            assert!(error.to_string().contains(&other), "{error}");
        }
    });
}

/// One that says something else than a master would.
fn refusing_server() -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ =
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}
