//! A scheduler that does what a test tells it, over JSON.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::{self, Answer, Events, Form};
use super::embedded::PATIENCE;

pub struct Scheduler {
    address: SocketAddr,
    pub framework: String,
    pub events: Events,
    /// Came while something else was waited for.
    seen: RefCell<Vec<Value>>,
}

impl Scheduler {
    pub fn subscribe(address: SocketAddr, failover_timeout_s: f64) -> Self {
        Self::with_info(address, &framework_info(failover_timeout_s)).expect("subscribed")
    }

    /// Comes back with an id; answers the error's text if refused.
    pub fn again(address: SocketAddr, framework: &str, failover_timeout_s: f64) -> Result<Self, String> {
        let mut info = framework_info(failover_timeout_s);
        info["id"] = json!({ "value": framework });
        Self::with_info(address, &info)
    }

    pub fn with_info(address: SocketAddr, info: &Value) -> Result<Self, String> {
        let mut call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        if let Some(id) = info.get("id") {
            call["framework_id"] = id.clone();
        }
        let events = client::subscribe(address, &request(&call, None), Form::Json);
        let first = events.next().expect("an event");
        if let Some(message) = first["error"]["message"].as_str() {
            return Err(message.to_owned());
        }
        let framework = first["subscribed"]["framework_id"]["value"].as_str().expect("an id").to_owned();
        Ok(Self { address, framework, events, seen: RefCell::default() })
    }

    pub fn call(&self, kind: &str, body: &Value) -> Answer {
        let mut call = json!({ "type": kind, "framework_id": { "value": self.framework } });
        call[kind.to_lowercase()] = body.clone();
        client::call(self.address, &request(&call, Some(&self.events.stream_id)))
    }

    pub fn accepted(&self, kind: &str, body: &Value) {
        let answer = self.call(kind, body);
        assert_eq!(answer.status, "202 Accepted", "{kind}: {}", String::from_utf8_lossy(&answer.body));
    }

    /// The next event that is wanted; the others are kept for later.
    pub fn wait(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = self.seen.borrow_mut();
        if let Some(index) = seen.iter().position(&wanted) {
            return seen.remove(index);
        }
        // Heartbeats would keep it waiting.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let event = self.events.next().expect("an event before the end of the stream");
            assert!(Instant::now() < deadline, "waited in vain, and saw {seen:?}");
            if wanted(&event) {
                return event;
            }
            seen.push(event);
        }
    }

    /// One offer.
    pub fn offer(&self) -> Value {
        self.wait(|event| event["type"] == "OFFERS")["offers"]["offers"][0].clone()
    }

    /// Launches a task with little of everything on an offer.
    pub fn launch(&self, offer: &Value, task: &str, command: Value) {
        let task = task_info(offer, task, command);
        self.accept(offer, &[task]);
    }

    pub fn accept(&self, offer: &Value, tasks: &[Value]) {
        let operation = json!({ "type": "LAUNCH", "launch": { "task_infos": tasks } });
        let filters = json!({ "refuse_seconds": 0.0 });
        self.accepted(
            "ACCEPT",
            &json!({ "offer_ids": [offer["id"]], "operations": [operation], "filters": filters }),
        );
    }

    /// The next update of a task, acknowledged if it is to be.
    pub fn update(&self, task: &str) -> Value {
        let update = self.wait(|event| event["update"]["status"]["task_id"]["value"] == task);
        let status = update["update"]["status"].clone();
        self.acknowledge(&status);
        status
    }

    /// Unless the master itself tells it.
    pub fn acknowledge(&self, status: &Value) {
        if !status["uuid"].is_null() {
            let (agent_id, task_id, uuid) = (&status["agent_id"], &status["task_id"], &status["uuid"]);
            self.accepted("ACKNOWLEDGE", &json!({ "agent_id": agent_id, "task_id": task_id, "uuid": uuid }));
        }
    }

    /// State and message of each update up to the one with a terminal state.
    pub fn life(&self, task: &str) -> Vec<(String, String)> {
        let mut life = Vec::new();
        loop {
            let status = self.update(task);
            let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
            life.push((text("state"), text("message")));
            if !["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"].contains(&text("state").as_str()) {
                return life;
            }
        }
    }

    pub fn wait_for_running(&self, task: &str) -> Value {
        loop {
            let status = self.update(task);
            if status["state"] == "TASK_RUNNING" {
                return status;
            }
        }
    }
}

pub fn framework_info(failover_timeout_s: f64) -> Value {
    let kinds = ["MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "TASK_KILLING_STATE"];
    json!({
        "user": "root",
        "name": "test",
        "checkpoint": true,
        "failover_timeout": failover_timeout_s,
        "roles": ["flink"],
        "capabilities": kinds.map(|kind| json!({ "type": kind })),
    })
}

pub fn task_info(offer: &Value, task: &str, command: Value) -> Value {
    let scalar =
        |name: &str, value: f64| json!({ "name": name, "type": "SCALAR", "scalar": { "value": value } });
    let mut info = json!({
        "name": task,
        "task_id": { "value": task },
        "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", 0.1), scalar("mem", 32.0)],
    });
    info["command"] = command;
    info
}

pub fn shell(command: &str) -> Value {
    json!({ "value": command })
}

fn request(call: &Value, stream: Option<&str>) -> Vec<u8> {
    let body = call.to_string();
    let stream = stream.map(|stream| format!("Mesos-Stream-Id: {stream}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json\r\n{stream}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
