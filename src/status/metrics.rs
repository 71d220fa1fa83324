//! The same in Prometheus' text format. Names that end in `_total` only grow, until the worker or the leader changes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::core::Collector;
use prometheus::{Encoder, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TEXT_FORMAT, TextEncoder};

use domain::leadership::Leadership;
use scheduler::report::AgentStanding;

use super::Shared;
use super::api::STOPPING;
use super::board::Status;
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
    let page = Page(Registry::new());
    page.counters(status)?;
    page.gauges(status)?;
    page.add(lookout.rounds.clone())?;
    page.add(lookout.store_writes.clone())?;
    let mut text = Vec::new();
    TextEncoder::new().encode(&page.0.gather(), &mut text)?;
    Ok(text)
}

struct Page(Registry);

impl Page {
    fn counters(&self, status: &Status) -> Result<(), prometheus::Error> {
        let counters = &status.counters;
        for (name, help, value) in [
            ("offers", "Offers received from the master.", counters.offers),
            ("accepts", "ACCEPT calls sent.", counters.accepts),
            ("declines", "DECLINE calls sent.", counters.declines),
            ("revives", "REVIVE calls sent.", counters.revives),
            ("suppresses", "SUPPRESS calls sent.", counters.suppresses),
            ("kills", "KILL calls sent.", counters.kills),
            ("reconciliations", "RECONCILE calls sent.", counters.reconciles),
            ("updates", "Task status updates received.", counters.updates),
            ("subscriptions", "Subscriptions that a master accepted.", counters.subscriptions),
            ("disconnections", "Subscriptions that were lost.", counters.disconnections),
            ("taskmanager_launches", "TaskManagers launched.", counters.launches),
            (
                "taskmanager_failures",
                "TaskManagers that ended without an order to, or were given up.",
                counters.failures,
            ),
            (
                "taskmanager_disappearances",
                "Times Mesos could not find a TaskManager.",
                counters.disappearances,
            ),
            (
                "taskmanager_silences",
                "Times the JobManager received no heartbeats from a TaskManager for long.",
                counters.silences,
            ),
            ("taskmanager_restarts", "TaskManagers that were replaced by another.", counters.replacements),
        ] {
            let counter = IntCounter::new(format!("flink_on_mesos_{name}_total"), help)?;
            counter.inc_by(value);
            self.add(counter)?;
        }
        Ok(())
    }

    fn gauges(&self, status: &Status) -> Result<(), prometheus::Error> {
        let leads = match status.high_availability {
            None | Some(Leadership::Leader | Leadership::Suspended) => true,
            Some(Leadership::Standby { .. } | Leadership::Away { .. }) => false,
        };
        let waiting = status.waiting.as_ref().map_or(0, |waiting| waiting.taskmanagers);
        let is_out = |standing: &AgentStanding| match standing {
            AgentStanding::Quarantined { .. } => true,
            AgentStanding::Good
            | AgentStanding::Avoided { .. }
            | AgentStanding::OnTrial { .. }
            | AgentStanding::Leaving { .. } => false,
        };
        let quarantined = status.agents.iter().filter(|agent| is_out(&agent.standing)).count();
        for (name, help, value) in [
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
            ("agents_quarantined", "Agents that are quarantined after failures.", quarantined),
        ] {
            let gauge = IntGauge::new(format!("flink_on_mesos_{name}"), help)?;
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            self.add(gauge)?;
        }
        self.tasks(status)?;
        if let Some(overview) = &status.jobmanager.overview {
            let used = overview.slots.total.saturating_sub(overview.slots.free);
            let slots = [("free", overview.slots.free), ("used", used)];
            let slots = slots.map(|(state, count)| (state.to_owned(), i64::from(count)));
            self.by_state("slots", "Slots that TaskManagers have registered.", slots)?;
            let jobs = IntGauge::new("flink_on_mesos_jobs_running", "Running jobs.")?;
            jobs.set(i64::from(overview.jobs_running));
            self.add(jobs)?;
        }
        let version = [(status.version.clone(), 1)];
        self.by("build_info", "The program's version.", "version", version)
    }

    fn tasks(&self, status: &Status) -> Result<(), prometheus::Error> {
        let mut states = BTreeMap::from([("running".to_owned(), 0), ("launched".to_owned(), 0)]);
        for task in &status.tasks {
            let state = task.task.state.trim_start_matches("TASK_").to_lowercase();
            *states.entry(state).or_default() += 1;
        }
        self.by_state("taskmanagers", "TaskManagers by the state that Mesos reported last.", states)
    }

    fn by_state(
        &self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (String, i64)>,
    ) -> Result<(), prometheus::Error> {
        self.by(name, help, "state", values)
    }

    fn by(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (String, i64)>,
    ) -> Result<(), prometheus::Error> {
        let gauges = IntGaugeVec::new(Opts::new(format!("flink_on_mesos_{name}"), help), &[label])?;
        for (value, number) in values {
            gauges.with_label_values(&[value]).set(number);
        }
        self.add(gauges)
    }

    fn add(&self, metric: impl Collector + 'static) -> Result<(), prometheus::Error> {
        self.0.register(Box::new(metric))
    }
}
