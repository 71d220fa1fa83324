//! Where AppMasters dial home: each tells how its cluster is, and is answered when there is something to order or the time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::AppMaster;
use api::standing::{Standing, Standings};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use dial::{Answer, Envelope, HOLD, Order, PROTOCOL, Report, Status, What};
use dispatcher::driver::Handle;
use domain::leadership::{Leadership, NotLeading};
use domain::remains::Remains;
use scheduler::driver::requests::{Refusal, Request, Requests};
use tokio::sync::{Notify, watch};

use super::configuration;
use super::elected::About;

/// A report is a few hundred bytes, and what came of orders.
const MAX_REPORT_BYTES: usize = 64 << 10;

/// No order follows it, so its number need not be kept anywhere.
const LAST_ORDER: u64 = u64::MAX;

/// What AppMasters have told last, by task id, and which of them are to end.
#[derive(Clone, Default)]
pub struct Reports(Arc<Told>);

#[derive(Default)]
struct Told {
    known: Mutex<Known>,
    /// More are to end.
    ending: Notify,
}

#[derive(Default)]
struct Known {
    statuses: BTreeMap<String, Status>,
    ending: BTreeSet<String>,
}

impl Reports {
    fn keep(&self, task_id: &str, status: Status) {
        self.known().statuses.insert(task_id.to_owned(), status);
    }

    fn forget(&self, task_id: &str) {
        self.known().statuses.remove(task_id);
    }

    /// Those of other tasks are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        let mut known = self.known();
        known.statuses.retain(|task_id, _| is_there(task_id));
        known.ending.retain(|task_id| is_there(task_id));
    }

    pub fn clear(&self) {
        *self.known() = Known::default();
    }

    /// Of one task.
    pub fn of(&self, task_id: &str) -> Option<AppMaster> {
        self.known().statuses.get(task_id).map(|status| appmaster(task_id, status))
    }

    /// The cluster's AppMasters are ordered to end it, where Flink keeps something that only Flink can delete. Whether there are
    /// such ones.
    pub fn end(&self, cluster: &str) -> bool {
        let mut known = self.known();
        let of_cluster = |(task_id, status): (&String, &Status)| {
            let is_meant = configuration::cluster_of(task_id) == Some(cluster);
            (is_meant && status.standing != dial::Standing::Alone).then(|| task_id.clone())
        };
        let ending: Vec<_> = known.statuses.iter().filter_map(of_cluster).collect();
        let any = !ending.is_empty();
        known.ending.extend(ending);
        self.0.ending.notify_waiters();
        any
    }

    fn is_ending(&self, task_id: &str) -> bool {
        self.known().ending.contains(task_id)
    }

    async fn until_ending(&self, task_id: &str) {
        loop {
            let mut more = pin!(self.0.ending.notified());
            more.as_mut().enable();
            if self.is_ending(task_id) {
                return;
            }
            more.await;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn appmaster(task_id: &str, status: &Status) -> AppMaster {
    AppMaster {
        task_id: task_id.to_owned(),
        standing: status.standing.name().to_owned(),
        framework_id: status.framework_id.clone(),
        subscribed: status.subscribed,
        flink_url: status.flink_url.clone(),
        status_url: status.status_url.clone(),
        target: status.target,
        running: status.running,
        jobs_running: status.jobs_running,
        waiting: status.waiting.clone(),
    }
}

/// Of several dispatchers.
#[derive(Clone)]
pub struct Others {
    /// How this one stands to them.
    pub standings: Standings,
    /// Where AppMasters find those that are there, this one among them.
    pub dispatchers: watch::Receiver<Vec<String>>,
}

#[derive(Clone)]
struct Shared {
    requests: Requests,
    handle: Handle,
    reports: Reports,
    others: Others,
}

pub fn routes(requests: Requests, handle: Handle, reports: Reports, others: Others) -> Router {
    Router::new()
        .route(&dial::path("{task_id}"), post(answer))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .with_state(Shared { requests, handle, reports, others })
}

async fn answer(
    State(shared): State<Shared>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
    Json(report): Json<Report>,
) -> Response {
    let token = artifact::token(&headers);
    let asked = |task_id: String| {
        let token = token.clone();
        shared.requests.ask(|reply| Request::Claim { task_id, token, reply })
    };
    match asked(task_id.clone()).await {
        Ok(claim::Answer::Held) if report.task_id == task_id => {}
        // Its agent is told that it ends, or nobody knows it.
        Ok(claim::Answer::Gone | claim::Answer::Held | claim::Answer::Elsewhere) => {
            shared.reports.forget(&task_id);
            return (StatusCode::FORBIDDEN, "this task is none of the dispatcher's\n").into_response();
        }
        Err(Refusal::NotLeading(NotLeading(Leadership::Standby { leader: Some(leader) }))) => {
            return sent_on(&shared, task_id, &leader);
        }
        Ok(claim::Answer::Unknown) | Err(_) => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
        }
    }
    if let Some(status) = report.status {
        shared.reports.keep(&task_id, status);
    }
    if report.leaves {
        let asked = task_id.clone();
        return match shared.handle.ask(move |core, _| core.remains(&asked)).await {
            Ok(remains) => Json(answer_to(&shared, task_id, remains)).into_response(),
            Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response(),
        };
    }
    let Others { mut standings, mut dispatchers } = shared.others.clone();
    let was_told = report.outcomes.iter().any(|outcome| outcome.id == LAST_ORDER);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(report.hold_ms).min(HOLD)) => {}
        // Whoever leads next is to hear of it soon.
        Ok(_) = standings.wait_for(|standing| *standing != Standing::Leads) => {}
        Ok(_) = dispatchers.wait_for(|there| *there != report.dispatchers) => {}
        () = shared.reports.until_ending(&task_id), if !was_told => {}
    }
    Json(answer_to(&shared, task_id, Remains::Cluster)).into_response()
}

fn answer_to(shared: &Shared, task_id: String, remains: Remains) -> Envelope {
    let dispatchers = shared.others.dispatchers.borrow().clone();
    let end = Order { id: LAST_ORDER, what: What::End { force: true } };
    let orders = shared.reports.is_ending(&task_id).then_some(end).into_iter().collect();
    let answer = Answer::Orders { orders, stored: 0, remains };
    Envelope { protocol: PROTOCOL, task_id, dispatchers, answer }
}

/// `leader` is what the dispatcher that leads says of itself.
fn sent_on(shared: &Shared, task_id: String, leader: &serde_json::Value) -> Response {
    let leader = About::of(leader).artifacts;
    let location = [(header::LOCATION, format!("{leader}{}", dial::path(&task_id)))];
    let body = Json(answer_to(shared, task_id, Remains::Cluster));
    (StatusCode::TEMPORARY_REDIRECT, location, body).into_response()
}
