//! Checks and health checks look at real tasks.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::embedded::Embedded;
use super::scheduler::{Scheduler, shell, task_info};

/// Often, at once, and without grace.
fn watched(mut check: Value) -> Value {
    for (name, value) in [("delay_seconds", 0.0), ("interval_seconds", 0.05), ("timeout_seconds", 10.0)] {
        check[name] = json!(value);
    }
    check
}

fn health(mut check: Value) -> Value {
    check["grace_period_seconds"] = json!(0.0);
    check["consecutive_failures"] = json!(2);
    watched(check)
}

fn start(key: &str, check: Value, command: &str) -> (Embedded, Scheduler, Value) {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let mut task = task_info(&offer, "t", shell(command));
    task[key] = check;
    scheduler.accept(&offer, &[task]);
    let running = scheduler.wait_for_running("t");
    (cluster, scheduler, running)
}

#[test]
fn an_unhealthy_task_is_killed() {
    let ill = health(
        json!({ "type": "COMMAND", "command": { "value": "test -n \"$MESOS_SANDBOX\" -a ! -e ill" } }),
    );
    let (cluster, scheduler, running) = start("health_check", ill, "sleep 1000");
    assert!(running["healthy"].is_null(), "nobody has looked yet");
    let status = scheduler.update("t");
    assert_eq!((&status["healthy"], &status["state"]), (&json!(true), &json!("TASK_RUNNING")));
    assert_eq!(status["reason"], "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED");
    let agent = status["agent_id"]["value"].as_str().expect("an agent");
    fs::write(cluster.sandbox(agent, &scheduler.framework, "t").join("ill"), "").expect("written");
    for (state, healthy) in [
        ("TASK_RUNNING", json!(false)),
        ("TASK_RUNNING", json!(false)),
        ("TASK_KILLING", Value::Null),
        ("TASK_KILLED", json!(false)),
    ] {
        let status = scheduler.update("t");
        assert_eq!((&status["state"], &status["healthy"]), (&json!(state), &healthy));
    }
}

#[test]
fn a_port_that_listens_is_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let tcp = health(json!({ "type": "TCP", "tcp": { "port": port } }));
    let (_cluster, scheduler, _) = start("health_check", tcp, "sleep 1000");
    assert_eq!(scheduler.update("t")["healthy"], true);
    drop(listener);
    assert_eq!(scheduler.update("t")["healthy"], false);
}

#[test]
fn a_check_tells_its_code_and_kills_nobody() {
    let code =
        watched(json!({ "type": "COMMAND", "command": { "command": { "value": "exit $(cat code)" } } }));
    let (cluster, scheduler, running) = start("check", code, "echo 3 > code; sleep 1000");
    assert_eq!(running["check_status"], json!({ "type": "COMMAND", "command": {} }));
    let code = |wanted: i64| {
        // Before the file is there or whole, another one may be told.
        loop {
            let status = scheduler.update("t");
            assert_eq!(status["reason"], "REASON_TASK_CHECK_STATUS_UPDATED");
            if status["check_status"]["command"]["exit_code"] == wanted {
                return status;
            }
        }
    };
    let status = code(3);
    let agent = status["agent_id"]["value"].as_str().expect("an agent");
    fs::write(cluster.sandbox(agent, &scheduler.framework, "t").join("code"), "4").expect("written");
    code(4);
}

#[test]
fn what_answers_over_http_is_looked_at() {
    let cluster = Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"]);
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    // The master itself answers: 200 here, 404 there.
    let port = cluster.address.port();
    let http = |path: &str| json!({ "type": "HTTP", "http": { "port": port, "path": path } });
    let mut good = task_info(&offer, "good", shell("sleep 1000"));
    good["health_check"] = health(http("/health"));
    let mut missing = task_info(&offer, "missing", shell("sleep 1000"));
    missing["check"] = watched(http("/nothing"));
    let mut silent = task_info(&offer, "silent", shell("sleep 1000"));
    silent["health_check"] = health(json!({ "type": "HTTP", "http": { "port": 1 } }));
    scheduler.accept(&offer, &[good, missing, silent]);
    for task in ["good", "missing", "silent"] {
        scheduler.wait_for_running(task);
    }
    assert_eq!(scheduler.update("good")["healthy"], true);
    let status = scheduler.update("missing");
    assert_eq!(status["check_status"], json!({ "type": "HTTP", "http": { "status_code": 404 } }));
    assert_eq!(scheduler.life("silent").last().expect("an end").0, "TASK_KILLED");
}
