//! Where AppMasters dial home: each tells how its cluster is, and is answered when there is something to order or the time is up.

mod reports;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use api::standing::{DispatcherStanding, DispatcherStandings};
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use dial::{Answer, Envelope, HOLD, Order, Outcome, PROTOCOL, Report, What};
use dispatcher::driver::{Handle, NotAnswered};
use dispatcher::{Instruction, Instructions, LAST_ID, Timestamp};
use domain::job::Rules;
use domain::leadership::{Leadership, NotLeading};
use domain::remains::Remains;
use scheduler::driver::requests::{Refusal, Request, Requests};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::artifacts::Peers;
use super::elected::About;
use super::now;
pub use reports::Reports;

/// A report is a few hundred bytes, and what came of orders.
const MAX_REPORT_BYTES: usize = 64 << 10;

/// No order follows it, so its number need not be kept anywhere.
const LAST_ORDER: u64 = LAST_ID;

/// An order without an outcome may not have arrived, or may take long.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Of several dispatchers.
#[derive(Clone)]
pub struct Others {
    /// How this one stands to them.
    pub standings: DispatcherStandings,
    /// Where AppMasters find those that are there, this one among them.
    pub dispatchers: watch::Receiver<Vec<String>>,
    /// Those that may have artifacts that this one has not.
    pub peers: Peers,
}

#[derive(Clone)]
struct Shared {
    requests: Requests,
    handle: Handle,
    reports: Reports,
    others: Others,
    /// For jars that are on a server.
    rules: Arc<Rules>,
}

pub fn routes(
    requests: Requests,
    handle: Handle,
    reports: Reports,
    others: Others,
    rules: Arc<Rules>,
) -> Router {
    Router::new()
        .route(&dial::path("{task_id}"), post(answer))
        .layer(DefaultBodyLimit::max(MAX_REPORT_BYTES))
        .with_state(Arc::new(Shared { requests, handle, reports, others, rules }))
}

/// Of the task that asks; empty where it sends none.
struct Token(String);

impl<S: Sync> FromRequestParts<S> for Token {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(artifact::token(&parts.headers)))
    }
}

/// A thousand questions are held at once: nothing is kept of their requests and connections but what the answer needs.
async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(task_id): Path<String>,
    Token(token): Token,
    Json(report): Json<Report>,
) -> Response {
    match Box::pin(taken(shared, task_id, token, report)).await {
        Err(response) => response,
        Ok(held) => serve::held(held.answer()),
    }
}

/// What was told is taken down. The answer, unless there may be something to order later.
async fn taken(
    shared: Arc<Shared>,
    task_id: String,
    token: String,
    report: Report,
) -> Result<Held, Response> {
    let asked = |task_id: String| shared.requests.ask(|reply| Request::Claim { task_id, token, reply });
    match asked(task_id.clone()).await {
        Ok(claim::Answer::Held) if report.task_id == task_id => {}
        // Its agent is told that it ends, or nobody knows it.
        Ok(claim::Answer::Gone) => {
            shared.reports.forget(&task_id);
            return Err(gone(&shared, task_id).await);
        }
        Ok(claim::Answer::Held | claim::Answer::Elsewhere) => {
            shared.reports.forget(&task_id);
            return Err(stranger());
        }
        Err(Refusal::NotLeading(NotLeading(Leadership::Standby { leader: Some(leader) }))) => {
            return Err(sent_on(&shared, task_id, &leader));
        }
        Ok(claim::Answer::Unknown) | Err(_) => return Err(no_answer()),
    }
    if let Some(status) = report.status {
        shared.reports.keep(&task_id, status);
    }
    if report.leaves {
        let asked = task_id.clone();
        return Err(match shared.handle.ask(move |core, _| core.remains(&asked)).await {
            Ok(remains) => {
                Json(envelope(&shared, task_id, answer_of(Vec::new(), 0, remains))).into_response()
            }
            Err(_) => no_answer(),
        });
    }
    let Ok(stored) = store(&shared.handle, &task_id, &report.outcomes).await else { return Err(no_answer()) };
    let was_told = report.outcomes.iter().any(|outcome| outcome.id == LAST_ORDER);
    let hold = Duration::from_millis(report.hold_ms).min(HOLD);
    Ok(Held { shared, task_id, dispatchers: report.dispatchers, was_told, hold, stored })
}

/// What came of orders is stored before the AppMaster is told so. Up to which id it is.
async fn store(handle: &Handle, task_id: &str, outcomes: &[Outcome]) -> Result<u64, NotAnswered> {
    let outcomes: Vec<_> = outcomes.iter().filter(|outcome| outcome.id != LAST_ORDER).cloned().collect();
    let Some(last) = outcomes.iter().map(|outcome| outcome.id).max() else { return Ok(0) };
    let task_id = task_id.to_owned();
    let question = move |core: &mut dispatcher::Dispatcher, now: Timestamp| {
        outcomes.iter().fold(true, |are_taken, Outcome { id, result }| {
            core.handle_outcome(&task_id, *id, result, now) && are_taken
        })
    };
    let are_taken = handle.ask_leader(question).await?;
    Ok(if are_taken { last } else { 0 })
}

/// The token is right, and the scheduler has no such task: it has ended, or was given up. In the latter case another one may be
/// in its place.
async fn gone(shared: &Shared, task_id: String) -> Response {
    let asked = task_id.clone();
    match shared.handle.ask_leader(move |core, _| core.successor(&asked)).await {
        Ok(Some(attempt)) => Json(envelope(shared, task_id, Answer::Superseded { attempt })).into_response(),
        Ok(None) => stranger(),
        Err(_) => no_answer(),
    }
}

fn stranger() -> Response {
    (StatusCode::FORBIDDEN, "this task is none of the dispatcher's\n").into_response()
}

fn no_answer() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response()
}

/// A question that is held until there is something to order.
struct Held {
    shared: Arc<Shared>,
    task_id: String,
    /// Where the AppMaster believes that dispatchers are.
    dispatchers: Vec<String>,
    /// It knows of [`LAST_ORDER`].
    was_told: bool,
    hold: Duration,
    /// The outcomes of orders up to this id.
    stored: u64,
}

impl Held {
    async fn answer(self) -> Response {
        let orders = self.orders().await;
        let answer = answer_of(orders, self.stored, Remains::Cluster);
        Json(envelope(&self.shared, self.task_id, answer)).into_response()
    }

    async fn orders(&self) -> Vec<Order> {
        let Self { shared, dispatchers: known, .. } = self;
        let Others { mut standings, mut dispatchers, .. } = shared.others.clone();
        let (mut instructions, mut ending) = (shared.handle.instructions(), shared.reports.ending());
        let begin = Instant::now();
        let held = begin + self.hold;
        loop {
            let (orders, next) = self.due(&instructions.borrow_and_update(), &ending.borrow_and_update());
            if shared.reports.tell(&self.task_id, &orders) {
                return orders;
            }
            let until = if orders.is_empty() { held } else { held.min(begin + TELL_AGAIN) };
            let wake = next.map_or(until, |next| next.min(until));
            tokio::select! {
                () = sleep_until(wake) => if wake == until { return orders },
                // Whoever leads next is to hear of it soon.
                Ok(_) = standings.wait_for(|standing| *standing != DispatcherStanding::Leads) => return Vec::new(),
                Ok(_) = dispatchers.wait_for(|there| there != known) => return orders,
                Ok(()) = instructions.changed() => {}
                Ok(()) = ending.changed() => {}
            }
        }
    }

    /// What it is to do now, and when there is more.
    fn due(&self, instructions: &Instructions, ending: &BTreeSet<String>) -> (Vec<Order>, Option<Instant>) {
        let Self { shared, task_id, was_told, .. } = self;
        let mut orders = Vec::new();
        let mut next = None;
        if let Some(asker) = shared.reports.asker(task_id) {
            let now = now();
            let due = instructions.due(task_id, asker, now);
            orders.extend(
                due.orders.iter().map(|order| Order { id: order.id, what: what(&order.what, &shared.rules) }),
            );
            let wait = due.next.map(|next| Duration::from_millis(next.0.saturating_sub(now.0)));
            next = wait.map(|wait| Instant::now() + wait);
        }
        if ending.contains(task_id) && !was_told {
            orders.push(Order { id: LAST_ORDER, what: What::End { force: true } });
        }
        (orders, next)
    }
}

fn what(instruction: &Instruction, rules: &Rules) -> What {
    match instruction {
        Instruction::Scale { taskmanagers } => What::Scale { taskmanagers: *taskmanagers },
        Instruction::Replace { taskmanager } => What::Replace { taskmanager: taskmanager.clone() },
        Instruction::Submit { job_id, job } => {
            What::Submit { job_id: job_id.clone(), job: job.clone(), rules: rules.clone() }
        }
    }
}

fn answer_of(orders: Vec<Order>, stored: u64, remains: Remains) -> Answer {
    Answer::Orders { orders, stored, remains }
}

fn envelope(shared: &Shared, task_id: String, answer: Answer) -> Envelope {
    let dispatchers = shared.others.dispatchers.borrow().clone();
    Envelope { protocol: PROTOCOL, task_id, dispatchers, answer }
}

/// `leader` is what the dispatcher that leads says of itself.
fn sent_on(shared: &Shared, task_id: String, leader: &serde_json::Value) -> Response {
    let leader = About::of(leader).artifacts;
    let location = [(header::LOCATION, format!("{leader}{}", dial::path(&task_id)))];
    let body = Json(envelope(shared, task_id, answer_of(Vec::new(), 0, Remains::Cluster)));
    (StatusCode::TEMPORARY_REDIRECT, location, body).into_response()
}

#[cfg(test)]
mod tests;
