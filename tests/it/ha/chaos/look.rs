//! Whether everything is as it shall be, seen from Mesos, from the processes and from the AppMasters.

use std::collections::BTreeSet;

use serde_json::Value;

use super::appmaster::role;
use super::journal;
use super::site::Site;
use crate::cluster::processes::Part;

/// The framework's id; or why not, as far as it may still come. What can never come right again fails at once.
pub async fn look(site: &Site) -> Result<String, String> {
    let state = site.mesos_state().await.ok_or("Mesos does not answer")?;
    let (framework, tasks) = running_tasks(&state, site.target)?;
    look_at_processes(site, &tasks)?;
    look_at_appmasters(site, &tasks).await?;
    let strays = site.strays();
    if strays.is_empty() { Ok(framework) } else { Err(format!("left over: {strays:#?}")) }
}

/// The only framework, and its tasks.
fn running_tasks(state: &Value, target: usize) -> Result<(String, BTreeSet<String>), String> {
    let list = |name: &str| state[name].as_array().expect("a list").clone();
    let (frameworks, completed) = (list("frameworks"), list("completed_frameworks"));
    assert!(completed.is_empty(), "a framework has ended: {completed:#?}");
    assert!(frameworks.len() <= 1, "a second framework: {frameworks:#?}");
    let framework = frameworks.first().ok_or("no framework")?;
    let tasks = framework["tasks"].as_array().expect("a list");
    let text = |task: &Value, name: &str| task[name].as_str().expect("text").to_owned();
    let states: Vec<_> = tasks.iter().map(|task| (text(task, "id"), text(task, "state"))).collect();
    let running = states.iter().filter(|(_, state)| state == "TASK_RUNNING");
    let running: BTreeSet<_> = running.map(|(id, _)| id.clone()).collect();
    let is_right = running.len() == target && states.len() == target;
    if is_right {
        Ok((text(framework, "id"), running))
    } else {
        Err(format!("{target} running tasks expected: {states:?}"))
    }
}

/// Each task is a process that lives, and there is no other.
fn look_at_processes(site: &Site, tasks: &BTreeSet<String>) -> Result<(), String> {
    let alive = site.taskmanagers();
    let lives = journal::read(&site.journal());
    let of_alive: Vec<_> =
        lives.iter().filter(|((_, pid), end)| end.is_none() && alive.contains_key(pid)).collect();
    let names: BTreeSet<_> = of_alive.iter().map(|((task, _), _)| task.clone()).collect();
    if alive.len() != tasks.len() || of_alive.len() != tasks.len() || names != *tasks {
        return Err(format!("Mesos runs {tasks:?}, processes are {alive:?} with {of_alive:?}"));
    }
    let starting = site.mesos.parts(Part::Task);
    if starting.is_empty() { Ok(()) } else { Err(format!("tasks that start: {starting:?}")) }
}

async fn look_at_appmasters(site: &Site, tasks: &BTreeSet<String>) -> Result<(), String> {
    let mut leaders = 0;
    for appmaster in &site.appmasters {
        let program = &appmaster.program;
        for part in [Part::JobManager, Part::Worker] {
            let found = program.parts(part);
            if found.len() != 1 {
                return Err(format!("{}: one {part:?} expected: {found:?}", appmaster.log_path().display()));
            }
        }
        let status = appmaster.status().await.ok_or("an AppMaster does not answer")?;
        match role(&status) {
            Some("leader") => {
                leaders += 1;
                knows(&status, tasks)?;
            }
            Some("standby") => {}
            Some(_) | None => return Err(format!("neither leads nor stands by: {status}")),
        }
    }
    let is_right = leaders == 1 && site.appmasters.len() == site.wanted_appmasters;
    if is_right { Ok(()) } else { Err(format!("{leaders} of {} AppMasters lead", site.appmasters.len())) }
}

/// The leader sees what there is.
fn knows(status: &Value, tasks: &BTreeSet<String>) -> Result<(), String> {
    let known = status["tasks"].as_array().into_iter().flatten();
    let running = known.clone().filter(|task| task["state"] == "TASK_RUNNING");
    let running: BTreeSet<_> =
        running.filter_map(|task| task["task_id"].as_str()).map(str::to_owned).collect();
    let is_right = status["subscribed"] == true
        && status["target"] == tasks.len()
        && known.count() == tasks.len()
        && running == *tasks;
    if is_right { Ok(()) } else { Err(format!("the leader sees {status}, there are {tasks:?}")) }
}
