//! Who is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{Entry, Role, Tokens};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;

use super::world::World;
use super::{Answer, ask, call, jobmanagers, no_artifacts, scheduling, session, told};
use crate::{Sources, caller, router};
use manifest::Circumstances;
use serve::{Closing, Credentials, Peer};

/// For callers who are not known.
pub fn bare(world: &World) -> Router {
    router(Sources {
        standings: crate::standing::alone(),
        handle: world.handle.clone(),
        circumstances: Circumstances::default(),
        flinks: None,
        appmasters: Arc::new(told),
        scheduling: Arc::new(scheduling::Told),
        jobmanagers: jobmanagers(),
        artifacts: no_artifacts(),
        sandboxes: Arc::new(super::logs::Nowhere),
        closing: Closing::default(),
    })
}

#[tokio::test]
async fn who_is_not_known_is_told_nothing() {
    let world = World::new().await;
    let routes = bare(&world);
    for (line, status) in [
        ("GET /v1/clusters", 403),
        ("POST /v1/clusters", 403),
        ("GET /v1/events", 403),
        ("GET /v1/audit", 403),
        ("GET /v1/queue", 403),
        ("GET /v1/clusters/a/logs", 403),
        ("GET /v1/flink-versions", 403),
        ("GET /v1/artifacts", 403),
        ("GET /v1/clusters/a/jobs", 403),
        ("GET /metrics", 403),
        ("DELETE /v1/clusters/a", 403),
        ("GET /healthz", 200),
        ("GET /readyz", 200),
        ("GET /openapi.json", 200),
    ] {
        assert_eq!(ask(&routes, line, &[], "").await.status, status, "{line}");
    }
}

/// From the socket's peer or an address, with these headers.
async fn from(routes: &Router, address: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method("POST").uri("/v1/clusters?dryRun=true");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(session("a"))).expect("a request");
    let address: SocketAddr = address.parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(Peer(address)));
    Answer::of(call(routes, request).await).await.status.as_u16()
}

#[tokio::test]
async fn loopback_is_this_machine_and_no_page_of_others() {
    let world = World::new().await;
    let routes = caller::by_port(bare(&world), None);
    for (address, headers, status) in [
        ("127.0.0.1:1", &[("host", "localhost:8000")][..], 200),
        ("127.0.0.1:1", &[("host", "127.0.0.1:8000")], 200),
        ("[::1]:1", &[("host", "[::1]:8000")], 200),
        ("[::ffff:127.0.0.1]:1", &[("host", "localhost")], 200),
        ("10.0.0.1:1", &[("host", "localhost:8000")], 403),
        ("127.0.0.1:1", &[("host", "evil.example:8000")], 403),
        ("127.0.0.1:1", &[], 403),
        // Somebody on this machine hands on what others ask.
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("x-forwarded-for", "10.0.0.1")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("forwarded", "for=10.0.0.1")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("origin", "http://localhost:8000")], 200),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("origin", "http://localhost:9000")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("origin", "http://evil.example")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("origin", "null")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("sec-fetch-site", "cross-site")], 403),
        ("127.0.0.1:1", &[("host", "localhost:8000"), ("sec-fetch-site", "same-origin")], 200),
    ] {
        assert_eq!(from(&routes, address, headers).await, status, "{address} {headers:?}");
    }
}

#[tokio::test]
async fn users_of_the_socket_have_their_names() {
    let world = World::new().await;
    let routes = caller::by_user(bare(&world));
    for (uid, name) in [(0, "a"), (4_000_000, "b")] {
        let request = Request::post("/v1/clusters").body(Body::from(session(name)));
        let mut request = request.expect("a request");
        request.extensions_mut().insert(Credentials { uid });
        assert_eq!(Answer::of(call(&routes, request).await).await.status, 201);
    }
    let audit = world.ask("GET /v1/audit", "").await.json();
    let users: Vec<_> = (0..2).map(|index| &audit[index]["user"]).collect();
    assert_eq!(users, ["root", "uid 4000000"]);
    assert_eq!(audit[0]["from"], "unix socket");
}

#[tokio::test]
async fn a_token_decides_wherever_it_comes_from() {
    let world = World::new().await;
    let text = format!(
        "{}{}",
        "tokens:\n",
        ["view", "admin"]
            .map(|role| {
                let entry = Entry {
                    name: role.to_owned(),
                    role: Role::named(role).expect("a role"),
                    mesos_roles: Vec::new(),
                    users: Vec::new(),
                    expires: None,
                };
                entry.text(role)
            })
            .concat()
    );
    let tokens = Tokens::parse(&text, &Arc::default()).expect("good");
    let routes = caller::by_port(bare(&world), Some(Arc::new(move |token| tokens.find(token, 0).cloned())));
    let (local, page) = (("host", "localhost:8000"), ("origin", "http://evil.example"));
    let (view, admin) = (("authorization", "Bearer view"), ("authorization", "Bearer admin"));
    for (address, headers, status) in [
        ("127.0.0.1:1", &[local][..], 200),
        ("127.0.0.1:1", &[local, view], 403),
        ("127.0.0.1:1", &[local, ("authorization", "Bearer x")], 401),
        ("127.0.0.1:1", &[("host", "evil.example")], 401),
        ("127.0.0.1:1", &[local, page], 403),
        ("10.0.0.1:1", &[local], 401),
        ("10.0.0.1:1", &[view], 403),
        ("10.0.0.1:1", &[admin], 200),
        // No page has it unless somebody gave it to that page.
        ("10.0.0.1:1", &[admin, page], 200),
    ] {
        assert_eq!(from(&routes, address, headers).await, status, "{address} {headers:?}");
    }
}
