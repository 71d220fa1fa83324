//! The client, and the routes behind real sockets.

use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use super::world::World;
use super::{jobmanagers, scheduling, session, told, with_nonce};
use crate::client::{Address, AskError, Dispatcher};
use crate::standing as standings;
use crate::{AuditQuery, EndQuery, EventsQuery, OrderQuery, Patch, Sources, caller, router};
use dispatcher::{Match, Outcome, State};
use manifest::Circumstances;
use serve::{Closing, Listening};

fn sources(world: &World) -> Sources {
    Sources {
        handle: world.handle.clone(),
        standings: standings::alone(),
        circumstances: Circumstances::default(),
        flinks: None,
        appmasters: Arc::new(told),
        scheduling: Arc::new(scheduling::Told),
        jobmanagers: jobmanagers(),
        artifacts: super::no_artifacts(),
        sandboxes: Arc::new(super::logs::Nowhere),
        closing: Closing::default(),
    }
}

/// A dispatcher that does not lead at a port, and what it says of itself.
async fn standby(world: &World, leader: &str) -> Dispatcher {
    let standing = standings::DispatcherStanding::Standby { leader: Some(leader.to_owned()), has_read: true };
    let sources = Sources { standings: tokio::sync::watch::channel(standing).1, ..sources(world) };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(serve::serve(Listening::new(listener, "test"), caller::by_port(router(sources), None)));
    Dispatcher::at(&address.parse().expect("an address")).expect("a client")
}

#[tokio::test]
async fn orders_follow_from_a_standby_to_the_leader() {
    let (leads, stands_by) = (World::new().await, World::new().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let leader = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = caller::by_port(router(sources(&leads)), None);
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    let client = standby(&stands_by, &leader).await;
    let query = OrderQuery { dry_run: false, message: Some("a & b".to_owned()) };
    let applied = client.apply(session("a"), &query, Match::Nothing).await.expect("an answer");
    assert_eq!((applied.error, applied.results[0].status), (None, 201));
    let error = client.apply(session("a"), &query, Match::Nothing).await.expect("an answer");
    assert_eq!(error.results[0].status, 409, "the condition goes with it");
    let end = EndQuery { message: query.message.clone(), force: true, ..EndQuery::default() };
    client.delete("a", &end, Some(1)).await.expect("an answer");
    let told = leads.ask("GET /v1/audit", "").await;
    assert_eq!(
        (told.json()[0]["message"].as_str(), told.json()[1]["verb"].as_str()),
        (Some("a & b"), Some("delete"))
    );
    assert_eq!(stands_by.ask("GET /v1/audit", "").await.text, "[]");
    assert_eq!(client.clusters().await.expect("an answer"), [], "reads stay where they are");
}

fn at_socket(world: &World, path: &Path) -> Dispatcher {
    let listener = UnixListener::bind(path).expect("a socket");
    let routes = caller::by_user(router(sources(world)));
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    Dispatcher::at(&Address::Socket(path.to_owned())).expect("a client")
}

fn refusal(error: AskError) -> (u16, String) {
    match error {
        AskError::Refused { problem, .. } => (problem.status, problem.error),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn commands_reach_a_dispatcher_at_its_socket() {
    let (world, directory) = (World::new().await, tempfile::tempdir().expect("a directory"));
    let client = at_socket(&world, &directory.path().join("socket"));
    let query = OrderQuery { dry_run: false, message: Some("a & b".to_owned()) };
    let applied = client.apply(session("a"), &query, Match::Any).await.expect("an answer");
    assert_eq!((applied.error, applied.results[0].status), (None, 201));
    world.until("a", "running").await;
    let applied = client.apply(with_nonce("a", 2), &query, Match::Revision(7)).await.expect("an answer");
    assert_eq!(applied.results[0].status, 412);
    let applied = client.apply(with_nonce("a", 2), &query, Match::Nothing).await.expect("an answer");
    assert_eq!(applied.results[0].status, 409);
    let clusters = client.clusters().await.expect("an answer");
    assert_eq!((clusters[0].name.as_str(), clusters[0].state), ("a", State::Running));
    let description = client.cluster("a").await.expect("an answer");
    assert_eq!(description.known.cluster.revision, Some(1));

    let patch = Patch { frozen: Some(true), suspended: None };
    let ordered = client.patch("a", patch, &EndQuery::default(), Some(1)).await.expect("an answer");
    assert_eq!(ordered.outcome, Outcome::Changed);
    let error = client.restart("a", &query, None).await.expect_err("refused");
    assert_eq!(refusal(error), (409, "cluster a is frozen: thaw it first".to_owned()));
    // A name is one part of the path, whatever is in it.
    let error = client.delete("../audit?x", &EndQuery::default(), None).await.expect_err("refused");
    assert_eq!(refusal(error).0, 404);
    let error = client.apply("[".to_owned(), &query, Match::Any).await.expect_err("refused");
    assert_eq!(refusal(error).0, 400);

    let audit = client.audit(&AuditQuery::default()).await.expect("an answer");
    assert_eq!(audit[0].from.as_deref(), Some("unix socket"));
    assert_eq!(audit[0].message.as_deref(), Some("a & b"));
    let events = client.events(&EventsQuery::default()).await.expect("an answer");
    let mut told = Vec::new();
    let (query, count) = (EventsQuery::default(), events.len());
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let following = client.follow(&query, |event| sender.send(event).expect("a reader"));
    let reading = async {
        while told.len() < count {
            told.push(receiver.recv().await.expect("an event"));
        }
    };
    tokio::select! {
        error = following => panic!("{error:?}"),
        () = reading => {}
    }
    assert_eq!(told, events);
}

#[tokio::test]
async fn commands_reach_a_dispatcher_at_a_port_of_loopback() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = caller::by_port(router(sources(&world)), None);
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    let client = Dispatcher::at(&address.parse().expect("an address")).expect("a client");
    client.apply(session("a"), &OrderQuery::default(), Match::Any).await.expect("an answer");
    let audit = client.audit(&AuditQuery::default()).await.expect("an answer");
    assert_eq!(audit[0].user.as_deref(), Some("loopback"));
    assert!(audit[0].from.as_ref().is_some_and(|from| from.starts_with("127.0.0.1:")));
}

#[tokio::test]
async fn dispatchers_that_send_in_a_circle_have_no_leader() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let location = format!("{address}/v1/clusters/a");
    let routes = axum::Router::new().fallback(async move || {
        (axum::http::StatusCode::TEMPORARY_REDIRECT, [(axum::http::header::LOCATION, location)])
    });
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    let client = Dispatcher::at(&address.parse().expect("an address")).expect("a client");
    let error = client.delete("a", &EndQuery::default(), None).await.expect_err("nobody");
    assert_eq!(
        error.to_string(),
        format!("dispatchers send to each other, {address} first: none of them leads yet")
    );
}

#[tokio::test]
async fn a_client_says_whom_it_did_not_find() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let nobody = Dispatcher::at(&Address::Socket(path.clone())).expect("a client");
    let error = nobody.clusters().await.expect_err("nobody is there");
    assert_eq!(error.to_string(), format!("no dispatcher answers at unix:{}", path.display()));
    // Somebody else is there.
    let listener = UnixListener::bind(&path).expect("a socket");
    let routes = axum::Router::new().fallback(async || "hello");
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    let error = nobody.clusters().await.expect_err("a stranger");
    assert!(error.to_string().ends_with("is none of a dispatcher (HTTP status 200)"), "{error}");
}
