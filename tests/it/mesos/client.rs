//! The client against a server that answers as a real master did, byte for byte.

use std::time::Duration;

use base::lease::Lease;
use base::log;
use mesos::address::MasterAddress;
use mesos::answer::Refusal;
use mesos::call::Call;
use mesos::client::{
    self, Calls, Config, Credentials, MAX_CALLS_WAITING, Masters, Reports, SendError, Trust,
};
use mesos::event::Event;
use mesos::report::{CallFailure, Report, Trouble};
use mesos::wire;
use mesos::wire::call::CallType;
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use prost::Message as _;

use super::master::{Connection, Master, chunk, heartbeat, ignored, stream_head, subscribed};
use super::traffic::{Http, file, records};

/// Far above any wait of the client's that these tests provoke.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_recorded_life_from_subscribe_to_teardown() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    let request = stream.request().await;
    let recorded = Http::parse(&file("pb/task-lifecycle/01-subscribe.request.http"));
    assert!(request.head.starts_with("POST /api/v1/scheduler HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), recorded.header("content-type"));
    assert_eq!(request.header("accept"), recorded.header("accept"));
    assert_eq!(request.header("mesos-stream-id"), None);
    assert_eq!(request.header("authorization"), None);
    let whole = file("pb/task-lifecycle/01-subscribe.stream.http");
    let stream_id = Http::parse(&whole).header("Mesos-Stream-Id").expect("a stream id").to_owned();
    // In two halves, the first of which ends within a record.
    stream.send(&whole[..whole.len() / 2]).await;
    let Report::Event(first) = next(&mut reports).await else { panic!("no event") };
    let Event::Subscribed { framework_id, heartbeat, master: summary } = first.clone() else {
        panic!("{first:?}")
    };
    assert_eq!((heartbeat, summary.version.as_str()), (Duration::from_secs(15), "1.12.0"));

    calls.send(kill("a")).expect("sent");
    calls.send(kill("b")).expect("sent");
    let mut connection = master.accept().await;
    for task in ["a", "b"] {
        let request = connection.request().await;
        assert_eq!(request.header("mesos-stream-id"), Some(stream_id.as_str()));
        let call = wire::call::Call::decode(request.body).expect("a call");
        assert_eq!(call, kill(task).into_wire(framework_id.clone()));
        connection.send(&file("pb/errors/13-accept-too-big.response.http")).await;
    }

    stream.send(&whole[whole.len() / 2..]).await;
    drop((stream, connection));
    let mut events = vec![first];
    let why = loop {
        match next(&mut reports).await {
            Report::Event(event) => events.push(event),
            Report::Disconnected { why, .. } => break why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why, Trouble::Closed);
    let recorded = records([file("pb/task-lifecycle/01-subscribe.stream.recordio")]);
    let recorded = recorded.into_iter().map(|record| wire::event::Event::decode(record).expect("an event"));
    assert!(recorded.map(|event| Event::from_wire(event).expect("a usable event")).eq(events));
    // It comes back as the same framework.
    let mut stream = master.accept().await;
    let call = wire::call::Call::decode(stream.request().await.body).expect("a call");
    assert_eq!(call.framework_id.as_ref(), Some(&framework_id));
    assert_eq!(
        call.subscribe.expect("subscribe").framework_info.expect("a framework").id,
        Some(framework_id)
    );
    subscribe(&mut stream, &mut reports).await;
    calls.send(Call::Teardown).expect("sent");
    let mut connection = master.accept().await;
    connection.request().await;
    connection.send(&file("pb/errors/24-teardown.response.http")).await;
    assert_eq!(next(&mut reports).await, Report::TornDown);
    // Then it rests: a call has no subscription to go to.
    calls.send(kill("c")).expect("sent");
    assert_eq!(
        next(&mut reports).await,
        Report::CallFailed { call: kill("c"), why: CallFailure::NotSubscribed }
    );
}

#[tokio::test]
async fn follows_the_recorded_redirect_with_credentials() {
    let (first, leader) = (Master::bind().await, Master::bind().await);
    let credentials = Credentials { principal: "flink".to_owned(), secret: "s3cret".to_owned() };
    let (_calls, mut reports) = start(&first.address(), Some(credentials));
    let recorded = String::from_utf8(file("pb/zookeeper-non-leader/01-subscribe.stream.http").to_vec());
    let redirect = recorded.expect("text").replace("127.0.0.1:5170", &leader.address());
    let mut connection = first.accept().await;
    connection.request().await;
    connection.send(redirect.as_bytes()).await;
    let mut stream = leader.accept().await;
    let request = stream.request().await;
    let expected = Http::parse(&file("pb/auth-good/01-subscribe.request.http"));
    assert_eq!(request.header("authorization"), expected.header("authorization"));
    assert!(request.header("authorization").is_some());
    subscribe(&mut stream, &mut reports).await;
}

#[tokio::test]
async fn recorded_refusals_halt_until_the_owner_decides() {
    for (recorded, expected) in [
        (
            "pb/auth-bad/01-subscribe.stream.http",
            Refusal::Unauthenticated("HTTP status 401: 401 Unauthorized.".to_owned()),
        ),
        (
            "pb/auth-other-principal/01-subscribe.stream.http",
            Refusal::Rejected(
                "HTTP status 400: Failed to validate scheduler::Call: Authenticated principal 'flink' does not match \
                 principal 'someone-else' set in `FrameworkInfo`"
                    .to_owned(),
            ),
        ),
        (
            "pb/errors/07-subscribe-bad-role.response.http",
            Refusal::Rejected(
                "'FrameworkInfo.roles' contains invalid role: Role '/bad role' cannot start with a slash".to_owned(),
            ),
        ),
        ("pb/resubscribe-removed-framework/01-subscribe.stream.http", Refusal::FrameworkRemoved),
    ] {
        let master = Master::bind().await;
        let (calls, mut reports) = start(&master.address(), None);
        let mut stream = master.accept().await;
        stream.request().await;
        stream.send(&file(recorded)).await;
        let Report::Refused { why, .. } = next(&mut reports).await else { panic!("{recorded}") };
        assert_eq!(why, expected, "{recorded}");
        calls.subscribe(framework("another")).expect("sent");
        let mut stream = master.accept().await;
        let call = wire::call::Call::decode(stream.request().await.body).expect("a call");
        let info = call.subscribe.and_then(|subscribe| subscribe.framework_info).expect("a framework");
        assert_eq!(info.name.as_deref(), Some("another"));
        subscribe(&mut stream, &mut reports).await;
    }
}

#[tokio::test]
async fn the_recorded_takeover_is_not_fought() {
    let master = Master::bind().await;
    let (_calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    stream.send(&file("pb/failover-first/01-subscribe.stream.http")).await;
    loop {
        match next(&mut reports).await {
            Report::Event(_) => {}
            Report::Refused { why, .. } => break assert_eq!(why, Refusal::FailedOver),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_recorded_stale_stream_means_a_new_subscription_without_the_call() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    calls.send(kill("a")).expect("sent");
    calls.send(kill("b")).expect("sent");
    let mut connection = master.accept().await;
    connection.request().await;
    connection.send(&file("pb/failover-first/05-call-on-superseded-stream.response.http")).await;
    let Report::CallFailed { call, why: CallFailure::Rejected(why) } = next(&mut reports).await else {
        panic!("the call did not fail")
    };
    assert_eq!(call, kill("a"));
    assert!(why.starts_with("HTTP status 400: The stream ID "), "{why}");
    assert!(matches!(next(&mut reports).await, Report::Disconnected { why: Trouble::Stale(_), .. }));
    assert_eq!(
        next(&mut reports).await,
        Report::CallFailed { call: kill("b"), why: CallFailure::NotSubscribed }
    );
    let mut stream = master.accept().await;
    let call = wire::call::Call::decode(stream.request().await.body).expect("a call");
    assert_eq!(call.r#type, Some(CallType::Subscribe as i32));
}

#[tokio::test]
async fn silence_ends_a_stream_that_is_still_open() {
    let master = Master::bind().await;
    let (_calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    stream.send(&[stream_head(), chunk(&subscribed(0.1))].concat()).await;
    assert!(matches!(next(&mut reports).await, Report::Event(Event::Subscribed { .. })));
    let Report::Disconnected { why, .. } = next(&mut reports).await else { panic!("still connected") };
    assert_eq!(why.to_string(), "received nothing for 0.5 s");
    let mut again = master.accept().await;
    again.request().await;
    // What the old connection says now is not heard.
    stream.send_if_open(&chunk(&subscribed(7.0))).await;
    subscribe(&mut again, &mut reports).await;
}

#[tokio::test]
async fn an_unreachable_master_is_named_and_asked_again() {
    let master = Master::bind().await;
    let gone = Master::bind().await.address();
    let (_calls, mut reports) = start(&format!("{gone},{}", master.address()), None);
    let Report::Unreachable { master: asked, why, attempts, retry_in } = next(&mut reports).await else {
        panic!("reached")
    };
    assert_eq!((asked.to_string(), why.to_string()), (gone, "connection refused".to_owned()));
    assert_eq!((attempts, retry_in), (1, Duration::ZERO));
    // The other one is up, but not ready.
    let mut connection = master.accept().await;
    connection.request().await;
    connection.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 17\r\n\r\nNo leader elected").await;
    let Report::Unreachable { why, attempts, retry_in, .. } = next(&mut reports).await else {
        panic!("reached")
    };
    assert_eq!((why.to_string().as_str(), attempts), ("HTTP status 503: No leader elected", 2));
    // Half of a quarter of a second, and a random part of the other half.
    assert!(retry_in >= Duration::from_millis(125), "{retry_in:?}");
}

#[tokio::test]
async fn what_is_no_stream_of_records_is_dropped() {
    for (garbage, expected) in [
        (b"<html>".as_slice(), "the stream is broken: expected a record's length, got \"<html>\""),
        (
            b"5\n\xff\xff\xff\xff\xff",
            "a record of the stream is not an event: failed to decode Protobuf message: invalid varint",
        ),
    ] {
        let master = Master::bind().await;
        let (_calls, mut reports) = start(&master.address(), None);
        let mut stream = master.accept().await;
        stream.request().await;
        stream.send(&[stream_head(), chunk(&subscribed(15.0)), chunk(garbage)].concat()).await;
        assert!(matches!(next(&mut reports).await, Report::Event(Event::Subscribed { .. })));
        let Report::Disconnected { why, .. } = next(&mut reports).await else { panic!("still connected") };
        assert_eq!(log::chain(&why), expected);
    }
}

#[tokio::test]
async fn an_owner_that_reads_late_is_no_silence() {
    // The last one has to wait for room.
    const EVENTS: usize = client::MAX_REPORTS_WAITING + 1;
    let master = Master::bind().await;
    let (_calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    let heartbeats: Vec<u8> = (1..EVENTS).flat_map(|_| chunk(&heartbeat())).collect();
    stream.send(&[stream_head(), chunk(&subscribed(0.1)), heartbeats].concat()).await;
    // Longer than the five intervals after which the stream would be given up.
    tokio::time::sleep(Duration::from_millis(800)).await;
    for event in 0..EVENTS {
        let report = next(&mut reports).await;
        assert!(matches!(report, Report::Event(_)), "{report:?} after {event} events");
    }
    let report = tokio::time::timeout(Duration::from_millis(200), reports.next()).await;
    assert!(report.is_err(), "{report:?}");
    stream.send(&chunk(&heartbeat())).await;
    assert_eq!(next(&mut reports).await, Report::Event(Event::Heartbeat));
}

#[tokio::test]
async fn a_call_meant_for_an_earlier_subscription_is_not_sent() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    drop(stream);
    let mut stream = master.accept().await;
    stream.request().await;
    stream.send(&[stream_head(), chunk(&subscribed(15.0))].concat()).await;
    // No socket buffer holds this much: once it is sent, the client has read SUBSCRIBED. The owner has not.
    stream.send(&chunk(&ignored(32 * 1024 * 1024))).await;
    calls.send(kill("a")).expect("sent");
    assert!(matches!(next(&mut reports).await, Report::Disconnected { .. }));
    assert!(matches!(next(&mut reports).await, Report::Event(Event::Subscribed { .. })));
    assert_eq!(
        next(&mut reports).await,
        Report::CallFailed { call: kill("a"), why: CallFailure::NotSubscribed }
    );
}

#[tokio::test]
async fn calls_keep_their_order_when_their_connection_breaks() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    for task in ["a", "b", "c"] {
        calls.send(kill(task)).expect("sent");
    }
    let mut connection = master.accept().await;
    connection.request().await;
    drop(connection);
    let Report::CallFailed { call, why: CallFailure::Unknown(_) } = next(&mut reports).await else {
        panic!("the call did not fail")
    };
    assert_eq!(call, kill("a"));
    let mut connection = master.accept().await;
    for task in ["b", "c"] {
        let call = wire::call::Call::decode(connection.request().await.body).expect("a call");
        assert_eq!(call.kill.and_then(|kill| kill.task_id), Some(TaskId::new(task)));
        connection.send(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await;
    }
    // The stream lives on.
    stream.send(&chunk(&heartbeat())).await;
    assert_eq!(next(&mut reports).await, Report::Event(Event::Heartbeat));
}

#[tokio::test]
async fn the_stream_is_closed_once_nobody_listens() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    drop(reports);
    assert!(stream.is_closed_by_peer().await);
    assert_eq!(calls.send(kill("a")), Err(SendError::Ended));
}

#[test]
fn what_cannot_work_is_told_at_once() {
    let credentials = Credentials { principal: "a:b".to_owned(), secret: "c".to_owned() };
    let masters = masters("m1");
    let config = |masters, credentials| Config {
        masters: Masters::Known(masters),
        framework: framework("flink"),
        suppressed_roles: Vec::new(),
        credentials,
        lease: Lease::unlimited(),
        trust: Trust::System,
    };
    let error = client::start(config(masters, Some(credentials))).expect_err("a colon");
    assert_eq!(error.to_string(), "principal and secret must not contain ':'");
    assert!(client::start(config(Vec::new(), None)).is_err());
}

pub fn start(address: &str, credentials: Option<Credentials>) -> (Calls, Reports) {
    let config = Config {
        masters: Masters::Known(masters(address)),
        framework: framework("flink"),
        suppressed_roles: Vec::new(),
        credentials,
        lease: Lease::unlimited(),
        trust: Trust::System,
    };
    client::start(config).expect("a client")
}

fn masters(address: &str) -> Vec<mesos::address::Master> {
    match address.parse().expect("an address") {
        MasterAddress::Masters(masters) => masters,
        other @ (MasterAddress::ZooKeeper(_) | MasterAddress::File(_)) => panic!("{other:?}"),
    }
}

fn framework(name: &str) -> FrameworkInfo {
    FrameworkInfo {
        user: Some("root".to_owned()),
        name: Some(name.to_owned()),
        roles: vec!["flink".to_owned()],
        ..FrameworkInfo::default()
    }
}

fn kill(task: &str) -> Call {
    Call::Kill { task_id: TaskId::new(task), agent_id: Some(AgentId::new("agent")), grace: None }
}

/// Opens the stream and waits until the client has read SUBSCRIBED.
pub async fn subscribe(stream: &mut Connection, reports: &mut Reports) {
    stream.send(&[stream_head(), chunk(&subscribed(15.0))].concat()).await;
    let Report::Event(Event::Subscribed { framework_id, heartbeat, .. }) = next(reports).await else {
        panic!("not subscribed")
    };
    assert_eq!((framework_id, heartbeat), (FrameworkId::new("framework-1"), Duration::from_secs(15)));
}

pub async fn next(reports: &mut Reports) -> Report {
    tokio::time::timeout(PATIENCE, reports.next()).await.expect("a report in time").expect("a running client")
}

#[tokio::test]
async fn more_calls_than_can_wait_cost_the_subscription_and_not_the_client() {
    let master = Master::bind().await;
    let (calls, mut reports) = start(&master.address(), None);
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    // The master takes the first, and never answers.
    calls.send(kill("first")).expect("sent");
    let mut silent = master.accept().await;
    silent.request().await;
    let mut sent = 1;
    let refused = loop {
        match calls.send(kill("more")) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, sent), (SendError::Full(kill("more")), MAX_CALLS_WAITING + 1));
    let mut failed = 0;
    while failed < sent {
        match next(&mut reports).await {
            Report::CallFailed { .. } => failed += 1,
            Report::Disconnected { why, .. } => assert_eq!((why, failed), (Trouble::Overflow, 1)),
            other => panic!("{other:?}"),
        }
    }
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, &mut reports).await;
    calls.send(kill("last")).expect("there is room again");
    assert_eq!(
        wire::call::Call::decode(master.accept().await.request().await.body).expect("a call").r#type,
        Some(CallType::Kill as i32)
    );
}
