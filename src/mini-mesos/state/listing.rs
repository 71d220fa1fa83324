//! Parts of `/state` under addresses of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::master::{Framework, Master, Task};
use base::time::Moment;

use super::{View, amounts, held_by, task};

/// As many as the real master shows when nobody says how many.
const TASKS_SHOWN: usize = 100;

/// The query of `/tasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TasksQuery {
    pub framework_id: Option<String>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub order: Order,
}

/// By the time of the first update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Order {
    #[serde(rename = "asc")]
    Ascending,
    #[default]
    #[serde(rename = "des", alias = "desc")]
    Descending,
}

/// `/slaves`
pub fn slaves(master: &Master, now: Moment) -> Value {
    let view = View { master, now };
    json!({
        "slaves": master.agents().map(|agent| view.agent(agent)).collect::<Vec<_>>(),
        "recovered_slaves": master.recovered_agents().map(|id| json!({ "id": id.text() })).collect::<Vec<_>>(),
    })
}

/// `/frameworks`
pub fn frameworks(master: &Master, now: Moment) -> Value {
    let view = View { master, now };
    let list = |frameworks: Vec<&Framework>| -> Vec<Value> {
        frameworks.into_iter().map(|framework| view.framework(framework)).collect()
    };
    json!({
        "frameworks": list(master.frameworks().collect()),
        "completed_frameworks": list(master.completed_frameworks().collect()),
        "unregistered_frameworks": [],
    })
}

/// `/tasks`
pub fn tasks(master: &Master, query: &TasksQuery) -> Value {
    let wanted = |framework: &&Framework| {
        query.framework_id.as_ref().is_none_or(|wanted| framework.id.text() == wanted)
    };
    let frameworks = master.frameworks().chain(master.completed_frameworks()).filter(wanted);
    let mut all: Vec<(&Framework, &Task)> =
        frameworks.flat_map(|framework| every_task(framework).map(move |task| (framework, task))).collect();
    let began = |task: &Task| task.statuses.first().and_then(|status| status.timestamp).unwrap_or(f64::MAX);
    all.sort_by(|(_, one), (_, other)| began(one).total_cmp(&began(other)));
    if query.order == Order::Descending {
        all.reverse();
    }
    let shown = all.into_iter().skip(query.offset).take(query.limit.unwrap_or(TASKS_SHOWN));
    json!({ "tasks": shown.map(|(framework, known)| task(framework, known)).collect::<Vec<_>>() })
}

/// `/roles`
pub fn roles(master: &Master) -> Value {
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([("*", BTreeSet::new())]);
    for framework in master.frameworks() {
        for role in &framework.roles {
            members.entry(role).or_default().insert(framework.id.text());
        }
    }
    let role = |(name, frameworks): (&str, BTreeSet<&str>)| {
        let tasks = master.frameworks().flat_map(|framework| framework.tasks.values());
        let held = held_by(tasks.filter(|task| task.role == name));
        json!({ "name": name, "weight": 1.0, "frameworks": frameworks, "resources": amounts(&held) })
    };
    json!({ "roles": members.into_iter().map(role).collect::<Vec<_>>() })
}

/// `/state-summary`
pub fn summary(master: &Master, now: Moment) -> Value {
    let view = View { master, now };
    let on_agents = master.agents().map(|agent| {
        let tasks = master.frameworks().flat_map(every_task).filter(|task| task.agent == agent.id);
        counted(view.agent(agent), tasks)
    });
    let of_frameworks = master.frameworks().map(|framework| {
        let mut shown = view.framework(framework);
        for list in ["tasks", "unreachable_tasks", "completed_tasks", "offers", "executors"] {
            shown.as_object_mut().map(|fields| fields.remove(list));
        }
        counted(shown, every_task(framework))
    });
    json!({
        "hostname": master.settings().hostname,
        "slaves": on_agents.collect::<Vec<_>>(),
        "frameworks": of_frameworks.collect::<Vec<_>>(),
    })
}

fn every_task(framework: &Framework) -> impl Iterator<Item = &Task> {
    framework.tasks.values().chain(framework.unreachable_tasks.values()).chain(&framework.completed_tasks)
}

/// With the number of tasks in each state.
fn counted<'a>(mut shown: Value, tasks: impl Iterator<Item = &'a Task>) -> Value {
    for task in tasks {
        let count = &mut shown[task.latest.name()];
        *count = Value::from(count.as_u64().unwrap_or_default() + 1);
    }
    shown
}
