//! The scheduler with its driver and client on an embedded Mesos, with `sleep` for TaskManagers: operators who drain
//! and plan maintenance, and AppMasters that come after others.

mod storms;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ::mesos::address::{HostPort, Master, Scheme};
use ::mesos::client::{self as mesos, Config, Masters, Trust};
use ::mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use ::mesos::wire::id::FrameworkId;
use base::lease::Lease;
use base::log;
use domain::group::GroupName;
use domain::need::{Milli, Need};
use domain::state::State;
use domain::store::{Store, StoreError};
use scheduler::Failure;
use scheduler::driver::{Message, RunError};
use scheduler::report::{Report, TaskReport};
use scheduler::spec::{Patience, Spec, Template};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::embedded::{Embedded, PATIENCE};
use super::{client, driven};

/// Shared by the AppMasters of one test, as ZooKeeper would be.
#[derive(Clone, Default)]
struct Shelf(Rc<RefCell<State>>);

impl Store for Shelf {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        Ok(Some(self.0.borrow().clone()))
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        *self.0.borrow_mut() = state.clone();
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        *self.0.borrow_mut() = State::default();
        Ok(())
    }
}

/// One that keeps one TaskManager.
struct AppMaster {
    run: JoinHandle<Result<(), RunError>>,
    inbox: mpsc::Sender<Message>,
}

impl AppMaster {
    fn start(embedded: &Embedded, shelf: &Shelf, framework: FrameworkInfo) -> Self {
        let spec = spec(framework.roles.clone());
        Self::start_with(embedded, shelf, framework, spec)
    }

    fn start_with(embedded: &Embedded, shelf: &Shelf, framework: FrameworkInfo, spec: Spec) -> Self {
        let at = HostPort { host: embedded.address.ip().to_string(), port: embedded.address.port() };
        let state = shelf.0.borrow().clone();
        let mesos = mesos::start(Config {
            masters: Masters::Known(vec![Master { scheme: Scheme::Http, at }]),
            framework: FrameworkInfo {
                id: state.framework_id.as_ref().map(FrameworkId::new),
                ..framework.clone()
            },
            suppressed_roles: framework.roles.clone(),
            credentials: None,
            lease: Lease::unlimited(),
            trust: Trust::System,
        })
        .expect("a client");
        let (inbox, messages) = mpsc::channel(8);
        let driver = driven::driver(spec, state, shelf.clone(), mesos, messages, framework);
        let run = spawn_local(driver.run());
        inbox.try_send(Message::JobManagerListening).expect("an empty inbox");
        Self { run, inbox }
    }

    async fn report(&self) -> Report {
        let (answer, report) = oneshot::channel();
        self.inbox.send(Message::Report(answer)).await.expect("a driver");
        report.await.expect("a report")
    }

    async fn wait_for(&self, what: &str, is_so: impl Fn(&Report) -> bool) -> Report {
        let waiting = async {
            loop {
                let report = self.report().await;
                if is_so(&report) {
                    return report;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        match timeout(PATIENCE, waiting).await {
            Ok(report) => report,
            Err(_) => panic!("waited in vain for {what}: {:?}", self.report().await),
        }
    }

    /// The one TaskManager, once it runs and is the only one.
    async fn running(&self) -> TaskReport {
        let is_so = |report: &Report| report.tasks.len() == 1 && report.running == 1;
        self.wait_for("a TaskManager", is_so).await.tasks.remove(0)
    }

    /// Framework and TaskManagers stay.
    async fn leave(self) {
        self.run.abort();
        assert!(self.run.await.expect_err("an early end").is_cancelled());
    }

    async fn tell(self, message: Message) -> Result<(), RunError> {
        self.inbox.send(message).await.expect("a driver");
        timeout(PATIENCE, self.run).await.expect("its end in time").expect("no panic")
    }
}

fn spec(roles: Vec<String>) -> Spec {
    let need =
        Need { scalars: vec![("cpus".into(), Milli::whole(1)), ("mem".into(), Milli::whole(64))], ports: 0 };
    let template = Template {
        program: "/bin/sh".into(),
        // What is appended becomes the shell's arguments.
        arguments: ["sh", "-c", "exec sleep 1000"].map(str::to_owned).to_vec(),
        token_variable: "TOKEN".into(),
        ..Template::default()
    };
    Spec {
        roles,
        refuse: Duration::from_millis(100),
        patience: Patience { reconcile_every: Duration::from_secs(5), ..Patience::default() },
        epoch: SystemTime::UNIX_EPOCH.elapsed().expect("after 1970"),
        ..driven::spec(1, need, template)
    }
}

fn framework(roles: &[&str]) -> FrameworkInfo {
    let kinds = [
        CapabilityType::MultiRole,
        CapabilityType::ReservationRefinement,
        CapabilityType::PartitionAware,
        CapabilityType::TaskKillingState,
    ];
    FrameworkInfo {
        user: Some("root".into()),
        name: Some("Flink".into()),
        checkpoint: Some(true),
        failover_timeout: Some(3600.0),
        roles: roles.iter().map(ToString::to_string).collect(),
        capabilities: kinds.map(|kind| Capability { r#type: Some(kind as i32) }).to_vec(),
        ..FrameworkInfo::default()
    }
}

fn cluster(options: &[&str]) -> Embedded {
    Embedded::start(&[&["--resources=cpus:4;mem:1024;disk:1024;ports:[31000-31009]"], options].concat())
}

fn operate(embedded: &Embedded, call: &Value) {
    let answer = client::post(embedded.address, "/api/v1", call);
    assert_eq!(answer.status, "200 OK", "{call}: {}", String::from_utf8_lossy(&answer.body));
}

/// The master's `schedule`: everything away from `begin` on, or nothing.
fn schedule(embedded: &Embedded, begin: Option<Duration>) {
    let window = |begin: Duration| {
        json!({
            "machine_ids": [{ "hostname": "127.0.0.1" }],
            "unavailability": { "start": { "nanoseconds": begin.as_nanos() as u64 } },
        })
    };
    let windows: Vec<_> = begin.map(window).into_iter().collect();
    let call = json!({
        "type": "UPDATE_MAINTENANCE_SCHEDULE",
        "update_maintenance_schedule": { "schedule": { "windows": windows } },
    });
    operate(embedded, &call);
}

async fn local(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_drained_agent_is_left_for_another() {
    local(async {
        let embedded = cluster(&["--agents=2"]);
        let shelf = Shelf::default();
        let appmaster = AppMaster::start(&embedded, &shelf, framework(&["flink"]));
        let first = appmaster.running().await;
        let drain = json!({ "agent_id": { "value": first.agent_id } });
        operate(&embedded, &json!({ "type": "DRAIN_AGENT", "drain_agent": drain }));
        appmaster
            .wait_for("its end", |report| report.tasks.iter().all(|task| task.task_id != first.task_id))
            .await;
        let second = appmaster.running().await;
        assert_ne!(second.agent_id, first.agent_id);
        assert_eq!(shelf.0.borrow().group(&GroupName::TASKMANAGERS).failures, 0, "nobody's failure");
        appmaster.tell(Message::End).await.expect("torn down");
    })
    .await;
}

#[tokio::test]
async fn maintenance_waits_for_another_and_moves_nothing_when_it_is_called_off() {
    local(async {
        let embedded = cluster(&[]);
        let shelf = Shelf::default();
        let appmaster = AppMaster::start(&embedded, &shelf, framework(&["flink"]));
        let first = appmaster.running().await;
        let soon = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970") + Duration::from_secs(300);
        schedule(&embedded, Some(soon));
        let is_refused =
            |report: &Report| format!("{:?}", report.waiting).contains("maintenance: it begins in");
        let waiting = appmaster.wait_for("no room for another", is_refused).await;
        assert_eq!(waiting.running, 1, "the first goes on meanwhile");
        schedule(&embedded, None);
        let stays = |report: &Report| {
            report.waiting.is_none() && report.tasks.len() == 1 && !report.tasks[0].giving_way
        };
        let report = appmaster.wait_for("it need not move", stays).await;
        assert_eq!(report.tasks[0].task_id, first.task_id);
        assert_eq!(report.counters.launches, 1, "nowhere, least of all to the same agent");
        appmaster.tell(Message::End).await.expect("torn down");
    })
    .await;
}

#[tokio::test]
async fn a_successor_goes_on_with_what_was_left_to_it() {
    local(async {
        let embedded = cluster(&[]);
        let shelf = Shelf::default();
        let appmaster = AppMaster::start(&embedded, &shelf, framework(&["flink"]));
        let first = appmaster.running().await;
        appmaster.leave().await;

        // With a role more, and as another user, which the master does not mind.
        let changed = FrameworkInfo { user: Some("nobody".into()), ..framework(&["flink", "more"]) };
        let appmaster = AppMaster::start(&embedded, &shelf, changed);
        assert_eq!(appmaster.running().await.task_id, first.task_id);
        let (answer, scaled) = oneshot::channel();
        appmaster.inbox.send(Message::Scale(2, answer)).await.expect("a driver");
        assert_eq!(scaled.await, Ok(Ok(())));
        appmaster.wait_for("another in either role", |report| report.running == 2).await;
        appmaster.leave().await;

        // Without the role that offers came for first.
        let appmaster = AppMaster::start(&embedded, &shelf, framework(&["more"]));
        appmaster.wait_for("both", |report| report.running == 2).await;
        assert!(shelf.0.borrow().tasks.contains_key(&first.task_id));
        appmaster.tell(Message::End).await.expect("torn down");
        assert_eq!(shelf.0.borrow().tasks.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_successor_under_another_principal_is_refused_and_harms_nothing() {
    local(async {
        let embedded = cluster(&[]);
        let shelf = Shelf::default();
        let named = |name: &str| FrameworkInfo { principal: Some(name.into()), ..framework(&["flink"]) };
        let appmaster = AppMaster::start(&embedded, &shelf, named("one"));
        let first = appmaster.running().await;
        appmaster.leave().await;
        let stranger = AppMaster::start(&embedded, &shelf, named("other"));
        let end = timeout(PATIENCE, stranger.run).await.expect("its end").expect("no panic");
        let Err(RunError::Failed(failure @ Failure::Refused { .. })) = end else { panic!("{end:?}") };
        let text = log::chain(&failure);
        assert!(text.contains("Changing framework's principal is not allowed"), "{text}");
        let appmaster = AppMaster::start(&embedded, &shelf, named("one"));
        assert_eq!(appmaster.running().await.task_id, first.task_id);
        appmaster.tell(Message::End).await.expect("torn down");
    })
    .await;
}
