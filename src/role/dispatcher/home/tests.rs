//! AppMasters that dial home, and a core that has something to order.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dial::Status;
use std::convert::Infallible;

use base::events::Journal;
use dial::Carried;
use dispatcher::driver::{Driver, Groups, Seat};
use dispatcher::{Action, Dispatcher, Limits, TaskView, View};
use manifest::Circumstances;
use records::Records as _;
use records::directory::DirectoryRecords;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests;
use serve::Listening;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

const FIRST: &str = "a-x7k2pb-00001";
const SECOND: &str = "a-x7k2pb-00002";
const SOON: Duration = Duration::from_secs(3);

/// Of cluster `a`, as the scheduler tells of them.
#[derive(Clone, Default)]
struct Tasks {
    running: Arc<Mutex<Vec<(&'static str, u32)>>>,
    changed: Arc<Notify>,
}

impl Tasks {
    fn set(&self, running: &[(&'static str, u32)]) {
        *self.running.lock().expect("no panic") = running.to_vec();
        self.changed.notify_one();
    }

    fn has(&self, task_id: &str) -> bool {
        self.running.lock().expect("no panic").iter().any(|(known, _)| *known == task_id)
    }
}

impl Groups for Tasks {
    type Error = Infallible;

    async fn carry_out(&mut self, _: Action) -> Result<(), Infallible> {
        self.changed.notify_one();
        Ok(())
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Infallible> {
        let task = |(id, attempt): &(&str, u32)| TaskView {
            id: (*id).to_owned(),
            attempt: *attempt,
            generation: 1,
            agent_id: "S1".to_owned(),
            hostname: "h1".to_owned(),
            state: "TASK_RUNNING".to_owned(),
            since: Timestamp(1),
            runs: true,
            ending: false,
            giving_way: false,
        };
        let tasks = self.running.lock().expect("no panic").iter().map(task).collect();
        Ok(BTreeMap::from([("a".to_owned(), View { target: 1, tasks, ..View::default() })]))
    }

    async fn changed(&mut self) {
        self.changed.notified().await;
    }
}

struct Site {
    shared: Arc<Shared>,
    tasks: Tasks,
    /// So that the handle goes on.
    _seat: Seat,
    _directory: tempfile::TempDir,
}

impl Site {
    /// With a session `a` whose first AppMaster runs.
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut records = DirectoryRecords::open(directory.path(), "test").await.expect("it opens");
        let core = Dispatcher::restore(&records.load(None).await.expect("nothing"), Limits::default());
        let tasks = Tasks::default();
        let parts = (records, tasks.clone());
        let (driver, leader) = Driver::new(core, 0, Limits::default(), parts, Arc::<Journal>::default(), now);
        tokio::spawn(driver.run());
        let (seat, handle) = Seat::open();
        seat.take(&leader);
        let (requests, doorkeeper, _ends) = requests::open(&Facts::default(), None);
        let (mut asked, known) = (doorkeeper.admit(), tasks.clone());
        tokio::spawn(async move {
            while let Some(request) = asked.recv().await {
                let Request::Claim { task_id, reply, .. } = request else { continue };
                let held = known.has(&task_id);
                let _ = reply.send(if held { claim::Answer::Held } else { claim::Answer::Gone });
            }
        });
        let others = Others {
            standings: api::standing::alone(),
            dispatchers: watch::channel(Vec::new()).1,
            peers: Peers::none(),
        };
        let shared =
            Arc::new(Shared { requests, handle, reports: Reports::default(), others, rules: Arc::default() });
        let site = Self { shared, tasks, _seat: seat, _directory: directory };
        site.create().await;
        site.tasks.set(&[(FIRST, 1)]);
        site.until(|core| core.running_appmasters("a") == [FIRST]).await;
        site
    }

    async fn create(&self) {
        let text = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\nspec: {flinkVersion: v1_20, jobManager: {resource: {memory: 1g}}, taskManager: {resource: {memory: 1g}}}\n";
        let draft = manifest::read(text).expect("a manifest").remove(0);
        let manifest = draft.validate(&Circumstances::default()).expect("good").manifest;
        let order = dispatcher::Order::default();
        self.ask(move |core, now| core.apply(&[manifest], &order, now).remove(0)).await.expect("taken");
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Dispatcher, Timestamp) -> T + Send + 'static,
    ) -> T {
        self.shared.handle.ask(question).await.expect("an answer")
    }

    async fn until(&self, is_so: fn(&Dispatcher) -> bool) {
        let mut events = self.shared.handle.follow();
        let is_reached = async {
            while !self.ask(move |core, _| is_so(core)).await {
                events.recv().await.expect("something happens");
            }
        };
        timeout(SOON, is_reached).await.expect("it comes");
    }

    async fn restart(&self, taskmanager: &'static str) {
        let order = dispatcher::Order::default();
        let ordered =
            self.ask(move |core, now| core.restart_taskmanager("a", taskmanager, &order, now)).await;
        ordered.expect("taken");
    }

    async fn report(&self, task_id: &str, standing: dial::Standing, outcomes: &[(u64, Carried)]) -> Envelope {
        let report = report(task_id, standing, Duration::ZERO, outcomes);
        self.send(report).await.expect("an answer")
    }

    /// None where nothing is told but that the task is a stranger.
    async fn send(&self, report: Report) -> Option<Envelope> {
        let path = Path(report.task_id.clone());
        let token = Token(String::new());
        let response = answer(State(Arc::clone(&self.shared)), path, token, Json(report)).await;
        let response = serve::answered(response).await;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        serde_json::from_slice(&body).ok()
    }
}

fn report(task_id: &str, standing: dial::Standing, hold: Duration, outcomes: &[(u64, Carried)]) -> Report {
    let outcome = |(id, result): &(u64, Carried)| Outcome { id: *id, result: result.clone() };
    Report {
        protocol: PROTOCOL,
        task_id: task_id.to_owned(),
        attempt: 1,
        hold_ms: hold.as_millis().try_into().expect("short"),
        status: Some(Status {
            version: "1".to_owned(),
            standing,
            framework_name: "a".to_owned(),
            framework_id: None,
            subscribed: true,
            flink_url: None,
            status_url: None,
            target: 1,
            running: 1,
            jobs_running: Some(0),
            waiting: None,
        }),
        outcomes: outcomes.iter().map(outcome).collect(),
        dispatchers: Vec::new(),
        leaves: false,
    }
}

/// Ids of orders, and up to which outcomes are stored.
fn orders(envelope: &Envelope) -> (Vec<u64>, u64) {
    match &envelope.answer {
        Answer::Orders { orders, stored, .. } => (orders.iter().map(|order| order.id).collect(), *stored),
        Answer::Superseded { .. } => panic!("{envelope:?}"),
    }
}

#[tokio::test]
async fn a_held_question_is_answered_as_soon_as_there_is_an_order() {
    let site = Site::new().await;
    let held = site.send(report(FIRST, dial::Standing::Alone, HOLD, &[]));
    let (envelope, ()) =
        timeout(SOON, async { tokio::join!(held, site.restart("tm-1")) }).await.expect("soon");
    assert_eq!(orders(&envelope.expect("an answer")), (vec![1], 0));
    // It may not have arrived.
    assert_eq!(orders(&site.report(FIRST, dial::Standing::Alone, &[]).await), (vec![1], 0));
    let done = (1, Carried::Done);
    assert_eq!(
        orders(&site.report(FIRST, dial::Standing::Alone, std::slice::from_ref(&done)).await),
        (vec![], 1)
    );
    assert_eq!(orders(&site.report(FIRST, dial::Standing::Alone, &[done]).await), (vec![], 1), "again");

    site.restart("tm-2").await;
    let why = "it starts".to_owned();
    let later = [(2, Carried::NotNow { why })];
    assert_eq!(orders(&site.report(FIRST, dial::Standing::Alone, &later).await), (vec![], 2));
    let held = site.send(report(FIRST, dial::Standing::Alone, HOLD, &[]));
    let envelope = timeout(SOON, held).await.expect("after a second").expect("an answer");
    assert_eq!(orders(&envelope), (vec![3], 0));
}

#[tokio::test]
async fn only_who_leads_is_ordered_anything() {
    let site = Site::new().await;
    site.restart("tm-1").await;
    for standing in [dial::Standing::Standby, dial::Standing::Suspended, dial::Standing::Away] {
        assert_eq!(orders(&site.report(FIRST, standing, &[]).await), (vec![], 0), "{standing:?}");
    }
    assert_eq!(orders(&site.report(FIRST, dial::Standing::Leader, &[]).await), (vec![1], 0));
}

#[tokio::test]
async fn one_that_is_to_end_its_cluster_is_told_so_at_once() {
    let site = Site::new().await;
    site.report(FIRST, dial::Standing::Leader, &[]).await;
    let held = site.send(report(FIRST, dial::Standing::Leader, HOLD, &[]));
    let end = async { assert!(site.shared.reports.end("a")) };
    let (envelope, ()) = timeout(SOON, async { tokio::join!(held, end) }).await.expect("soon");
    assert_eq!(orders(&envelope.expect("an answer")), (vec![LAST_ORDER], 0));
    let done = [(LAST_ORDER, Carried::Done)];
    assert_eq!(orders(&site.report(FIRST, dial::Standing::Leader, &done).await), (vec![], 0));
}

#[tokio::test]
async fn one_that_was_given_up_is_superseded_once_another_runs() {
    let site = Site::new().await;
    site.tasks.set(&[]);
    site.until(|core| core.running_appmasters("a").is_empty()).await;
    let again = || report(FIRST, dial::Standing::Alone, HOLD, &[]);
    assert_eq!(site.send(again()).await, None, "nothing runs in its place");
    site.tasks.set(&[(SECOND, 2)]);
    site.until(|core| core.running_appmasters("a") == [SECOND]).await;
    let told = site.send(again()).await.expect("an answer");
    assert_eq!(told.answer, Answer::Superseded { attempt: 2 });
    assert_eq!(site.send(report("b-x7k2pb-00001", dial::Standing::Alone, HOLD, &[])).await, None);
}

#[tokio::test]
async fn a_dispatcher_that_does_not_lead_takes_no_outcome() {
    let site = Site::new().await;
    site.restart("tm-1").await;
    let nobody = Seat::open().1;
    let shared = Arc::new(Shared { handle: nobody, ..Shared::clone(&site.shared) });
    let site = Site { shared, ..site };
    assert_eq!(site.send(report(FIRST, dial::Standing::Alone, HOLD, &[(1, Carried::Done)])).await, None);
}

/// As AppMasters ask.
#[tokio::test]
async fn a_question_that_is_held_over_http_is_answered_with_an_order_or_when_another_leads() {
    let site = Site::new().await;
    let (standing, standings) = watch::channel(DispatcherStanding::Leads);
    let Shared { requests, handle, reports, others, rules } = Shared::clone(&site.shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}{}", listener.local_addr().expect("an address"), dial::path(FIRST));
    let routes = routes(requests, handle, reports, Others { standings, ..others }, rules);
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let ask = async || {
        let asked = client.post(&url).json(&report(FIRST, dial::Standing::Alone, HOLD, &[]));
        let answer = asked.send().await.expect("an answer");
        serde_json::from_slice::<Envelope>(&answer.bytes().await.expect("a body")).expect("an envelope")
    };
    let order = site.restart("tm-1");
    let (envelope, ()) = timeout(SOON, async { tokio::join!(ask(), order) }).await.expect("soon");
    assert_eq!(orders(&envelope), (vec![1], 0));

    // The order has no outcome, so it would be told again, and later.
    let told = async {
        standing.send_replace(DispatcherStanding::Standby { leader: None, has_read: true });
    };
    let (envelope, ()) = timeout(SOON, async { tokio::join!(ask(), told) }).await.expect("soon");
    assert_eq!(orders(&envelope), (vec![], 0), "whoever leads next is to hear of it");
}
