//! Where AppMasters dial home: each tells how its cluster is, and is answered when there is something to order or the time is up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::AppMaster;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use dial::{Answer, Envelope, HOLD, PROTOCOL, Report, Status};
use dispatcher::driver::Handle;
use domain::remains::Remains;
use scheduler::driver::requests::{Request, Requests};

/// A report is a few hundred bytes, and what came of orders.
const MAX_REPORT_BYTES: usize = 64 << 10;

/// What AppMasters have told last, by task id.
#[derive(Clone, Default)]
pub struct Reports(Arc<Mutex<BTreeMap<String, Status>>>);

impl Reports {
    fn keep(&self, task_id: &str, status: Status) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(task_id.to_owned(), status);
    }

    fn forget(&self, task_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(task_id);
    }

    /// Those of other tasks are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|task_id, _| is_there(task_id));
    }

    /// Of one task.
    pub fn of(&self, task_id: &str) -> Option<AppMaster> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(task_id).map(|status| appmaster(task_id, status))
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

#[derive(Clone)]
struct Shared {
    requests: Requests,
    handle: Handle,
    reports: Reports,
}

pub fn routes(requests: Requests, handle: Handle, reports: Reports) -> Router {
    Router::new()
        .route(&dial::path("{task_id}"), post(answer))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .with_state(Shared { requests, handle, reports })
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
        Ok(claim::Answer::Unknown) | Err(_) => {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
        }
    }
    if let Some(status) = report.status {
        shared.reports.keep(&task_id, status);
    }
    let asked = task_id.clone();
    let remains = if report.leaves {
        let remains = shared.handle.ask(move |core, _| core.remains(&asked)).await;
        let Ok(remains) = remains else {
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
        };
        remains
    } else {
        tokio::time::sleep(Duration::from_millis(report.hold_ms).min(HOLD)).await;
        Remains::Cluster
    };
    let answer = Answer::Orders { orders: Vec::new(), stored: 0, remains };
    Json(Envelope { protocol: PROTOCOL, task_id, answer }).into_response()
}
