//! Events that are stored, and those that come.

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::Value;

use super::world::World;
use super::{SECRET, ask, call, session};

/// A stream of events, as a browser reads it.
struct Stream {
    chunks: BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(world: &World, path: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = call(&world.routes, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { chunks: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event, with the id that the stream gives it.
    async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
                let id = line("id: ").and_then(|id| id.parse().ok());
                let event = line("data: ").map(|json| serde_json::from_slice(json.as_bytes()).expect("JSON"));
                let found = id.zip(event);
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.chunks.next().await?.expect("a chunk");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
            assert!(!self.text.contains(SECRET), "{}", self.text);
        }
    }

    /// Those up to the first of this kind.
    async fn until(&mut self, kind: &str) -> Vec<(u64, Value)> {
        let mut events = Vec::new();
        while let Some((id, event)) = self.next().await {
            let is_last = event["kind"] == kind;
            events.push((id, event));
            if is_last {
                return events;
            }
        }
        panic!("the stream has ended: {events:?}")
    }
}

#[tokio::test]
async fn events_are_listed_by_cluster() {
    let world = World::new().await;
    for name in ["a", "b"] {
        world.ask("POST /v1/clusters", session(name)).await;
        world.until(name, "running").await;
    }
    let all = world.ask("GET /v1/events", "").await;
    let (json, kind) = (all.json(), all.header("content-type").to_owned());
    let events = json.as_array().expect("events");
    assert_eq!(kind, "application/json");
    assert!(events.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()), "{events:?}");
    let of_a = world.ask("GET /v1/events?cluster=a", "").await.json();
    let of_a = of_a.as_array().expect("events");
    assert!(!of_a.is_empty() && of_a.iter().all(|event| event["cluster"] == "a"), "{of_a:?}");
    assert!(of_a.len() < events.len());
    let first = &events[0]["id"];
    let later = world.ask(&format!("GET /v1/events?after={first}"), "").await.json();
    assert_eq!(later.as_array().map(Vec::as_slice), Some(&events[1..]));
    assert_eq!(world.ask("GET /v1/events?cluster=c", "").await.text, "[]");
    for wrong in ["?after=x", "?clusters=a"] {
        assert_eq!(world.ask(&format!("GET /v1/events{wrong}"), "").await.status, 400);
    }
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_missed() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    let mut stream = Stream::open(&world, "/v1/events", None).await;
    let before = stream.until("create").await;
    assert!(before.iter().all(|(id, event)| event["id"] == *id));
    let last = before.last().expect("one").0;
    drop(stream);

    world.until("a", "running").await;
    world.ask("POST /v1/clusters/a/restart", "").await;
    let mut stream = Stream::open(&world, "/v1/events?after=0", Some(&last.to_string())).await;
    let missed = stream.until("restart").await;
    let ids = |events: &[(u64, Value)]| events.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert!(missed.iter().all(|(id, _)| *id > last), "{missed:?}");

    // What comes goes on where that ends, and nothing comes twice.
    world.ask("DELETE /v1/clusters/a", "").await;
    let coming = stream.until("forget").await;
    let all = [ids(&before), ids(&missed), ids(&coming)].concat();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    assert!(coming.iter().any(|(_, event)| event["kind"] == "delete"), "{coming:?}");
    let stored = world.ask("GET /v1/events", "").await.json();
    assert_eq!(stored, Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_stream_can_be_of_one_cluster() {
    let world = World::new().await;
    let mut stream = Stream::open(&world, "/v1/events?cluster=b", None).await;
    world.ask("POST /v1/clusters", session("a")).await;
    world.ask("POST /v1/clusters", session("b")).await;
    let events = stream.until("create").await;
    assert!(events.iter().all(|(_, event)| event["cluster"] == "b"), "{events:?}");
}

#[tokio::test]
async fn a_strange_last_event_is_told() {
    let world = World::new().await;
    let headers = [("last-event-id", "x"), ("accept", "text/event-stream")];
    let answer = ask(&world.routes, "GET /v1/events", &headers, "").await;
    assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (400, false));
}

#[tokio::test]
async fn who_falls_behind_loses_nothing() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    let mut stream = Stream::open(&world, "/v1/events", None).await;
    stream.until("create").await;
    // More than anybody's backlog holds, of which the last ones are stored.
    for _ in 0..600 {
        world.ask("PATCH /v1/clusters/a", r#"{"frozen": true}"#).await;
        world.ask("PATCH /v1/clusters/a", r#"{"frozen": false}"#).await;
    }
    world.ask("POST /v1/clusters/a/restart", "").await;
    let events = stream.until("restart").await;
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "{events:?}");
    let stored = world.ask("GET /v1/events", "").await.json();
    let told: Vec<_> = events.iter().map(|(_, event)| event.clone()).collect();
    let stored = stored.as_array().expect("events");
    let restart = stored.iter().position(|event| event["kind"] == "restart").expect("stored");
    assert!(stored[..=restart].iter().all(|event| told.contains(event)), "{told:?}");
}

#[tokio::test]
async fn streams_have_a_limit() {
    let world = World::new().await;
    let mut streams = Vec::new();
    for _ in 0..crate::MAX_STREAMS {
        streams.push(Stream::open(&world, "/v1/events", None).await);
    }
    let answer = ask(&world.routes, "GET /v1/events", &[("accept", "text/event-stream")], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"));
    assert_eq!(world.ask("GET /v1/events", "").await.status, 200);
    streams.pop();
    Stream::open(&world, "/v1/events", None).await;
}
