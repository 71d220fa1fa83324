//! A dispatcher that cannot answer.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::events::Journal;
use dispatcher::driver::{Driver, Groups, Handle};
use dispatcher::{Action, Dispatcher, Limits, Timestamp, View};
use futures_util::FutureExt as _;
use records::Records as _;
use records::directory::DirectoryRecords;
use tempfile::TempDir;

use super::world::World;
use super::{ask, routes, session};

struct Nobody;

impl Groups for Nobody {
    type Error = Infallible;

    async fn carry_out(&mut self, _: Action) -> Result<(), Infallible> {
        Ok(())
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Infallible> {
        Ok(BTreeMap::new())
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// One that does not run.
async fn idle() -> (TempDir, Driver<DirectoryRecords, Nobody>, Handle) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut records = DirectoryRecords::open(directory.path(), "test").await.expect("it opens");
    let limits = Limits::default();
    let core = Dispatcher::restore(&records.load(None).await.expect("nothing"), limits);
    let parts = (records, Nobody);
    let (driver, handle) = Driver::new(core, 0, limits, parts, Arc::<Journal>::default(), || Timestamp(1));
    (directory, driver, handle)
}

const LINES: [(&str, &str); 5] = [
    ("GET /v1/clusters", ""),
    ("GET /v1/events", ""),
    ("GET /readyz", ""),
    ("PATCH /v1/clusters/a", r#"{"frozen": true}"#),
    ("DELETE /v1/clusters/a", ""),
];

#[tokio::test]
async fn who_comes_when_too_many_wait_comes_again() {
    let (_directory, driver, handle) = idle().await;
    let mut waiting = Vec::new();
    while waiting.len() < 10_000 {
        let mut question = Box::pin(async { handle.ask(|_, _| ()).await });
        if question.as_mut().now_or_never().is_some() {
            break;
        }
        waiting.push(question);
    }
    let routes = routes(&handle);
    for (line, body) in LINES {
        let answer = ask(&routes, line, &[], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{line}");
        assert!(answer.error().contains("busy"), "{answer:?}");
    }
    let answer = ask(&routes, "POST /v1/clusters", &[], session("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"));
    assert_eq!(answer.json()["results"][0]["status"], 429);
    assert_eq!(ask(&routes, "GET /healthz", &[], "").await.status, 200);
    drop(driver);
}

#[tokio::test]
async fn a_dispatcher_that_stops_says_so() {
    let (_directory, driver, handle) = idle().await;
    drop(driver);
    let routes = routes(&handle);
    for (line, body) in LINES {
        let answer = ask(&routes, line, &[], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{line}");
        assert_eq!(answer.error(), "the dispatcher is stopping");
    }
    let answer = ask(&routes, "PUT /v1/clusters/a", &[], session("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    assert_eq!(ask(&routes, "GET /healthz", &[], "").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_stored_is_no_order() {
    let world = World::new().await;
    world.is_full.store(true, Ordering::Relaxed);
    let answer = world.ask("POST /v1/clusters", session("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.error(), "cannot store what was ordered: another process leads");
    let two = format!("{}---\n{}", session("a"), session("b"));
    let answer = world.ask("POST /v1/clusters", two).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    let second = answer.json()["results"][1]["error"].clone();
    assert_eq!(second, "not tried, because the dispatcher had no answer to a document before");
    assert_eq!(world.ask("GET /v1/clusters", "").await.text, "[]");
    world.is_full.store(false, Ordering::Relaxed);
    assert_eq!(world.ask("POST /v1/clusters", session("a")).await.status, 201);
}
