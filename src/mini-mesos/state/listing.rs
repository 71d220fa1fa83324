//! Parts of `/state` under addresses of their own.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::master::quota::{self, Amounts};
use crate::master::{Framework, Master, Task};
use crate::resources::Resources;
use base::time::Moment;
use mesos::role;
use mesos::wire::id::AgentId;

use super::{View, held_by, offered, task};

/// As many as the real master shows when nobody says how many.
const TASKS_SHOWN: usize = 100;

/// The query of `/tasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TasksQuery {
    pub framework_id: Option<String>,
    pub task_id: Option<String>,
    pub limit: Option<usize>,
    pub offset: usize,
    pub order: Order,
}

/// The query of `/slaves`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SlavesQuery {
    pub slave_id: Option<String>,
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
pub fn slaves(master: &Master, query: &SlavesQuery, now: Moment) -> Value {
    let view = View { master, now };
    let wanted = |id: &AgentId| query.slave_id.as_ref().is_none_or(|wanted| id.text() == wanted);
    let agents = master.agents().filter(|agent| wanted(&agent.id));
    json!({
        "slaves": agents.map(|agent| view.agent(agent)).collect::<Vec<_>>(),
        "recovered_slaves": master.recovered_agents().filter(|id| wanted(id)).map(|id| json!({ "id": id.text() })).collect::<Vec<_>>(),
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
    let is_meant = |task: &&Task| query.task_id.as_ref().is_none_or(|wanted| task.id().text() == wanted);
    let tasks = |framework| every_task(framework).filter(is_meant).map(move |task| (framework, task));
    let mut all: Vec<(&Framework, &Task)> = frameworks.flat_map(tasks).collect();
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
    let role = |name: &str| {
        let members = master.frameworks().filter(|framework| framework.roles.contains(name));
        let tasks = master.frameworks().flat_map(|framework| framework.tasks.values());
        let allocated = held_by(tasks.filter(|task| role::is_within(&task.role, name)));
        let offered = offered(master.offers().filter(|offer| role::is_within(&offer.role, name)));
        let mut both = allocated.clone();
        both.add_all(&offered);
        let agents = master.agents().map(|agent| &agent.description.resources);
        let reserved = agents.map(|resources| {
            resources.filtered(|item| item.owner().is_some_and(|owner| role::is_within(owner, name)))
        });
        json!({
            "name": name,
            "weight": 1.0,
            "quota": {
                "role": name,
                "guarantee": {},
                "limit": numbers(master.quota(name).unwrap_or(&Amounts::new())),
                "consumed": numbers(&master.consumed(name)),
            },
            "resources": quantities([&both]),
            "allocated": quantities([&allocated]),
            "offered": quantities([&offered]),
            "reserved": quantities(&reserved.collect::<Vec<_>>()),
            "frameworks": members.map(|framework| framework.id.text()).collect::<Vec<_>>(),
        })
    };
    json!({ "roles": master.roles().into_iter().map(role).collect::<Vec<_>>() })
}

/// Of all together, by name; each number of a range counts one.
fn quantities<'a>(all: impl IntoIterator<Item = &'a Resources>) -> Value {
    let mut sums = Amounts::new();
    quota::add(&mut sums, all.into_iter().flat_map(Resources::items));
    numbers(&sums)
}

fn numbers(amounts: &Amounts) -> Value {
    Value::Object(amounts.iter().map(|(name, amount)| (name.clone(), json!(amount.to_f64()))).collect())
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
