//! What the operator endpoints answer, reduced to what tools look at.

pub mod frameworks;
mod listing;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use base::time::Moment;
use mesos::wire::framework::CapabilityType;
use mesos::wire::resource::{Attribute, ValueType};
use mesos::wire::status::{TaskState, TaskStatus};

use super::master::{self, Agent, Duty, Framework, HeldOffer, Link, Master, Task};
use super::resources::{Amount, Milli, Resources};

pub use listing::{SlavesQuery, TasksQuery};

/// What an operator's tool asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    State,
    Summary,
    Slaves(SlavesQuery),
    Frameworks,
    Tasks(TasksQuery),
    Roles,
    Metrics,
}

pub fn answer(question: &Question, master: &Master, now: Moment) -> Value {
    match question {
        Question::State => state(master, now),
        Question::Summary => listing::summary(master, now),
        Question::Slaves(query) => listing::slaves(master, query, now),
        Question::Frameworks => listing::frameworks(master, now),
        Question::Tasks(query) => listing::tasks(master, query),
        Question::Roles => listing::roles(master),
        Question::Metrics => metrics(master, now),
    }
}

/// `/state`
fn state(master: &Master, now: Moment) -> Value {
    let settings = master.settings();
    let (leader, start) = (master.pid(), settings.epoch);
    let view = View { master, now };
    json!({
        "version": master::VERSION,
        "build_user": env!("CARGO_PKG_NAME"),
        "start_time": start,
        "elected_time": start,
        "id": master.id(),
        "pid": leader,
        "hostname": settings.hostname,
        "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
        "activated_slaves": active(master),
        "deactivated_slaves": master.agents().count() - active(master),
        "unreachable_slaves": master.unreachable_agents().count(),
        "leader": leader,
        "leader_info": {
            "id": master.id(), "pid": leader, "port": settings.port, "hostname": settings.hostname,
        },
        "domain": settings.domain,
        "flags": {},
        "slaves": master.agents().map(|agent| view.agent(agent)).collect::<Vec<_>>(),
        "recovered_slaves": master.recovered_agents().map(|id| json!({ "id": id.text() })).collect::<Vec<_>>(),
        "frameworks": master.frameworks().map(|framework| view.framework(framework)).collect::<Vec<_>>(),
        "completed_frameworks":
            master.completed_frameworks().map(|framework| view.framework(framework)).collect::<Vec<_>>(),
        "orphan_tasks": [],
        "unregistered_frameworks": [],
    })
}

/// `/metrics/snapshot`
fn metrics(master: &Master, now: Moment) -> Value {
    let mut metrics = Map::new();
    let mut set = |name: &str, value: Value| metrics.insert(format!("master/{name}"), value);
    set("elected", json!(1));
    set("uptime_secs", json!(now.since(Moment::START).as_secs_f64()));
    set("slaves_active", json!(active(master)));
    let (up, cut): (Vec<_>, Vec<_>) = master.agents().partition(|agent| agent.link == Link::Connected);
    set("slaves_connected", json!(up.len()));
    set("slaves_disconnected", json!(cut.len()));
    set("slaves_inactive", json!(master.agents().count() - active(master)));
    set("slaves_unreachable", json!(master.unreachable_agents().count()));
    let (connected, disconnected): (Vec<_>, Vec<_>) =
        master.frameworks().partition(|framework| framework.stream().is_some());
    set("frameworks_active", json!(connected.len()));
    set("frameworks_connected", json!(connected.len()));
    set("frameworks_disconnected", json!(disconnected.len()));
    set("frameworks_inactive", json!(disconnected.len()));
    set("outstanding_offers", json!(master.offers().count()));
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for task in master.frameworks().flat_map(|framework| framework.tasks.values()) {
        *states.entry(task.latest.name()).or_default() += 1;
    }
    for (state, count) in states {
        let state = state.trim_start_matches("TASK_").to_lowercase();
        set(&format!("tasks_{state}"), json!(count));
    }
    for name in ["cpus", "mem", "disk"] {
        let total: i64 = master.agents().map(|agent| agent.description.resources.quantity(name).0).sum();
        let used = held_by(master.frameworks().flat_map(|framework| framework.tasks.values())).quantity(name);
        set(&format!("{name}_total"), json!(Milli(total).to_f64()));
        set(&format!("{name}_used"), json!(used.to_f64()));
        let share = if total == 0 { 0.0 } else { used.to_f64() / Milli(total).to_f64() };
        set(&format!("{name}_percent"), json!(share));
    }
    Value::Object(metrics)
}

fn active(master: &Master) -> usize {
    master.agents().filter(|agent| agent.is_offered()).count()
}

struct View<'a> {
    master: &'a Master,
    now: Moment,
}

impl View<'_> {
    /// Seconds since 1970.
    fn time(&self, moment: Moment) -> f64 {
        self.master.settings().epoch + moment.since(Moment::START).as_secs_f64()
    }

    fn agent(&self, agent: &Agent) -> Value {
        let description = &agent.description;
        let tasks = self.master.frameworks().flat_map(|framework| framework.tasks.values());
        let offers = self.master.offers().filter(|offer| offer.agent == agent.id);
        json!({
            "id": agent.id.text(),
            "hostname": description.hostname,
            "port": description.port,
            "attributes": attributes(&description.attributes),
            "domain": description.domain,
            "pid": description.pid(),
            "registered_time": self.time(agent.registered),
            "resources": amounts(&description.resources),
            "used_resources": amounts(&held_by(tasks.filter(|task| task.agent == agent.id))),
            "offered_resources": amounts(&offered(offers)),
            "unreserved_resources": amounts(&description.resources.filtered(|item| !item.is_reserved())),
            "active": agent.is_offered(),
            "deactivated": agent.duty != Duty::Active,
            "version": master::VERSION,
        })
    }

    fn framework(&self, framework: &Framework) -> Value {
        let info = &framework.info;
        let offers = || self.master.offers().filter(|offer| offer.framework == framework.id);
        let is_connected = framework.stream().is_some();
        let capabilities: Vec<_> = info
            .capabilities
            .iter()
            .filter_map(|capability| CapabilityType::try_from(capability.r#type?).ok())
            .map(CapabilityType::name)
            .collect();
        json!({
            "id": framework.id.text(),
            "name": info.name,
            "user": info.user,
            "principal": info.principal,
            "hostname": info.hostname.as_deref().unwrap_or_default(),
            "webui_url": info.webui_url,
            "failover_timeout": info.failover_timeout.unwrap_or_default(),
            "checkpoint": info.checkpoint.unwrap_or_default(),
            "capabilities": capabilities,
            "roles": framework.roles,
            "active": is_connected,
            "connected": is_connected,
            "recovered": false,
            "registered_time": self.time(framework.registered),
            "used_resources": amounts(&held_by(framework.tasks.values())),
            "offered_resources": amounts(&offered(offers())),
            "offers": offers().map(|offer| offer.id.text()).collect::<Vec<_>>(),
            "tasks": framework.tasks.values().map(|task| self::task(framework, task)).collect::<Vec<_>>(),
            "unreachable_tasks":
                framework.unreachable_tasks.values().map(|task| self::task(framework, task)).collect::<Vec<_>>(),
            "completed_tasks":
                framework.completed_tasks.iter().map(|task| self::task(framework, task)).collect::<Vec<_>>(),
            "executors": [],
            "observed_time": self.time(self.now),
        })
    }
}

fn task(framework: &Framework, task: &Task) -> Value {
    let resources = Resources::from_wire(&task.info.resources).unwrap_or_default();
    json!({
        "id": task.id().text(),
        "name": task.info.name,
        "framework_id": framework.id.text(),
        "executor_id": "",
        "slave_id": task.agent.text(),
        "state": task.latest.name(),
        "resources": amounts(&resources),
        "role": task.role,
        "labels": task.info.labels.as_ref().map(|labels| &labels.labels),
        "statuses": task.statuses.iter().map(status).collect::<Vec<_>>(),
    })
}

fn status(status: &TaskStatus) -> Value {
    let state = status.state.and_then(|n| TaskState::try_from(n).ok()).map(TaskState::name);
    json!({
        "state": state,
        "timestamp": status.timestamp,
        "container_status": status.container_status,
        "healthy": status.healthy,
    })
}

fn held_by<'a>(tasks: impl Iterator<Item = &'a Task>) -> Resources {
    let mut sum = Resources::default();
    for held in tasks.filter_map(|task| task.held.clone()) {
        sum.add_all(&held.unallocated());
    }
    sum
}

fn offered<'a>(offers: impl Iterator<Item = &'a HeldOffer>) -> Resources {
    let mut sum = Resources::default();
    for offer in offers {
        sum.add_all(&offer.resources.clone().unallocated());
    }
    sum
}

/// By name, whoever it is reserved for; scalars as numbers, all else as text.
fn amounts(resources: &Resources) -> Value {
    let mut sums: BTreeMap<&str, Amount> = BTreeMap::new();
    for item in resources.items() {
        sums.entry(item.name())
            .and_modify(|sum| sum.add(&item.amount))
            .or_insert_with(|| item.amount.clone());
    }
    let mut all = Map::new();
    for name in ["cpus", "gpus", "mem", "disk"] {
        all.insert(name.to_owned(), json!(resources.quantity(name).to_f64()));
    }
    for (name, sum) in sums {
        let value = match sum {
            Amount::Scalar(milli) => json!(milli.to_f64()),
            Amount::Spans(_) | Amount::Set(_) => json!(sum.to_string()),
        };
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

fn attributes(attributes: &[Attribute]) -> Value {
    let value = |attribute: &Attribute| match attribute.r#type.and_then(|n| ValueType::try_from(n).ok()) {
        Some(ValueType::Scalar) => json!(attribute.scalar.as_ref().and_then(|scalar| scalar.value)),
        Some(ValueType::Ranges) => {
            let ranges = attribute.ranges.iter().flat_map(|ranges| &ranges.range);
            let spans = ranges.map(|range| {
                format!("{}-{}", range.begin.unwrap_or_default(), range.end.unwrap_or_default())
            });
            json!(format!("[{}]", spans.collect::<Vec<_>>().join(", ")))
        }
        Some(ValueType::Set | ValueType::Text) | None => {
            json!(attribute.text.as_ref().and_then(|text| text.value.as_deref()))
        }
    };
    let named = |attribute: &Attribute| (attribute.name.clone().unwrap_or_default(), value(attribute));
    Value::Object(attributes.iter().map(named).collect())
}
