//! When two events are the same but for what differs from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Answer;

/// Whether it counts which offers came in one event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    Compared,
    /// The real master's allocator puts agents together as its own timing has it.
    Ignored,
}

pub fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

/// What an event is about: its kind, and the task of an update, the offer of a rescind, the agents of single
/// offers.
pub fn subject(event: &Value) -> (String, String) {
    let about = match kind(event) {
        "UPDATE" => &event["update"]["status"]["task_id"]["value"],
        "RESCIND" => &event["rescind"]["offer_id"]["value"],
        "RESCIND_INVERSE_OFFER" => &event["rescind_inverse_offer"]["inverse_offer_id"]["value"],
        _ => &Value::Null,
    };
    let about = match single(&event["offers"]["offers"]) {
        Some(offer) => Some(place(offer)),
        None => single(&event["inverse_offers"]["inverse_offers"])
            .map_or(about, |offer| &offer["agent_id"]["value"])
            .as_str()
            .map(str::to_owned),
    };
    (kind(event).to_owned(), about.unwrap_or_default())
}

fn single(list: &Value) -> Option<&Value> {
    match list.as_array().map(Vec::as_slice) {
        Some([only]) => Some(only),
        _ => None,
    }
}

/// One event for each offer in it, if it does not count which came together.
pub fn parts(event: Value, batches: Batches) -> Vec<Value> {
    let list = match kind(&event) {
        "OFFERS" => ["offers", "offers"],
        "INVERSE_OFFERS" => ["inverse_offers", "inverse_offers"],
        _ => return vec![event],
    };
    let offers = event[list[0]][list[1]].as_array().cloned().unwrap_or_default();
    if batches == Batches::Compared {
        return vec![event];
    }
    let single = |offer: Value| {
        let mut part = event.clone();
        part[list[0]][list[1]] = Value::from(vec![offer]);
        part
    };
    offers.into_iter().map(single).collect()
}

/// What of a plain answer is the same in every run.
pub fn answer(answer: &Answer) -> [Option<String>; 5] {
    const BUILD: [&str; 3] = ["build_date", "build_time", "build_user"];
    let mut body = String::from_utf8_lossy(&answer.body).into_owned();
    if let Ok(Value::Object(mut version)) = serde_json::from_str(&body) {
        for name in BUILD {
            version.entry(name).and_modify(|value| *value = Value::from("varies"));
        }
        body = Value::Object(version).to_string();
    }
    let Answer { status, content_type, challenge, location, .. } = answer;
    [Some(status.clone()), content_type.clone(), challenge.clone(), location.clone(), Some(body)]
}

/// Remembers which live identifiers stand where recorded ones stood.
pub fn learn(names: &mut BTreeMap<String, String>, recorded: &Value, live: &Value) {
    let mut learn = |recorded: &Value, live: &Value| {
        if let (Some(recorded), Some(live)) = (recorded.as_str(), live.as_str()) {
            names.insert(recorded.to_owned(), live.to_owned());
        }
    };
    let (old, new) = (&recorded["subscribed"], &live["subscribed"]);
    learn(&old["framework_id"]["value"], &new["framework_id"]["value"]);
    learn(&old["master_info"]["id"], &new["master_info"]["id"]);
    let (old, new) = (&recorded["update"]["status"], &live["update"]["status"]);
    learn(&old["uuid"], &new["uuid"]);
    let empty = Vec::new();
    let offers = |event: &Value| event["offers"]["offers"].as_array().unwrap_or(&empty).clone();
    for old in offers(recorded) {
        let place = place(&old);
        if let Some(new) = offers(live).iter().find(|new| self::place(new) == place) {
            learn(&old["id"]["value"], &new["id"]["value"]);
            learn(&old["agent_id"]["value"], &new["agent_id"]["value"]);
        }
    }
    let inverse =
        |event: &Value| event["inverse_offers"]["inverse_offers"].as_array().unwrap_or(&empty).clone();
    for old in inverse(recorded) {
        let agent = old["agent_id"]["value"].as_str().and_then(|agent| names.get(agent)).cloned();
        let of_agent = |new: &&Value| new["agent_id"]["value"].as_str() == agent.as_deref();
        if let (Some(id), Some(new)) = (old["id"]["value"].as_str(), inverse(live).iter().find(of_agent)) {
            names.insert(id.to_owned(), new["id"]["value"].as_str().unwrap_or_default().to_owned());
        }
    }
}

/// What tells one offer of an event from the others.
fn place(offer: &Value) -> String {
    format!("{} {}", offer["attributes"], offer["allocation_info"])
}

/// Without what differs from run to run, and offers in a fixed order.
pub fn comparable(mut event: Value) -> Value {
    const VARYING: [&str; 7] =
        ["unreachable_time", "timestamp", "executor_pid", "uuid", "container_id", "port", "pid"];
    fn strip(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    // Agents in one process have numbers of their own, and in several ports.
                    let is_process = || value.as_str().is_some_and(|text| text.starts_with("/slave("));
                    if VARYING.contains(&name.as_str()) || is_process() {
                        *value = Value::from("varies");
                    } else {
                        strip(value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    strip(&mut event);
    if let Some(Value::String(message)) = event.pointer_mut("/update/status/message") {
        *message = without_container(message);
    }
    if let Some(offers) = event["offers"]["offers"].as_array_mut() {
        offers.sort_by_key(place);
    }
    if let Some(offers) = event["inverse_offers"]["inverse_offers"].as_array_mut() {
        offers.sort_by_key(|offer| offer["agent_id"].to_string());
    }
    if event["offers"].is_null()
        && let Some(fields) = event.as_object_mut()
    {
        fields.remove("offers");
    }
    event
}

/// Without the name of the container in a message.
fn without_container(message: &str) -> String {
    let Some((before, rest)) = message.split_once("for container '") else { return message.to_owned() };
    let after = rest.split_once('\'').map_or("", |(_, after)| after);
    format!("{before}for container 'varies'{after}")
}
