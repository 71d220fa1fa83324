//! What an operator's tools ask the master.

use std::net::SocketAddr;

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
    assert_eq!(roles["roles"][1]["name"], "flink");
    assert_eq!(roles["roles"][1]["frameworks"], json!([id]));
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
