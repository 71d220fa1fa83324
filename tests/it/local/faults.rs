//! What tests of schedulers can make go wrong, as a scheduler sees it.

use serde_json::{Value, json};

use super::client::{self, fault};
use super::embedded::Embedded;
use super::scheduler::{Scheduler, shell, task_info};

fn cluster(options: &[&str]) -> Embedded {
    Embedded::start(&[&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"], options].concat())
}

fn reason(status: &Value) -> (&str, &str) {
    (status["state"].as_str().unwrap_or_default(), status["reason"].as_str().unwrap_or_default())
}

#[test]
fn a_partitioned_agent_is_unreachable_after_scaled_time_and_comes_back() {
    let cluster = cluster(&["--time-scale=40"]);
    let scheduler = Scheduler::subscribe(cluster.address, 1e6);
    scheduler.launch(&scheduler.offer(), "t", shell("sleep 300"));
    scheduler.wait_for_running("t");
    fault(cluster.address, "partition-agent", &json!({ "agent": "S0" }));
    assert_eq!(reason(&scheduler.update("t")), ("TASK_UNREACHABLE", "REASON_AGENT_REMOVED"));
    scheduler.wait(|event| event["type"] == "FAILURE");
    fault(cluster.address, "connect-agent", &json!({ "agent": "S0" }));
    assert_eq!(reason(&scheduler.update("t")), ("TASK_RUNNING", "REASON_AGENT_REREGISTERED"));
    fault(cluster.address, "replace-agent", &json!({ "agent": "S0" }));
    assert_eq!(reason(&scheduler.update("t")), ("TASK_LOST", "REASON_AGENT_REMOVED"));
    let offer = scheduler.wait(|event| {
        let id = event["offers"]["offers"][0]["agent_id"]["value"].as_str();
        id.is_some_and(|id| id.ends_with("-S1"))
    });
    assert_eq!(offer["offers"]["offers"][0]["hostname"], "127.0.0.1");
}

#[test]
fn calls_are_lost_or_refused_and_launches_end_as_wished() {
    let cluster = cluster(&[]);
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    fault(cluster.address, "calls", &json!({ "call": "ACCEPT", "deed": "swallow" }));
    scheduler.launch(&offer, "swallowed", shell("true"));
    let refuse = json!({ "refuse": { "status": 503, "text": "later" } });
    fault(cluster.address, "calls", &json!({ "call": "RECONCILE", "deed": refuse }));
    let answer = scheduler.call("RECONCILE", &json!({ "tasks": [] }));
    assert_eq!((answer.status.as_str(), answer.body.as_slice()), ("503 Service Unavailable", &b"later"[..]));

    let end = json!({
        "state": "TASK_FAILED", "reason": "REASON_CONTAINER_LIMITATION_MEMORY", "message": "too much",
    });
    fault(cluster.address, "fail-launches", &json!({ "task": "bad", "end": end }));
    scheduler.accept(
        &offer,
        &[task_info(&offer, "bad", shell("true")), task_info(&offer, "good", shell("sleep 300"))],
    );
    let status = scheduler.update("bad");
    assert_eq!(reason(&status), ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY"));
    assert_eq!((&status["message"], &status["source"]), (&json!("too much"), &json!("SOURCE_AGENT")));
    scheduler.wait_for_running("good");
    fault(cluster.address, "duplicate-updates", &json!({}));
    fault(cluster.address, "end-task", &json!({ "task": { "value": "good" }, "end": end }));
    let (first, second) = (scheduler.update("good"), scheduler.update("good"));
    assert_eq!((reason(&first).0, &first["uuid"]), ("TASK_FAILED", &second["uuid"]));

    let offer = scheduler.wait(|event| event["type"] == "OFFERS")["offers"]["offers"][0].clone();
    fault(cluster.address, "rescind", &json!({}));
    let rescind = scheduler.wait(|event| event["type"] == "RESCIND");
    assert_eq!(rescind["rescind"]["offer_id"], offer["id"]);
}

#[test]
fn a_change_of_masters_ends_streams_and_keeps_tasks() {
    let cluster = cluster(&[]);
    let scheduler = Scheduler::subscribe(cluster.address, 60.0);
    scheduler.launch(&scheduler.offer(), "t", shell("sleep 300"));
    scheduler.wait_for_running("t");
    let other = json!({ "redirects": "other:5050" });
    let phases = json!([{ "for_ms": 3_600_000, "answer": other }]);
    fault(cluster.address, "change-master", &json!({ "phases": phases }));
    while scheduler.events.next().is_some() {}
    assert_eq!(scheduler.call("RECONCILE", &json!({ "tasks": [] })).status, "307 Temporary Redirect");
    let phases = json!([{ "for_ms": 3_600_000, "answer": "no_leader" }]);
    fault(cluster.address, "phases", &json!({ "phases": phases }));
    let answer = scheduler.call("RECONCILE", &json!({ "tasks": [] }));
    assert_eq!(answer.body, b"No leader elected");
    fault(cluster.address, "phases", &json!({ "phases": [] }));

    let again = Scheduler::again(cluster.address, &scheduler.framework, 60.0).expect("taken again");
    again.accepted("RECONCILE", &json!({ "tasks": [] }));
    assert_eq!(again.update("t")["state"], "TASK_RUNNING");
    fault(cluster.address, "cut-streams", &json!({}));
    // The next event is torn: it never comes, but the end does.
    again.accepted("RECONCILE", &json!({ "tasks": [] }));
    while again.events.next().is_some() {}
}

#[test]
fn strays_come_in_pieces_and_offers_do_not_last() {
    let cluster = cluster(&["--time-scale=40", "--offer_timeout=8secs"]);
    let scheduler = Scheduler::subscribe(cluster.address, 60.0);
    let offer = scheduler.offer();
    fault(cluster.address, "split-streams", &json!({ "bytes": 1 }));
    let rescind = scheduler.wait(|event| event["type"] == "RESCIND");
    assert_eq!(rescind["rescind"]["offer_id"], offer["id"]);
    let update = json!({ "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR" });
    fault(cluster.address, "stray-update", &json!({ "task": { "value": "stray" }, "update": update }));
    // The acknowledgement, which is for nobody, is accepted.
    let status = scheduler.update("stray");
    assert_eq!((&status["state"], &status["agent_id"]), (&json!("TASK_RUNNING"), &offer["agent_id"]));
    assert!(!status["uuid"].is_null());
}

#[test]
fn an_impossible_fault_says_why() {
    let cluster = cluster(&[]);
    let said = |name: &str, fields: &Value| {
        let answer = client::post(cluster.address, &format!("/mini/{name}"), fields);
        (answer.status, String::from_utf8(answer.body).expect("UTF-8"))
    };
    let (status, text) = said("partition-agent", &json!({ "agent": "S7" }));
    assert_eq!(status, "400 Bad Request");
    assert!(text.starts_with("there is no agent 'S7', only ") && text.ends_with("-S0"), "{text}");
    let (_, text) = said("earthquake", &json!({}));
    assert!(text.contains("'earthquake'") && text.contains("change-master"), "{text}");
    let end = json!({ "state": "TASK_TIRED" });
    let (_, text) = said("fail-launches", &json!({ "end": end }));
    assert_eq!(text, "there is no task state 'TASK_TIRED'");
}
