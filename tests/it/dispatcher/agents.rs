//! Three sessions of two versions of Flink with ZooKeeper, and what becomes of them when agents drain, go or lose an AppMaster.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::available::with_zookeeper;
use super::site::{Site, session};
use crate::cluster::processes::{self, Part, Process};
use crate::ha::ensemble::Ensemble;

/// The agents of a cluster's AppMasters that have not ended, the newest first, by what each has told of itself.
fn appmasters(site: &Site, name: &str) -> Vec<(String, String)> {
    let described = site.describe(name).unwrap_or_default();
    let told = described["appmasters"].as_array().cloned().unwrap_or_default();
    let attempts = described["attempts"].as_array().cloned().unwrap_or_default();
    let alive = attempts.into_iter().filter(|attempt| attempt["ended"].is_null());
    let standing = |attempt: &Value| {
        let own = told.iter().find(|told| told["task_id"] == attempt["task_id"]);
        own.and_then(|told| told["standing"].as_str()).unwrap_or_default().to_owned()
    };
    let line =
        |attempt: Value| (standing(&attempt), attempt["agent_id"].as_str().unwrap_or_default().to_owned());
    alive.map(line).collect()
}

/// The agent of the AppMaster that leads.
async fn leading(site: &Site, name: &str) -> String {
    let leads = async || {
        let all = appmasters(site, name).into_iter();
        all.filter(|(standing, _)| standing == "leader").map(|(_, agent_id)| agent_id).next()
    };
    site.program.until(&format!("an AppMaster of {name} leads"), leads).await
}

/// TaskManagers on other agents.
fn elsewhere(site: &Site, state: &Value, agent_id: &str) -> Vec<Process> {
    let frameworks = state["frameworks"].as_array().cloned().unwrap_or_default();
    let tasks = frameworks.iter().flat_map(|one| one["tasks"].as_array().cloned().unwrap_or_default());
    let there: Vec<_> = tasks
        .filter(|task| task["slave_id"] == agent_id)
        .filter_map(|task| task["id"].as_str().map(|id| format!("/{id}/")))
        .collect();
    let is_there = |process: &Process| {
        let environment = processes::environment(*process);
        environment.iter().any(|variable| there.iter().any(|id| variable.contains(id)))
    };
    let all = site.mesos.parts(Part::TaskManager).into_iter();
    all.filter(|process| !is_there(process)).collect()
}

async fn master_state(site: &Site) -> Value {
    serde_json::from_str(&site.state().await).expect("JSON")
}

async fn framework_id(site: &Site, name: &str) -> Value {
    let is_there = async || site.framework(name).await;
    site.program.until(&format!("{name} is registered"), is_there).await["id"].clone()
}

#[tokio::test]
async fn clusters_outlive_the_agents_under_their_appmasters() {
    let ensemble = Ensemble::start().await;
    let storage = tempfile::tempdir().expect("a directory");
    let site = Site::start(&with_zookeeper(&ensemble, storage.path())).await;
    let two = session("two", "v1_20", super::MEMORY)
        .replace("cpu: 0.5}\n  task", "cpu: 0.5}\n    replicas: 2\n  task");
    assert!(two.contains("replicas: 2"), "{two}");
    site.apply(&[&two, &session("old", "v1_20", super::MEMORY), &session("new", "v2_3", super::MEMORY)]);
    let names = ["two", "old", "new"];
    for name in names {
        site.until_state(name, "running").await;
        site.until_slots(name, 1).await;
    }
    let mut ids = Vec::new();
    for name in names {
        ids.push(framework_id(&site, name).await);
    }

    // The standby goes on at once, and another one comes where the agent is not drained.
    let drained = leading(&site, "two").await;
    let others = elsewhere(&site, &master_state(&site).await, &drained);
    let drain = json!({"type": "DRAIN_AGENT", "drain_agent": {"agent_id": {"value": drained}}});
    site.operate(&drain).await;
    let has_moved = async || {
        let all = appmasters(&site, "two");
        let leads = all.iter().any(|(standing, _)| standing == "leader");
        (leads && all.len() == 2 && all.iter().all(|(_, agent_id)| *agent_id != drained)).then_some(())
    };
    site.program.until("both AppMasters are elsewhere", has_moved).await;
    let left = site.mesos.parts(Part::TaskManager);
    assert!(others.iter().all(|process| left.contains(process)), "{others:?} {left:?}");

    // Its init is killed: the next one finds framework and TaskManager.
    site.until_slots("new", 1).await;
    let before = site.attempts("new");
    let taskmanagers = site.mesos.parts(Part::TaskManager);
    processes::signal(site.init_of(site.jobmanager("new")), Signal::SIGKILL);
    let is_next = async || (site.attempts("new").first()? > before.first()?).then_some(());
    site.program.until("another attempt", is_next).await;
    site.until_state("new", "running").await;
    leading(&site, "new").await;
    assert_eq!(site.mesos.parts(Part::TaskManager), taskmanagers);

    // Its agent is gone for good.
    site.until_slots("old", 1).await;
    let gone = leading(&site, "old").await;
    site.operate(&json!({"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": gone}}})).await;
    let has_moved = async || {
        let all = appmasters(&site, "old");
        matches!(&all[..], [(standing, agent_id)] if standing == "leader" && *agent_id != gone).then_some(())
    };
    site.program.until("its AppMaster is elsewhere", has_moved).await;

    for (name, id) in names.iter().zip(&ids) {
        site.until_slots(name, 1).await;
        site.until_state(name, "running").await;
        assert_eq!(framework_id(&site, name).await, *id, "{name}");
    }
    for name in names {
        site.command(&["delete", name, "--force"]);
    }
    for name in names {
        site.until_gone(name).await;
    }
    site.until_nothing_runs().await;
}
