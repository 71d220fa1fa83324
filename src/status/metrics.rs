//! The same in Prometheus' text format. Names that end in `_total` only grow, until the worker or the leader changes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::TEXT_FORMAT;

use domain::leadership::Leadership;

use super::Shared;
use super::api::STOPPING;
use super::board::Status;
use super::exposition::{Page, quarantined};
use super::lookout::Lookout;

/// In Prometheus' text format.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, body = String, content_type = "text/plain; version=0.0.4"),
    (status = 503, description = STOPPING, body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn metrics(State(Shared { board, .. }): State<Shared>) -> Response {
    let snapshot = match board.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(refusal) => return super::api::refused(&refusal),
    };
    // Names and labels are ours: only a mistake of this file leaves nothing.
    let text = snapshot.metrics(|status| text(status, &board.lookout).unwrap_or_default().into());
    ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response()
}

fn text(status: &Status, lookout: &Lookout) -> Result<Vec<u8>, prometheus::Error> {
    let page = Page::default();
    counters(&page, status)?;
    gauges(&page, status)?;
    page.scheduler(&status.counters, lookout)?;
    page.text()
}

fn counters(page: &Page, status: &Status) -> Result<(), prometheus::Error> {
    let counters = &status.counters;
    page.counters(&[
        ("taskmanager_launches", "TaskManagers launched.", counters.launches),
        (
            "taskmanager_failures",
            "TaskManagers that ended without an order to, or were given up.",
            counters.failures,
        ),
        ("taskmanager_disappearances", "Times Mesos could not find a TaskManager.", counters.disappearances),
        (
            "taskmanager_silences",
            "Times the JobManager received no heartbeats from a TaskManager for long.",
            counters.silences,
        ),
        ("taskmanager_restarts", "TaskManagers that were replaced by another.", counters.replacements),
    ])
}

fn gauges(page: &Page, status: &Status) -> Result<(), prometheus::Error> {
    let leads = match status.high_availability {
        None | Some(Leadership::Leader | Leadership::Suspended) => true,
        Some(Leadership::Standby { .. } | Leadership::Away { .. }) => false,
    };
    let waiting = status.waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
    page.gauges(&[
        ("leader", "Whether this AppMaster leads.", usize::from(leads)),
        ("subscribed", "Whether the framework is subscribed at Mesos.", usize::from(status.subscribed)),
        (
            "jobmanager_up",
            "Whether the JobManager's JVM answers.",
            usize::from(status.jobmanager.silent.is_none()),
        ),
        ("taskmanagers_desired", "How many TaskManagers to keep.", status.target as usize),
        (
            "taskmanagers_registered",
            "TaskManagers that run and from which the JobManager receives heartbeats.",
            status.running,
        ),
        (
            "taskmanagers_unheard",
            "TaskManagers that Mesos runs and from which the JobManager has received no heartbeat for long.",
            status.unheard,
        ),
        ("taskmanagers_waiting", "TaskManagers that are still to be launched.", waiting),
        (
            "probing",
            "Whether TaskManagers fail at their start and are tried one at a time.",
            usize::from(status.probing.is_some()),
        ),
        (
            "taskmanagers_foreign",
            "TaskManagers that have registered with the JobManager and are not tasks of this framework.",
            status.neighbours.taskmanagers.len(),
        ),
        (
            "frameworks_of_same_name",
            "Other frameworks of the same name that hold resources.",
            status.neighbours.frameworks.len(),
        ),
        ("agents_quarantined", "Agents that are quarantined after failures.", quarantined(&status.agents)),
    ])?;
    tasks(page, status)?;
    if let Some(overview) = &status.jobmanager.overview {
        let used = overview.slots.total.saturating_sub(overview.slots.free);
        let slots = [("free", overview.slots.free), ("used", used)];
        let slots = slots.map(|(state, count)| (state.to_owned(), i64::from(count)));
        page.by("slots", "Slots that TaskManagers have registered.", "state", slots)?;
        page.gauges(&[("jobs_running", "Running jobs.", overview.jobs_running as usize)])?;
    }
    page.version(&status.version)
}

fn tasks(page: &Page, status: &Status) -> Result<(), prometheus::Error> {
    let mut states = BTreeMap::from([("running".to_owned(), 0), ("launched".to_owned(), 0)]);
    for task in &status.tasks {
        let state = task.task.state.trim_start_matches("TASK_").to_lowercase();
        *states.entry(state).or_default() += 1;
    }
    page.by("taskmanagers", "TaskManagers by the state that Mesos reported last.", "state", states)
}
