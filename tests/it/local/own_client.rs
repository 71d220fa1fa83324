//! The AppMaster's client on a master that checks who it is and what it says.

use std::fs;
use std::time::Duration;

use base::lease::Lease;
use mesos::address::MasterAddress;
use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::client::{self, Calls, Config, Credentials, Reports};
use mesos::event::Event;
use mesos::report::Report;
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};
use tempfile::NamedTempFile;

use super::embedded::{Embedded, PATIENCE};

fn guarded() -> Embedded {
    let credentials = NamedTempFile::new().expect("a file");
    fs::write(credentials.path(), "flink s3cret\nother secret\n").expect("credentials");
    let path = credentials.path().to_str().expect("UTF-8");
    Embedded::start(&["--agents=0", "--authenticate_http_frameworks", "--credentials", path])
}

fn start(
    cluster: &Embedded,
    credentials: Option<(&str, &str)>,
    change: impl FnOnce(&mut FrameworkInfo),
) -> (Calls, Reports) {
    let address: MasterAddress = cluster.address.to_string().parse().expect("an address");
    let MasterAddress::Masters(masters) = address else { panic!("{address:?}") };
    let mut framework = FrameworkInfo {
        user: Some("root".to_owned()),
        name: Some("flink".to_owned()),
        roles: vec!["flink".to_owned()],
        failover_timeout: Some(1000.0),
        capabilities: vec![Capability { r#type: Some(CapabilityType::MultiRole as i32) }],
        ..FrameworkInfo::default()
    };
    change(&mut framework);
    let credentials = credentials.map(|(principal, secret)| Credentials {
        principal: principal.to_owned(),
        secret: secret.to_owned(),
    });
    let (masters, lease) = (client::Masters::Known(masters), Lease::unlimited());
    let config = Config {
        masters,
        framework,
        suppressed_roles: Vec::new(),
        credentials,
        lease,
        trust: client::Trust::System,
    };
    client::start(config).expect("a client")
}

async fn next(reports: &mut Reports) -> Report {
    tokio::time::timeout(PATIENCE, reports.next()).await.expect("a report in time").expect("a running client")
}

async fn refusal(reports: &mut Reports) -> Refusal {
    match next(reports).await {
        Report::Refused { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_does_not_prove_who_it_is_is_refused_and_does_not_ask_again() {
    let cluster = guarded();
    for credentials in [None, Some(("flink", "wrong")), Some(("nobody", "s3cret"))] {
        let (_calls, mut reports) = start(&cluster, credentials, |_| {});
        let expected = Refusal::Unauthenticated("HTTP status 401: 401 Unauthorized.".to_owned());
        assert_eq!(refusal(&mut reports).await, expected, "{credentials:?}");
        let more = tokio::time::timeout(Duration::from_secs(1), reports.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
}

#[tokio::test]
async fn a_framework_that_comes_back_as_somebody_else_is_refused() {
    let cluster = guarded();
    let (calls, mut reports) = start(&cluster, Some(("flink", "s3cret")), |_| {});
    let Report::Event(Event::Subscribed { framework_id, .. }) = next(&mut reports).await else {
        panic!("not subscribed")
    };
    // Calls prove it as well.
    calls.send(Call::Revive { roles: Vec::new() }).expect("sent");
    assert_eq!(next(&mut reports).await, Report::Event(Event::Heartbeat));
    drop((calls, reports));

    let (_calls, mut reports) =
        start(&cluster, Some(("other", "secret")), |info| info.id = Some(framework_id.clone()));
    let told = Refusal::Rejected("Changing framework's principal is not allowed.".to_owned());
    assert_eq!(refusal(&mut reports).await, told);
    // Another user and other roles are no obstacle; the user stays what it was.
    let (_calls, mut reports) = start(&cluster, Some(("flink", "s3cret")), |info| {
        info.id = Some(framework_id.clone());
        info.user = Some("flink".to_owned());
        info.roles = vec!["other".to_owned()];
    });
    let Report::Event(Event::Subscribed { framework_id: again, .. }) = next(&mut reports).await else {
        panic!("not subscribed")
    };
    assert_eq!(again, framework_id);
}

#[tokio::test]
async fn a_master_that_recovers_has_its_frameworks_within_a_second() {
    let cluster = Embedded::start(&["--agents=0"]);
    let mut clients: Vec<_> = (0..20).map(|_| start(&cluster, None, |_| {})).collect();
    for (_, reports) in &mut clients {
        while !matches!(next(reports).await, Report::Event(Event::Subscribed { .. })) {}
    }
    // With doubled waits they would ask after 3.75 s and then after 7.75.
    let recovery = Duration::from_millis(4_200);
    let phases = serde_json::json!([{ "for_ms": recovery.as_millis(), "answer": "recovers" }]);
    super::client::fault(cluster.address, "change-master", &serde_json::json!({ "phases": phases }));
    let begin = std::time::Instant::now();
    let mut late = Vec::new();
    for (_, reports) in &mut clients {
        while !matches!(next(reports).await, Report::Event(Event::Subscribed { .. })) {}
        late.push(begin.elapsed().saturating_sub(recovery));
    }
    let most = late.into_iter().max().unwrap_or_default();
    // Besides the wait a busy machine may take its time.
    assert!(most < Duration::from_millis(1_500), "{most:?} after the recovery");
}
