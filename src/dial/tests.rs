//! Against dispatchers of all kinds, good and bad.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use base::events::Journal;

use super::client::{AnswerError, Line};
use super::*;

const TASK: &str = "one.2-abc";
const ATTEMPT: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

fn home(dispatchers: &str) -> Home {
    let told = Told { dispatchers, certificates: None, task_id: TASK, attempt: "2", token: "hush" };
    Home::of(told).expect("good")
}

fn report() -> Report {
    let (protocol, task_id) = (PROTOCOL, TASK.to_owned());
    Report {
        protocol,
        task_id,
        attempt: ATTEMPT,
        hold_ms: 0,
        status: None,
        outcomes: Vec::new(),
        dispatchers: Vec::new(),
        leaves: false,
    }
}

fn envelope(answer: Answer) -> Envelope {
    Envelope { protocol: PROTOCOL, task_id: TASK.to_owned(), dispatchers: Vec::new(), answer }
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}

/// Answers everything so.
async fn serve_answer(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
    serve(Router::new().fallback(async move || answer())).await
}

/// A dispatcher as it should be: sends what has no outcome yet, and tells the test of each report.
#[derive(Clone)]
struct Dispatcher {
    orders: Arc<Mutex<Vec<Order>>>,
    superseded: Arc<Mutex<bool>>,
    stores: bool,
    reports: mpsc::UnboundedSender<Report>,
}

impl Dispatcher {
    async fn start(orders: Vec<Order>, stores: bool) -> (Self, String, mpsc::UnboundedReceiver<Report>) {
        let (reports, told) = mpsc::unbounded_channel();
        let orders = Arc::new(Mutex::new(orders));
        let dispatcher = Self { orders, superseded: Arc::default(), stores, reports };
        let routes = Router::new().route("/v1/appmasters/{task_id}", post(Self::answer));
        let base = serve(routes.with_state(dispatcher.clone())).await;
        (dispatcher, base, told)
    }

    async fn answer(
        State(dispatcher): State<Self>,
        Path(task_id): Path<String>,
        headers: HeaderMap,
        Json(report): Json<Report>,
    ) -> Response {
        assert_eq!(
            (task_id.as_str(), headers[header::AUTHORIZATION].as_bytes()),
            (TASK, &b"Bearer hush"[..])
        );
        if *dispatcher.superseded.lock().expect("whole") {
            let answer = Json(envelope(Answer::Superseded { attempt: ATTEMPT + 1 }));
            return (StatusCode::GONE, answer).into_response();
        }
        let told: BTreeSet<u64> = report.outcomes.iter().map(|outcome| outcome.id).collect();
        let mut orders = dispatcher.orders.lock().expect("whole");
        if dispatcher.stores {
            orders.retain(|order| !told.contains(&order.id));
        }
        let stored = if dispatcher.stores { told.last().copied().unwrap_or_default() } else { 0 };
        let answer = envelope(Answer::Orders { orders: orders.clone(), stored, remains: Remains::Cluster });
        // The test may be over.
        let _ = dispatcher.reports.send(report);
        Json(answer).into_response()
    }
}

/// Writes down what it is ordered.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<Vec<What>>>);

impl Scripted {
    fn done(&self) -> Vec<What> {
        self.0.lock().expect("whole").clone()
    }
}

impl Cluster for Scripted {
    async fn status(&self) -> Option<Status> {
        None
    }

    async fn carry_out(&self, what: &What) -> Carried {
        self.0.lock().expect("whole").push(what.clone());
        match what {
            What::Unknown => Carried::Refused { why: "unknown".to_owned() },
            What::Scale { .. } | What::Replace { .. } | What::Submit { .. } | What::End { .. } => {
                Carried::Done
            }
        }
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Option<Vec<u8>>>>);

impl Memory for Kept {
    fn load(&mut self) -> io::Result<Option<Ledger>> {
        let kept = self.0.lock().expect("whole");
        kept.as_ref().map(|bytes| serde_json::from_slice(bytes)).transpose().map_err(io::Error::other)
    }

    fn save(&mut self, ledger: &Ledger) -> io::Result<()> {
        *self.0.lock().expect("whole") = Some(serde_json::to_vec(ledger)?);
        Ok(())
    }
}

/// A worker, until the test drops it.
struct Worker(tokio::task::JoinHandle<Superseded>);

impl Worker {
    fn start(dispatchers: &str, cluster: &Scripted, kept: &Kept) -> Self {
        let (home, cluster, kept) = (home(dispatchers), cluster.clone(), kept.clone());
        Self(tokio::spawn(async move {
            keep(&home, &cluster, kept, &Journal::default()).await.expect("it starts")
        }))
    }

    async fn superseded(mut self) -> Superseded {
        tokio::time::timeout(PATIENCE, &mut self.0).await.expect("in time").expect("no panic")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The next report with so many outcomes.
async fn with_outcomes(told: &mut mpsc::UnboundedReceiver<Report>, count: usize) -> Report {
    let wanted = async {
        loop {
            let report = told.recv().await.expect("the dispatcher lives");
            if report.outcomes.len() == count {
                return report;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wanted).await.expect("in time")
}

fn orders() -> Vec<Order> {
    let replace = What::Replace { taskmanager: "t-1".to_owned() };
    let whats = [What::Scale { taskmanagers: 3 }, replace, What::Unknown];
    (1..).zip(whats).map(|(id, what)| Order { id, what }).collect()
}

#[tokio::test]
async fn orders_are_carried_out_once_by_all_workers_together() {
    let (dispatcher, base, mut told) = Dispatcher::start(orders(), false).await;
    let (cluster, kept) = (Scripted::default(), Kept::default());
    let wanted: Vec<_> = orders().into_iter().map(|order| order.what).collect();
    let first = Worker::start(&base, &cluster, &kept);
    let report = with_outcomes(&mut told, 3).await;
    let refused = Carried::Refused { why: "unknown".to_owned() };
    let results: Vec<_> = report.outcomes.into_iter().map(|outcome| outcome.result).collect();
    assert_eq!(results, [Carried::Done, Carried::Done, refused]);
    // It stores nothing, and sends them again and again.
    with_outcomes(&mut told, 3).await;
    assert_eq!(cluster.done(), wanted);
    drop(first);
    let second = Worker::start(&base, &cluster, &kept);
    with_outcomes(&mut told, 3).await;
    with_outcomes(&mut told, 3).await;
    assert_eq!(cluster.done(), wanted);
    *dispatcher.superseded.lock().expect("whole") = true;
    assert_eq!(second.superseded().await, Superseded { attempt: ATTEMPT + 1 });
}

#[tokio::test]
async fn what_is_stored_is_told_no_more() {
    let (_dispatcher, base, mut told) = Dispatcher::start(orders(), true).await;
    let (cluster, kept) = (Scripted::default(), Kept::default());
    let _worker = Worker::start(&base, &cluster, &kept);
    while cluster.done().len() < 3 {
        told.recv().await.expect("a report");
    }
    with_outcomes(&mut told, 0).await;
    assert_eq!(cluster.done().len(), 3);
}

#[tokio::test]
async fn a_dispatcher_that_is_gone_hangs_or_follows_is_passed_over() {
    let (_dispatcher, leader, mut told) = Dispatcher::start(orders(), false).await;
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let hangs = serve(Router::new().fallback(async || std::future::pending::<()>().await)).await;
    let location = format!("{leader}/v1/appmasters/{TASK}");
    let standby = serve_answer(move || {
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location.clone())]).into_response()
    });
    let standby = standby.await;
    let cluster = Scripted::default();
    let list = [&*gone, &hangs, &standby, &leader].join(",");
    let _worker = Worker::start(&list, &cluster, &Kept::default());
    with_outcomes(&mut told, 3).await;
    assert_eq!(cluster.done().len(), 3);
}

/// To wait after each of them would take longer than the test does.
#[tokio::test]
async fn those_that_are_gone_let_nobody_wait_for_the_one_that_answers() {
    let (_dispatcher, leader, mut told) = Dispatcher::start(orders(), false).await;
    let gone = (0..15).map(|_| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    });
    let list: Vec<_> = gone.chain([leader]).collect();
    let _worker = Worker::start(&list.join(","), &Scripted::default(), &Kept::default());
    with_outcomes(&mut told, 3).await;
}

#[tokio::test]
async fn a_dispatcher_that_came_later_is_heard_of_from_those_that_were_there() {
    let (_dispatcher, later, _told) = Dispatcher::start(Vec::new(), true).await;
    let knowing = Envelope {
        dispatchers: vec![later.clone()],
        ..envelope(Answer::Orders { orders: Vec::new(), stored: 0, remains: Remains::Cluster })
    };
    let location = [(header::LOCATION, format!("{later}/v1/appmasters/{TASK}"))];
    for status in [StatusCode::OK, StatusCode::TEMPORARY_REDIRECT] {
        let (answer, location) = (knowing.clone(), location.clone());
        let known =
            serve_answer(move || (status, location.clone(), Json(answer.clone())).into_response()).await;
        let mut line = Line::new(&home(&known)).expect("a client");
        line.ask(&report()).await.expect("an answer");
        let asked = if status == StatusCode::OK { known } else { later.clone() };
        assert!(line.url().as_str().starts_with(&asked), "{} was asked", line.url());
        assert_eq!(line.count(), 2);
    }
}

#[tokio::test]
async fn the_token_goes_nowhere_else() {
    let (asked, mut asks) = mpsc::unbounded_channel();
    let elsewhere = serve(Router::new().fallback(async move |headers: HeaderMap| {
        let _ = asked.send(headers);
    }));
    let elsewhere = elsewhere.await;
    let port = elsewhere.rsplit(':').next().expect("a port").to_owned();
    for location in [format!("{elsewhere}/v1/appmasters/{TASK}"), format!("//127.0.0.1:{port}/"), "x:".into()]
    {
        let named = location.clone();
        let liar = serve_answer(move || {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, named.clone())]).into_response()
        });
        let mut line = Line::new(&home(&liar.await)).expect("a client");
        let error = line.ask(&report()).await.expect_err("it sends elsewhere");
        assert!(matches!(error, AnswerError::Elsewhere { .. }), "{location}: {error}");
    }
    assert!(asks.try_recv().is_err(), "somebody else was asked");
}

#[tokio::test]
async fn what_is_no_answer_of_a_dispatcher_supersedes_nobody() {
    type Check = fn(&AnswerError) -> bool;
    let superseded =
        |attempt| serde_json::to_string(&envelope(Answer::Superseded { attempt })).expect("text");
    let of_other = superseded(3).replace(TASK, "one.3-xyz");
    let of_later = superseded(3).replace("\"protocol\":1", "\"protocol\":2");
    let refused: Check = |error| matches!(error, AnswerError::Refused { .. });
    let malformed: Check = |error| matches!(error, AnswerError::Malformed { .. });
    let cases: Vec<(u16, String, Check)> = vec![
        (401, String::new(), refused),
        (403, "superseded\n".to_owned(), refused),
        (410, "{\"answer\":\"superseded\"}".to_owned(), refused),
        (500, "<html>".to_owned(), refused),
        (308, String::new(), refused),
        (200, String::new(), malformed),
        (200, "\u{0}\u{1}garbage".to_owned(), malformed),
        (200, "{\"protocol\":1,\"task_id\":\"one.2-abc\",\"answer\":\"dance\"}".to_owned(), malformed),
        (200, "[".repeat(MAX_ANSWER_BYTES), malformed),
        (200, "x".repeat(10 << 20), |error| matches!(error, AnswerError::TooLong { .. })),
        (410, of_other, |error| matches!(error, AnswerError::NotOurs { .. })),
        (410, of_later, |error| matches!(error, AnswerError::Protocol { found: 2, .. })),
        (410, superseded(ATTEMPT), |error| matches!(error, AnswerError::NotLater { found: ATTEMPT, .. })),
    ];
    for (status, body, check) in cases {
        let named = format!("{status} {}", body.chars().take(80).collect::<String>());
        let status = StatusCode::from_u16(status).expect("a status");
        let base = serve_answer(move || (status, body.clone()).into_response()).await;
        let mut line = Line::new(&home(&base)).expect("a client");
        let error = line.ask(&report()).await.expect_err(&named);
        assert!(check(&error), "{named}: {error}");
    }
    for status in [200, 401, 403, 410] {
        let (body, status) = (superseded(ATTEMPT + 1), StatusCode::from_u16(status).expect("a status"));
        let base = serve_answer(move || (status, body.clone()).into_response()).await;
        let answer = Line::new(&home(&base)).expect("a client").ask(&report()).await.expect("an answer");
        assert_eq!(answer, Answer::Superseded { attempt: ATTEMPT + 1 });
    }
}

#[tokio::test]
async fn two_that_send_to_each_other_know_no_leader() {
    let mut bases = Vec::new();
    let targets: Arc<Mutex<Vec<String>>> = Arc::default();
    for place in 0..2_usize {
        let targets = Arc::clone(&targets);
        let base = serve_answer(move || {
            let target = targets.lock().expect("whole")[1 - place].clone();
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response()
        });
        bases.push(base.await);
    }
    targets.lock().expect("whole").clone_from(&bases);
    let mut line = Line::new(&home(&bases.join(","))).expect("a client");
    let error = line.ask(&report()).await.expect_err("no answer");
    assert!(matches!(error, AnswerError::NoLeader { .. }), "{error}");
}

#[tokio::test]
async fn who_is_being_stopped_is_told_what_shall_remain_and_believes_nobody_else() {
    let within = Duration::from_secs(30);
    let says = async |remains| {
        let answer =
            move || Json(envelope(Answer::Orders { orders: Vec::new(), stored: 0, remains })).into_response();
        serve_answer(answer).await
    };
    for said in [Remains::Cluster, Remains::Data, Remains::Nothing] {
        assert_eq!(remains(&home(&says(said).await), within).await, said);
    }
    // The first does not answer, and the second knows.
    let refuses = serve_answer(|| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    let both = format!("{refuses},{}", says(Remains::Nothing).await);
    assert_eq!(remains(&home(&both), within).await, Remains::Nothing);
    let knows_nobody = serve_answer(|| StatusCode::FORBIDDEN.into_response()).await;
    assert_eq!(remains(&home(&knows_nobody), within).await, Remains::Cluster);
    let superseded =
        serve_answer(|| Json(envelope(Answer::Superseded { attempt: ATTEMPT + 1 })).into_response()).await;
    assert_eq!(remains(&home(&superseded), within).await, Remains::Cluster);
    let never = remains(&home(&refuses), Duration::from_millis(10)).await;
    assert_eq!(never, Remains::Cluster);
}

#[test]
fn the_words_of_the_protocol() {
    let order: Order = serde_json::from_str(r#"{"id":7,"order":"scale","taskmanagers":3}"#).expect("read");
    assert_eq!(order, Order { id: 7, what: What::Scale { taskmanagers: 3 } });
    let end: Order = serde_json::from_str(r#"{"id":8,"order":"end"}"#).expect("read");
    assert_eq!(end.what, What::End { force: false });
    let later: Order = serde_json::from_str(r#"{"id":9,"order":"savepoint","to":"s3://b"}"#).expect("read");
    assert_eq!(later.what, What::Unknown);
    let outcome = Outcome { id: 7, result: Carried::NotNow { why: "x".to_owned() } };
    let text = serde_json::to_string(&outcome).expect("written");
    assert_eq!(text, r#"{"id":7,"result":"not_now","why":"x"}"#);
    let answer = envelope(Answer::Orders { orders: vec![order], stored: 6, remains: Remains::Data });
    let text = serde_json::to_string(&answer).expect("written");
    let expected = r#"{"protocol":1,"task_id":"one.2-abc","answer":"orders","orders":[{"id":7,"order":"scale","taskmanagers":3}],"stored":6,"remains":"data"}"#;
    assert_eq!(text, expected);
    assert_eq!(serde_json::from_str::<Envelope>(&text).expect("read"), answer);
    for (word, expected) in [("nothing", Remains::Nothing), ("all_but_jobs", Remains::Unknown)] {
        let text =
            format!(r#"{{"protocol":1,"task_id":"x","answer":"orders","orders":[],"remains":"{word}"}}"#);
        let Envelope { answer: Answer::Orders { remains, .. }, .. } =
            serde_json::from_str(&text).expect("read")
        else {
            panic!("{text}")
        };
        assert_eq!(remains, expected);
    }
}
