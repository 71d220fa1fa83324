//! The scheduler and its explanations on real offers: the embedded Mesos at one end of a socket, the commands at the
//! other. A TaskManager is a shell that sleeps.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::lease::Lease;
use domain::constraint::Constraint;
use domain::need::{Milli, Need};
use domain::state::State;
use ha::memory::{self, MemoryStore};
use mesos::address::MasterAddress;
use mesos::client::{self, Config, Masters, Trust};
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use scheduler::driver::requests::Requests;
use scheduler::report::Report;
use scheduler::spec::{Shell, Spec, Template};
use serde_json::{Value, json};
use status::jobmanager::Watch;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::task::LocalSet;

use super::driven;
use super::embedded::{Embedded, PATIENCE};
use super::scheduler::{Scheduler, framework_info};

/// What an AppMaster is without its JobManager.
struct AppMaster {
    requests: Requests,
    socket: PathBuf,
    _directory: TempDir,
}

impl AppMaster {
    /// Runs on the current `LocalSet`.
    async fn start(mesos: &Embedded, spec: Spec) -> Self {
        let address: MasterAddress = mesos.address.to_string().parse().expect("an address");
        let MasterAddress::Masters(masters) = address else { panic!("no master") };
        let kinds = [
            CapabilityType::MultiRole,
            CapabilityType::ReservationRefinement,
            CapabilityType::PartitionAware,
            CapabilityType::RegionAware,
        ];
        let framework = FrameworkInfo {
            user: Some("root".into()),
            name: Some("placement".into()),
            roles: spec.roles.clone(),
            capabilities: kinds.map(|kind| Capability { r#type: Some(kind as i32) }).to_vec(),
            ..FrameworkInfo::default()
        };
        let config = Config {
            masters: Masters::Known(masters),
            framework: framework.clone(),
            suppressed_roles: spec.roles.clone(),
            credentials: None,
            lease: Lease::unlimited(),
            trust: Trust::System,
        };
        let mesos = client::start(config).expect("a client");
        let directory = TempDir::new().expect("a directory");
        let socket = directory.path().join("socket");
        let unix = UnixListener::bind(&socket).expect("a socket");
        let store = MemoryStore::new(memory::create().expect("a memory file"));
        let (driver, _, requests) = driven::driver(spec, State::default(), store, mesos, framework);
        tokio::task::spawn_local(async move { driver.run().await.expect("no failure") });
        let sources = status::Sources {
            requests: requests.clone(),
            jobmanager: Watch::default(),
            about: status::About::default(),
            lookout: Arc::default(),
            logs: None,
            closing: serve::Closing::default(),
        };
        let server = status::Server::new(sources);
        tokio::task::spawn_local(async move { server.serve_operator(unix).await });
        Self { requests, socket, _directory: directory }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Report) -> bool) -> Report {
        let start = Instant::now();
        loop {
            let report = self.requests.report().await.expect("a report");
            if is_so(&report) {
                return report;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain until {what}: {report:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn explain(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flink-on-mesos"));
        command.arg("explain").arg("--socket").arg(&self.socket).args(arguments);
        tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("it starts")
    }

    async fn explanation(&self, arguments: &[&str]) -> String {
        let output = self.explain(arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

fn spec(target: u32, cpus: f64) -> Spec {
    let need = Need { scalars: vec![("cpus".into(), Milli::of(cpus))], ports: 0 };
    let template = Template {
        shell: Some(Shell { bootstrap: None, command: Some("sleep 1000 #".into()) }),
        ..Template::default()
    };
    Spec {
        roles: vec!["flink".into()],
        // Nothing that was declined comes back by itself within a test.
        refuse: Duration::from_secs(100_000),
        kill_grace: Duration::from_secs(1),
        ..driven::spec(target, need, template)
    }
}

fn decline(scheduler: &Scheduler, offer: &Value) {
    let filters = json!({ "refuse_seconds": 100_000.0 });
    scheduler.accepted("DECLINE", &json!({ "offer_ids": [offer["id"]], "filters": filters }));
}

/// Somebody else holds the second agent while the first is offered, so that the two never come together by themselves.
#[tokio::test]
async fn a_gang_starts_at_once_when_all_it_needs_is_free_at_last() {
    let mesos = Embedded::start(&["--agents=2", "--resources=cpus:2;mem:512"]);
    let other = Scheduler::subscribe(mesos.address, 0.0);
    let offers = other.wait(|event| event["type"] == "OFFERS")["offers"]["offers"].clone();
    assert_eq!(offers.as_array().map(Vec::len), Some(2));
    LocalSet::new()
        .run_until(async {
            let gang = Some(Duration::from_secs(600));
            decline(&other, &offers[0]);
            let appmaster = AppMaster::start(&mesos, spec(2, 2.0).with(|group| group.gang = gang)).await;
            let waits = |report: &Report| format!("{:?}", report.waiting).contains("Gang { fits: 1");
            let report = appmaster.until("it has seen one agent", waits).await;
            assert!(report.tasks.is_empty(), "{report:?}");
            let text = appmaster.explanation(&[]).await;
            assert!(text.contains("2 not launched: all start together"), "{text}");
            assert!(text.contains("1 would fit now, waiting 59"), "{text}");
            decline(&other, &offers[1]);
            appmaster.until("both run", |report| report.running == 2).await;
        })
        .await;
}

#[tokio::test]
async fn explain_tells_what_is_in_the_way_and_what_would_be() {
    let mesos = Embedded::start(&[
        "--agents=3",
        "--resources=cpus:0.5;mem:512",
        "--resources=cpus:4;mem:512",
        "--resources=cpus:8;mem:512",
        "--attributes=rack:r1",
        "--attributes=rack:r2",
        "--attributes=rack:r1",
        "--domain=eu/a",
        "--agent-domain=eu/a",
        "--agent-domain=eu/b",
        "--agent-domain=us/a",
    ]);
    LocalSet::new()
        .run_until(async {
            let hard = vec![Constraint::parse("rack:r1").expect("a constraint")];
            let appmaster = AppMaster::start(&mesos, spec(2, 1.0).with(|group| group.hard = hard)).await;
            appmaster
                .until("all have offered", |report| format!("{:?}", report.waiting).contains("offers: 3"))
                .await;
            let text = appmaster.explanation(&[]).await;
            for line in [
                "0 of 2 TaskManagers run; each takes cpus 1",
                "obstacles: constraint rack:r1 (1), cpus (1), region (1)",
                "cpus: needs 1, offered 0.5",
                "constraint rack:r1: has r2",
                "region us: the master is in eu, and no constraint names @region",
                "would help: without constraint rack:r1; then 2 fit",
                "would help: with cpus 0.5 instead of 1; then 1 fit",
            ] {
                assert!(text.contains(line), "'{line}' is missing in\n{text}");
            }
            let text = appmaster.explanation(&["--what-if", "count=20,cpus=0.5,constraint=none"]).await;
            let answer = "of 20 more TaskManagers, each of cpus 0.5, without constraints, 9 fit";
            assert!(text.contains(answer), "{text}");
            let json = appmaster.explanation(&["--json", "--what-if", "count=9,constraint=@region:us"]).await;
            let json: Value = serde_json::from_str(&json).expect("JSON");
            assert_eq!(
                (&json["what_if"]["fits"], &json["offers"]["agents"]),
                (&json!(8), &json!(3)),
                "{json}"
            );
            let wrong = appmaster.explain(&["--what-if", "cpus=many"]).await;
            let error = String::from_utf8_lossy(&wrong.stderr);
            assert!(!wrong.status.success() && error.contains("`cpus=many`: expected an amount"), "{error}");
        })
        .await;
}

/// Static and refined reservations of two roles, one within the other: the master refuses a task whose resources are
/// not exactly offered ones.
#[tokio::test]
async fn reserved_resources_are_used_first_as_they_were_reserved() {
    let mesos = Embedded::start(&["--resources=cpus(eng):1;cpus:4;mem:512"]);
    let role = |role: &str| {
        let mut info = framework_info(0.0);
        info["roles"] = json!([role]);
        Scheduler::with_info(mesos.address, &info).expect("subscribed")
    };
    let reserver = role("eng/flink");
    let offer = reserver.offer();
    let dynamic = json!({ "type": "DYNAMIC", "role": "eng/flink" });
    let reserved = json!({
        "name": "cpus", "type": "SCALAR", "scalar": { "value": 0.5 },
        "reservations": [{ "type": "STATIC", "role": "eng" }, dynamic],
    });
    let operation = json!({ "type": "RESERVE", "reserve": { "resources": [reserved] } });
    let filters = json!({ "refuse_seconds": 100_000.0 });
    let body = json!({ "offer_ids": [offer["id"]], "operations": [operation], "filters": filters });
    reserver.accepted("ACCEPT", &body);
    let offer = reserver.offer();
    assert_eq!(depths(&offer), [(0, 4.0), (1, 0.5), (2, 0.5)], "{offer}");
    decline(&reserver, &offer);
    LocalSet::new()
        .run_until(async {
            let roles = vec!["eng/flink".to_owned()];
            let appmaster = AppMaster::start(&mesos, Spec { roles, ..spec(1, 2.0) }).await;
            appmaster.until("it runs", |report| report.running == 1).await;
        })
        .await;
    reserver.accepted("REVIVE", &json!({}));
    let left = reserver.offer();
    assert_eq!(depths(&left), [(0, 3.0)], "{left}");
}

/// Each amount of cpus with the number of its reservations.
fn depths(offer: &Value) -> Vec<(usize, f64)> {
    let resources = offer["resources"].as_array().expect("resources").iter();
    let cpus = resources.filter(|resource| resource["name"] == "cpus");
    let mut depths: Vec<_> = cpus
        .map(|resource| {
            let depth = resource["reservations"].as_array().map_or(0, Vec::len);
            (depth, resource["scalar"]["value"].as_f64().expect("a number"))
        })
        .collect();
    depths.sort_by(|one, other| one.partial_cmp(other).expect("numbers"));
    depths
}
