//! What is pushed, listed, fetched, referred to and removed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::middleware::{self, Next};
use base::digest::Digest;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::world::World;
use super::{Answer, artifacts_in, ask, known, scheduling, sources, standings};
use crate::client::Dispatcher;
use crate::standing::DispatcherStanding;
use crate::{Artifacts, PushQuery};
use dispatcher::{Outcome, Timestamp};
use serve::Listening;

struct Place {
    world: World,
    routes: Router,
    directory: TempDir,
}

impl Place {
    async fn new() -> Self {
        let (world, directory) = (World::new().await, tempfile::tempdir().expect("a directory"));
        let mut sources = sources(&world.handle, standings::alone(), Arc::new(scheduling::Told));
        sources.artifacts = artifacts_in(directory.path());
        Self { routes: known(sources), world, directory }
    }

    async fn ask(&self, line: &str, body: impl Into<Body>) -> Answer {
        ask(&self.routes, line, &[], body).await
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.directory.path()).expect("a directory").count()
    }
}

fn path(content: &str) -> String {
    format!("/v1/artifacts/{}", Digest::of(content))
}

fn application(content: &str) -> String {
    let job = format!("  job: {{parallelism: 1, jarURI: 'artifact://{}/a.jar'}}\n", Digest::of(content));
    super::session("a") + &job
}

#[tokio::test]
async fn an_artifact_is_pushed_once_listed_and_fetched() {
    let place = Place::new().await;
    let (path, digest) = (path("jar"), Digest::of("jar").to_string());
    assert_eq!(place.ask("GET /v1/artifacts", "").await.text, "[]");
    let line = format!("PUT {path}?name=my%20orders.jar&size=3&dryRun=true");
    let answer = place.ask(&line, "").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["outcome"]), (200, &json!("created")));
    let push = format!("PUT {path}?name=my%20orders.jar&message=why");
    let answer = place.ask(&push, "jar").await;
    let uri = format!("artifact://{digest}/my_orders.jar");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json(), json!({"digest": digest, "uri": uri, "outcome": "created"}));
    let answer = place.ask(&push, "something else").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["outcome"]), (200, &json!("unchanged")));
    let listed = place.ask("GET /v1/artifacts", "").await.json();
    let expected = json!([{"digest": digest, "uri": uri, "name": "my orders.jar", "size": 3,
        "uploaded_at": 1_700_000_000_000_u64, "uploaded_by": "ann", "uploaded_from": "here", "used_by": []}]);
    assert_eq!(listed, expected);
    let answer = place.ask(&format!("GET {path}"), "").await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "jar"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"my_orders.jar\"");
    let answer = place.ask(&format!("HEAD {path}"), "").await;
    assert_eq!((answer.header("content-length"), &*answer.text), ("3", ""));
    let audit = place.ask("GET /v1/audit", "").await.json();
    assert_eq!(audit.as_array().expect("entries").len(), 1);
    let entry = &audit[0];
    assert_eq!(
        (&entry["verb"], &entry["user"], &entry["message"]),
        (&json!("push_artifact"), &json!("ann"), &json!("why"))
    );
    assert_eq!(
        (&entry["cluster"], &entry["fields"][0]["field"]),
        (&json!(""), &json!(format!("{digest} my orders.jar")))
    );
}

async fn at_port(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    format!("http://{address}")
}

#[tokio::test]
async fn a_file_is_sent_to_the_leader_alone_and_once() {
    const SIZE: u64 = 32 << 20;
    let (leads, stands_by) = (World::new().await, World::new().await);
    let directory = tempfile::tempdir().expect("a directory");
    let limits = uploads::Limits { file: SIZE, total: SIZE, grace: Duration::from_secs(3600) };
    let store = uploads::Store::new(directory.path().join("artifacts"), limits, || Timestamp(1));
    let mut of_leader = sources(&leads.handle, standings::alone(), Arc::new(scheduling::Told));
    of_leader.artifacts = Artifacts::alone(Arc::new(store));
    // What each was asked to take, as its requests announce it.
    let taken = [(); 2].map(|()| Arc::<Mutex<Vec<(Method, u64)>>>::default());
    let counted = |routes: Router, taken: &Arc<Mutex<Vec<(Method, u64)>>>| {
        let taken = Arc::clone(taken);
        routes.layer(middleware::from_fn(move |request: Request<Body>, next: Next| {
            let length =
                request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
            taken.lock().expect("no panic").push((request.method().clone(), length.unwrap_or_default()));
            next.run(request)
        }))
    };
    let leader = at_port(counted(known(of_leader), &taken[0])).await;
    let standing = DispatcherStanding::Standby { leader: Some(leader), has_read: true };
    let of_standby = sources(&stands_by.handle, watch::channel(standing).1, Arc::new(scheduling::Told));
    let address = at_port(counted(known(of_standby), &taken[1])).await;
    let file = directory.path().join("large.jar");
    std::fs::File::create(&file).and_then(|file| file.set_len(SIZE)).expect("created");
    let client = Dispatcher::at(&address.parse().expect("an address")).expect("a client");
    let query = PushQuery { name: Some("large.jar".to_owned()), ..PushQuery::default() };
    for outcome in [Outcome::Created, Outcome::Unchanged] {
        assert_eq!(client.push(&file, &query).await.expect("pushed").outcome, outcome);
    }
    let taken = taken.map(|taken| taken.lock().expect("no panic").clone());
    let asked = (Method::PUT, 0);
    assert_eq!(taken[0], [asked.clone(), (Method::PUT, SIZE), asked.clone()], "asked, sent, asked again");
    assert_eq!(taken[1], [asked.clone(), asked], "nothing is sent where nobody takes it");
}

#[tokio::test]
async fn what_is_wrong_with_an_artifact_is_told() {
    let place = Place::new().await;
    let path = path("jar");
    let long = "x".repeat(101);
    let bad_name = format!("{path}?name=a%2Fb");
    for (line, body, status, told) in [
        (format!("PUT {path}"), "jam", 422, "what was sent has the SHA-256"),
        (format!("PUT {path}"), &*long, 413, "may have 100 bytes at most"),
        (format!("PUT {path}?size=101&dryRun=true"), "", 413, "this one has 101"),
        (format!("PUT {path}?size=4"), "jar", 400, "cut off after 3 bytes"),
        (format!("PUT {bad_name}"), "jar", 400, "the name of a file"),
        (format!("PUT {path}?nam=a"), "jar", 400, "nam"),
        ("PUT /v1/artifacts/abc".to_owned(), "jar", 400, "64 hexadecimal digits"),
        (format!("GET {path}"), "", 404, "there is no artifact"),
        (format!("DELETE {path}"), "", 404, "there is no artifact"),
    ] {
        let answer = place.ask(&line, body.to_owned()).await;
        assert!(answer.status == status && answer.error().contains(told), "{line}: {answer:?}");
    }
    let broken = stream::iter([Ok(Bytes::from_static(b"ja")), Err(std::io::Error::other("gone"))]);
    let answer = place.ask(&format!("PUT {path}"), Body::from_stream(broken)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(place.files(), 0);
    let nowhere = place.world.ask(&format!("PUT {path}"), "jar").await;
    assert_eq!(nowhere.status, 507);
    assert!(nowhere.error().starts_with("cannot keep artifacts: "), "{nowhere:?}");
}

#[tokio::test]
async fn what_a_cluster_refers_to_stays() {
    let place = Place::new().await;
    let (path, manifest) = (path("jar"), application("jar"));
    let answer = place.ask("POST /v1/clusters", manifest.clone()).await;
    assert_eq!(answer.status, 422);
    let reason = &answer.fields()["spec.job.jarURI"];
    assert!(
        reason.starts_with("there is no artifact")
            && reason.ends_with("push it first, with `artifact push FILE`"),
        "{reason}"
    );
    place.ask(&format!("PUT {path}?name=a.jar"), "jar").await;
    assert_eq!(place.ask("POST /v1/clusters", manifest).await.status, 201);
    let listed = place.ask("GET /v1/artifacts", "").await.json();
    assert_eq!(listed[0]["used_by"], json!(["a"]));
    let answer = place.ask(&format!("DELETE {path}"), "").await;
    assert_eq!(answer.status, 409);
    assert!(answer.error().ends_with("is referred to by cluster a"), "{answer:?}");
    // An older revision does so too.
    let other = application("jar").replace("artifact://", "local:///").replace("/a.jar", "/b.jar");
    assert_eq!(place.ask("POST /v1/clusters", other).await.status, 200);
    assert_eq!(place.ask(&format!("DELETE {path}"), "").await.status, 409);
    place.ask("DELETE /v1/clusters/a", "").await;
    place.world.until_gone("a").await;
    let answer = place.ask(&format!("DELETE {path}?dryRun=true"), "").await;
    assert_eq!((answer.status.as_u16(), place.files()), (200, 2));
    let answer = place.ask(&format!("DELETE {path}?message=old"), "").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["outcome"], place.files()),
        (200, &json!("changed"), 0)
    );
    assert_eq!(place.ask(&format!("GET {path}"), "").await.status, 404);
    let audit = place.ask("GET /v1/audit?last=1", "").await.json();
    assert_eq!((&audit[0]["verb"], &audit[0]["message"]), (&json!("remove_artifact"), &json!("old")));
}
