//! A dispatcher of one AppMaster: files and a configuration to fetch, and orders.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifact::bundle::{Bundle, BundlePlan};
use artifact::{Configuration, Configurations, bundle};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use base::events::Journal;
use dial::{Answer, Envelope, Order, Outcome, PROTOCOL, Report, Status, What};
use domain::remains::Remains;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests::{self, Request, Requests};
use serve::{Listening, TlsListener};
use tls::{Fingerprint, Identity};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::task::{ATTEMPT, TASK, TOKEN};
use crate::cluster::harness::{FLINK, Program, binary};
use crate::flink::home;

/// What it orders, and what it was told.
#[derive(Clone, Debug, Default)]
struct Known {
    orders: Vec<Order>,
    refuses: bool,
    superseded: Option<u32>,
    report: Option<Report>,
}

pub struct Dispatcher {
    pub artifacts_url: String,
    pub url: String,
    /// Of its certificate, with HTTPS.
    pub fingerprint: Option<Fingerprint>,
    /// By name.
    pub files: BTreeMap<String, Bundle>,
    known: Arc<watch::Sender<Known>>,
    journal: Arc<Journal>,
}

impl Dispatcher {
    /// `mesos` is the master's port; with a certificate orders come over HTTPS.
    pub async fn start(mesos: u16, identity: Option<&Identity>) -> Self {
        let flink = BundlePlan::directory("flink.tar", &home::flink_home(FLINK), &["lib", "plugins", "opt"]);
        let program = BundlePlan::file("flink-on-mesos", Path::new(binary()));
        let plans = [flink.expect("Flink is there"), program.expect("the program is there")];
        let bundles = plans.map(|plan| plan.read().expect("it can be read"));
        let files = bundles.iter().map(|bundle| (bundle.name().to_owned(), bundle.clone())).collect();
        let journal = Arc::new(Journal::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let artifacts_url = format!("http://{}", listener.local_addr().expect("an address"));
        let configuration = configuration(mesos, &artifacts_url).encode();
        let configurations: Configurations = Arc::new(move |_: &str| Some(configuration.clone()));
        let by_path = bundles.into_iter().map(|bundle| (bundle.path(), bundle)).collect();
        let (told, served) = (Arc::clone(&journal), watch::Sender::new(Some(by_path)).subscribe());
        tokio::spawn(async move {
            let listening = Listening::new(listener, "dispatcher");
            serve::serve(listening, artifact::routes(configurations, served, redeeming(), told)).await
        });
        let known = Arc::new(watch::Sender::new(Known::default()));
        let routes = Router::new().route(&dial::path(TASK), post(answer)).with_state(Arc::clone(&known));
        let url = serve(routes, identity).await;
        let fingerprint = identity.map(Identity::fingerprint);
        Self { artifacts_url, url, fingerprint, files, known, journal }
    }

    /// Where a file is.
    pub fn address(&self, name: &str) -> String {
        format!("{}{}", self.artifacts_url, bundle::path(self.files[name].digest(), name))
    }

    pub fn fetched(&self, name: &str) -> usize {
        let name = format!("name={name} ");
        self.journal.after(0).iter().filter(|event| event.text.contains(&name)).count()
    }

    /// Answers the order's id.
    pub fn order(&self, what: What) -> u64 {
        let mut id = 0;
        self.known.send_modify(|known| {
            id = known.orders.len() as u64 + 1;
            known.orders.push(Order { id, what });
        });
        id
    }

    /// With the status that means in HTTP what superseded means here.
    pub fn refuse(&self, refuses: bool) {
        self.known.send_modify(|known| (known.refuses, known.report) = (refuses, None));
    }

    pub fn supersede(&self, attempt: u32) {
        self.known.send_modify(|known| known.superseded = Some(attempt));
    }

    /// The first status that is as it should be.
    pub async fn until(&self, program: &Program, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        program.until(what, async || self.report()?.status.filter(|status| is_so(status))).await
    }

    /// What the AppMaster says of all orders, once it says something of this one.
    pub async fn outcomes(&self, program: &Program, id: u64) -> Vec<Outcome> {
        let told = async || {
            let outcomes = self.report()?.outcomes;
            outcomes.iter().any(|outcome| outcome.id == id).then_some(outcomes)
        };
        program.until(&format!("order {id} is carried out"), told).await
    }

    fn report(&self) -> Option<Report> {
        self.known.borrow().report.clone()
    }
}

/// The address that it then has.
pub async fn serve(routes: Router, identity: Option<&Identity>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let listening = Listening::new(listener, "dispatcher");
    match identity.map(|identity| Arc::new(identity.server().expect("TLS"))) {
        None => {
            tokio::spawn(async move { serve::serve(listening, routes).await });
            format!("http://{address}")
        }
        Some(config) => {
            let listening = TlsListener::new(listening, config);
            tokio::spawn(async move { serve::serve(listening, routes).await });
            format!("https://{address}")
        }
    }
}

/// Stores nothing, so that each order is sent again until the end.
async fn answer(
    State(known): State<Arc<watch::Sender<Known>>>,
    headers: HeaderMap,
    Json(report): Json<Report>,
) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token != Some(&format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!((&*report.task_id, report.attempt), (TASK, ATTEMPT));
    let told: Vec<_> = report.outcomes.iter().map(|outcome| outcome.id).collect();
    let hold = Duration::from_millis(report.hold_ms);
    known.send_modify(|known| known.report = Some(report).filter(|_| !known.refuses));
    let mut news = known.subscribe();
    let is_new = |known: &Known| {
        known.refuses
            || known.superseded.is_some()
            || known.orders.iter().any(|order| !told.contains(&order.id))
    };
    // With or without news there is an answer.
    let _ = tokio::time::timeout(hold, news.wait_for(is_new)).await;
    let known = known.borrow().clone();
    if known.refuses {
        return StatusCode::GONE.into_response();
    }
    let answer = match known.superseded {
        Some(attempt) => Answer::Superseded { attempt },
        None => Answer::Orders { orders: known.orders, stored: 0, remains: Remains::Cluster },
    };
    Json(Envelope { protocol: PROTOCOL, task_id: TASK.to_owned(), dispatchers: Vec::new(), answer })
        .into_response()
}

/// Of the stand-in's own: the token works once.
fn redeeming() -> Requests {
    let (requests, doorkeeper, _ends) = requests::open(&Facts::default(), None);
    let mut asked = doorkeeper.admit();
    let used = Mutex::new(false);
    tokio::spawn(async move {
        while let Some(request) = asked.recv().await {
            let Request::Redeem { task_id, token, reply } = request else { continue };
            let mut used = used.lock().expect("whole");
            let is_allowed = (&*task_id, &*token) == (TASK, TOKEN) && !*used;
            *used |= is_allowed;
            let _ = reply.send(is_allowed);
        }
    });
    requests
}

fn configuration(mesos: u16, artifacts_url: &str) -> Configuration {
    let lines = [
        format!("mesos.master: 127.0.0.1:{mesos}"),
        format!("mesos.resourcemanager.artifacts.base-url: {artifacts_url}"),
        "mesos.resourcemanager.framework.name: dispatched".to_owned(),
        "mesos.resourcemanager.tasks.delivery: flink".to_owned(),
        "mesos.initial-tasks: 1".to_owned(),
        "taskmanager.numberOfTaskSlots: 1".to_owned(),
        "taskmanager.memory.process.size: 1024m".to_owned(),
        "jobmanager.memory.process.size: 1024m".to_owned(),
    ];
    let text = lines.map(|line| line + "\n").concat();
    Configuration { files: [("config.yaml".to_owned(), text.into_bytes())].into() }
}
