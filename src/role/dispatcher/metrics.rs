//! What a dispatcher tells Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use dispatcher::driver::Handle;
use dispatcher::{ClusterReport, State, Timestamp, WaitingCluster};
use domain::leadership::Leadership;
use prometheus::{IntCounterVec, Opts};
use scheduler::report::Report;
use status::exposition::{PREFIX, Page, quarantined};
use status::lookout::Lookout;
use uploads::Store;

use super::now;

/// Of methods all others are one, so that nobody can make up labels.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const OTHER_METHODS: &str = "other";

pub struct Metrics {
    handle: Handle,
    lookout: Arc<Lookout>,
    store: Arc<Store>,
    answers: IntCounterVec,
}

/// What the core knows.
struct Known {
    clusters: Vec<ClusterReport>,
    waiting: Vec<WaitingCluster>,
    audit: usize,
}

impl Metrics {
    pub fn new(handle: Handle, lookout: Arc<Lookout>, store: Arc<Store>) -> Self {
        let options = Opts::new(
            format!("{PREFIX}api_requests_total"),
            "Requests to the dispatcher's API, by method and by the HTTP status of the answer.",
        );
        let answers =
            IntCounterVec::new(options, &["method", "code"]).expect("name and labels are constants");
        Self { handle, lookout, store, answers }
    }

    /// These routes, with their answers counted.
    pub fn counted(self: &Arc<Self>, routes: Router) -> Router {
        let answers = self.answers.clone();
        routes.layer(middleware::from_fn(move |request: Request, next: Next| {
            let method = METHODS.into_iter().find(|known| *known == request.method().as_str());
            let (method, answers) = (method.unwrap_or(OTHER_METHODS), answers.clone());
            async move {
                let response = next.run(request).await;
                answers.with_label_values(&[method, response.status().as_str()]).inc();
                response
            }
        }))
    }

    /// With what the scheduler says, or why there is none.
    pub async fn text(&self, report: &Report) -> Result<Vec<u8>, String> {
        let known = self.handle.ask(|core, _| Known {
            clusters: core.list(),
            waiting: core.waiting(),
            audit: core.audit().count(),
        });
        let known = known.await.map_err(|why| why.to_string())?;
        // Names and labels are ours: only a mistake of this file leaves nothing.
        self.page(report, &known, now()).map_err(|error| error.to_string())
    }

    fn page(&self, report: &Report, known: &Known, now: Timestamp) -> Result<Vec<u8>, prometheus::Error> {
        let page = Page::default();
        clusters(&page, known, now)?;
        appmasters(&page, report, &known.clusters)?;
        let leads = match report.high_availability {
            None | Some(Leadership::Leader | Leadership::Suspended) => true,
            Some(Leadership::Standby { .. } | Leadership::Away { .. }) => false,
        };
        let artifacts = self.store.list();
        let bytes = artifacts.iter().fold(0u64, |sum, listed| sum.saturating_add(listed.about.size));
        page.gauges(&[
            ("artifacts", "Artifacts that this dispatcher has.", artifacts.len()),
            (
                "artifacts_bytes",
                "Bytes of artifacts that this dispatcher has.",
                usize::try_from(bytes).unwrap_or(usize::MAX),
            ),
            ("leader", "Whether this dispatcher leads.", usize::from(leads)),
            ("subscribed", "Whether the framework is subscribed at Mesos.", usize::from(report.subscribed)),
            (
                "agents_quarantined",
                "Agents that are quarantined after failures.",
                quarantined(&report.agents),
            ),
            ("audit_entries", "Entries of the audit that are kept.", known.audit),
        ])?;
        page.scheduler(&report.counters, &self.lookout)?;
        page.add(self.answers.clone())?;
        page.version(env!("CARGO_PKG_VERSION"))?;
        page.text()
    }
}

const STATES: [State; 10] = [
    State::Waiting,
    State::Starting,
    State::Running,
    State::Degraded,
    State::Resting,
    State::Suspended,
    State::Finished,
    State::Failed,
    State::Deleting,
    State::Unreadable,
];

fn clusters(page: &Page, known: &Known, now: Timestamp) -> Result<(), prometheus::Error> {
    let mut states: BTreeMap<_, i64> = STATES.iter().map(|state| (state.word().to_owned(), 0)).collect();
    for cluster in &known.clusters {
        *states.entry(cluster.state.word().to_owned()).or_default() += 1;
    }
    page.by("clusters", "Clusters by state.", "state", states)?;
    let waiting = known.waiting.len();
    page.gauges(&[("clusters_waiting", "Clusters of which not all AppMasters run.", waiting)])?;
    let seconds = known.waiting.iter().filter_map(|cluster| {
        let since = Duration::from_millis(now.0.saturating_sub(cluster.since?.0));
        Some((cluster.name.clone(), since.as_secs_f64()))
    });
    page.seconds_by(
        "cluster_waiting_seconds",
        "How long a cluster waits, of which not all AppMasters run.",
        "cluster",
        seconds,
    )
}

fn appmasters(page: &Page, report: &Report, clusters: &[ClusterReport]) -> Result<(), prometheus::Error> {
    let sum = |of: fn(&ClusterReport) -> u32| clusters.iter().map(|cluster| of(cluster) as usize).sum();
    let waiting = report.groups.values().filter_map(|group| group.waiting.as_ref());
    let waiting = waiting.map(|waiting| waiting.taskmanagers).sum();
    let counters = &report.counters;
    page.gauges(&[
        ("appmasters_desired", "AppMasters that there shall be.", sum(|cluster| cluster.target)),
        ("appmasters_running", "AppMasters that run.", sum(|cluster| cluster.running)),
        ("appmasters_waiting", "AppMasters that are still to be launched.", waiting),
    ])?;
    page.counters(&[
        ("appmaster_launches", "Attempts: AppMasters launched.", counters.launches),
        (
            "appmaster_failures",
            "AppMasters that ended without an order to, or were given up.",
            counters.failures,
        ),
        ("appmaster_disappearances", "Times Mesos could not find an AppMaster.", counters.disappearances),
        ("appmaster_restarts", "AppMasters that were replaced by another.", counters.replacements),
    ])
}
