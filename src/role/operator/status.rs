//! A status in plain words.

use std::time::Duration;

use scheduler::report::{AgentStanding, AgentState, Registration};
use status::board::{Status, TaskManager};

use super::table::{line, table};

pub fn text(status: &Status) -> String {
    let mut text = String::new();
    if let Some(leadership) = &status.high_availability {
        line(&mut text, &leadership.to_string());
    }
    line(&mut text, &framework(status));
    line(&mut text, &jobmanager(status));
    let unheard = match status.unheard {
        0 => String::new(),
        unheard => format!(", {unheard} not heard by the JobManager"),
    };
    line(&mut text, &format!("TaskManagers  {} of {} run{unheard}", status.running, status.target));
    if let Some(asked) = &status.asked {
        line(&mut text, &format!("demand        {asked}"));
    }
    if let Some(waiting) = &status.waiting {
        line(&mut text, &format!("waiting       {} not launched: {}", waiting.taskmanagers, waiting.why));
    }
    if let Some(probing) = status.probing.as_ref().filter(|_| status.waiting.is_none()) {
        line(&mut text, &format!("probing       {probing}"));
    }
    for warning in &status.warnings {
        line(&mut text, &format!("warning       {warning}"));
    }
    if !status.neighbours.taskmanagers.is_empty() {
        let foreign: Vec<_> = status.neighbours.taskmanagers.iter().map(ToString::to_string).collect();
        let (count, names) = (foreign.len(), foreign.join(", "));
        line(
            &mut text,
            &format!(
                "foreign       {count} TaskManagers that are not tasks of this framework have registered with the JobManager: {names}"
            ),
        );
    }
    for namesake in &status.neighbours.frameworks {
        line(&mut text, &format!("same name     {namesake}"));
    }
    if !status.tasks.is_empty() {
        let head = ["TASK", "HOST", "STATE", "FOR", "SLOTS USED"].map(str::to_owned);
        let rows = status.tasks.iter().map(row);
        table(&mut text, &std::iter::once(head).chain(rows).collect::<Vec<_>>());
    }
    for agent in &status.agents {
        if let Some(standing) = standing(agent, status.taken_at / 1000) {
            let name = agent.hostname.as_ref().unwrap_or(&agent.agent_id);
            line(&mut text, &format!("agent         {name}: {standing}"));
        }
    }
    text
}

fn framework(status: &Status) -> String {
    let id = status.framework_id.as_deref().unwrap_or("no id yet");
    let master = match &status.master {
        Some(master) if status.subscribed => {
            format!("Mesos {} at {}:{}", master.version, master.hostname, master.port)
        }
        Some(_) | None => "not subscribed".to_owned(),
    };
    format!("framework     {} ({id}), {master}", status.framework_name)
}

fn jobmanager(status: &Status) -> String {
    let jobmanager = &status.jobmanager;
    let what = match (&jobmanager.silent, &jobmanager.overview) {
        (Some(why), _) => format!("unavailable: {why}"),
        (None, None) => "answers".to_owned(),
        (None, Some(overview)) => format!(
            "Flink {}, {} of {} slots used, {} jobs run",
            overview.flink_version,
            overview.slots.total.saturating_sub(overview.slots.free),
            overview.slots.total,
            overview.jobs_running
        ),
    };
    format!("JobManager    {what}")
}

fn row(task: &TaskManager) -> [String; 5] {
    let slots = match task.slots {
        Some(slots) => format!("{}/{}", slots.total.saturating_sub(slots.free), slots.total),
        None => "-".to_owned(),
    };
    let report = &task.task;
    let registration = match (report.registration, report.unheard_s) {
        (Registration::Unheard, silent) => {
            let silent = humantime::format_duration(Duration::from_secs(silent.unwrap_or_default()));
            format!(", not heard for {silent}")
        }
        (Registration::Awaited, _) if report.state == "TASK_RUNNING" => ", not registered".to_owned(),
        (Registration::Awaited | Registration::Registered | Registration::Unknown, _) => String::new(),
    };
    let goal = match (report.ending, report.giving_way) {
        (true, _) => ", ending",
        (false, true) => ", being replaced",
        (false, false) => "",
    };
    [
        report.task_id.clone(),
        report.hostname.clone(),
        format!("{}{registration}{goal}", report.state),
        humantime::format_duration(Duration::from_secs(report.since_s)).to_string(),
        slots,
    ]
}

/// What is held against it.
fn standing(agent: &AgentState, now: u64) -> Option<String> {
    let left = |at: u64| humantime::format_duration(Duration::from_secs(at.saturating_sub(now))).to_string();
    match &agent.standing {
        AgentStanding::Good => None,
        AgentStanding::Avoided { strikes, why } => {
            Some(format!("other agents are preferred after {strikes} failures, the last failure: {why}"))
        }
        AgentStanding::OnTrial { strikes, why, .. } => Some(format!(
            "on trial with one TaskManager at a time after {strikes} failures, the last failure: {why}"
        )),
        AgentStanding::Quarantined { until, why } => {
            Some(format!("quarantined for {} after failures, the last failure: {why}", left(*until)))
        }
        AgentStanding::Leaving { at } => {
            Some(format!("gets no more TaskManagers: maintenance in {}", left(*at)))
        }
    }
}
