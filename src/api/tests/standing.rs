//! A dispatcher that does not lead.

use tokio::sync::watch;

use super::world::World;
use super::{ask, routes_of, session};
use crate::standing::DispatcherStanding;

fn standby(leader: Option<&str>) -> DispatcherStanding {
    DispatcherStanding::Standby { leader: leader.map(str::to_owned), has_read: true }
}

const ORDERS: [(&str, &str); 8] = [
    ("POST /v1/clusters?dryRun=true&message=a%20b", ""),
    ("PUT /v1/clusters/a", ""),
    ("PATCH /v1/clusters/a", r#"{"frozen": true}"#),
    ("POST /v1/clusters/a/restart", ""),
    ("POST /v1/clusters/a/scale", r#"{"taskmanagers": 2}"#),
    ("POST /v1/clusters/a/taskmanagers/tm-1/restart", ""),
    ("PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef", r#"{"jarURI": "local:///a.jar"}"#),
    ("DELETE /v1/clusters/a", ""),
];

#[tokio::test]
async fn a_standby_answers_reads_and_sends_orders_to_the_leader() {
    let world = World::new().await;
    assert_eq!(world.ask("POST /v1/clusters", session("a")).await.status, 201);
    let (_sender, standing) = watch::channel(standby(Some("http://d-2:8090")));
    let routes = routes_of(&world.handle, standing);
    let reads = ["/v1/clusters", "/v1/clusters/a", "/v1/clusters/a/explain", "/v1/audit", "/v1/events"];
    for line in reads.into_iter().chain(["/v1/queue", "/metrics"]) {
        let answer = ask(&routes, &format!("GET {line}"), &[], "").await;
        assert_eq!(answer.status, 200, "{line}");
        assert_eq!(answer.header("dispatcher-standing"), "standby; leader=http://d-2:8090");
    }
    // Only the leader has a way to Mesos.
    let logs = ("GET /v1/clusters/a/logs?tail=3", "");
    for (line, body) in ORDERS.into_iter().chain([logs]) {
        let answer = ask(&routes, line, &[], body).await;
        let path = line.split_once(' ').expect("a path").1;
        assert_eq!(answer.status, 307, "{line}");
        assert_eq!(answer.header("location"), format!("http://d-2:8090{path}"));
        let text = "this dispatcher is a standby: the dispatcher at http://d-2:8090 leads";
        assert_eq!(answer.error(), text);
    }
    assert_eq!(world.ask("GET /v1/clusters/a", "").await.json()["cluster"]["frozen"], false);
    let ready = ask(&routes, "GET /readyz", &[], "").await;
    assert_eq!((ready.status.as_u16(), ready.text.contains("http://d-2:8090 leads")), (200, true));
    assert_eq!(ask(&routes, "GET /nothing", &[], "").await.status, 404);
}

#[tokio::test]
async fn orders_are_refused_while_nobody_takes_them() {
    let world = World::new().await;
    let why = Some("no answer".to_owned());
    for (standing, reads, ready, text) in [
        (standby(None), 200, 200, "this dispatcher is a standby, and no dispatcher leads yet"),
        (
            DispatcherStanding::Standby { leader: None, has_read: false },
            503,
            503,
            "this dispatcher is a standby, and no dispatcher leads yet",
        ),
        (
            DispatcherStanding::Suspended,
            200,
            503,
            "this dispatcher leads, but does nothing until ZooKeeper answers",
        ),
        (
            DispatcherStanding::Away { why: why.clone(), has_read: true },
            200,
            503,
            "this dispatcher does not reach ZooKeeper: no answer",
        ),
        (
            DispatcherStanding::Away { why, has_read: false },
            503,
            503,
            "this dispatcher does not reach ZooKeeper: no answer",
        ),
    ] {
        let routes = routes_of(&world.handle, watch::channel(standing.clone()).1);
        for (line, body) in ORDERS {
            let answer = ask(&routes, line, &[], body).await;
            assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{line}");
            assert_eq!(answer.error(), text);
        }
        assert_eq!(ask(&routes, "GET /v1/clusters", &[], "").await.status, reads, "{standing:?}");
        assert_eq!(ask(&routes, "GET /readyz", &[], "").await.status, ready, "{standing:?}");
        assert_eq!(ask(&routes, "GET /healthz", &[], "").await.status, 200, "{standing:?}");
    }
}

#[tokio::test]
async fn whoever_follows_events_does_so_at_a_standby() {
    let world = World::new().await;
    let routes = routes_of(&world.handle, watch::channel(standby(None)).1);
    let request = axum::http::Request::get("/v1/events").header("accept", "text/event-stream");
    let response = super::call(&routes, request.body(axum::body::Body::empty()).expect("a request")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["dispatcher-standing"], "standby");
}
