//! What is told of clusters.

use serde_json::{Value, json};

use super::world::World;
use super::{session, with_nonce};
use dispatcher::Limits;

#[tokio::test]
async fn clusters_are_described_with_their_revisions_and_attempts() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    world.until("a", "running").await;
    world.ask("POST /v1/clusters", with_nonce("a", 2)).await;
    let answer = world.ask("GET /v1/clusters/a", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"2\""));
    assert_eq!(
        (answer.header("cache-control"), answer.header("x-content-type-options")),
        ("no-store", "nosniff")
    );
    let json = answer.json();
    assert_eq!(
        (&json["revisions"][0]["number"], &json["attempts"][0]["hostname"]),
        (&json!(2), &json!("localhost"))
    );
    assert_eq!(json["manifest"]["spec"]["restartNonce"], json!(2));

    let first = world.ask("GET /v1/clusters/a/revisions/1", "").await;
    assert_eq!((first.status.as_u16(), &first.json()["spec"]["restartNonce"]), (200, &json!(1)));
    for (path, status) in [
        ("/v1/clusters/b", 404),
        ("/v1/clusters/b/explain", 404),
        ("/v1/clusters/b/logs", 404),
        ("/v1/clusters/a/logs?file=config.yaml", 400),
        ("/v1/clusters/b/revisions/1", 404),
        ("/v1/clusters/a/revisions/9", 404),
        ("/v1/clusters/a/revisions/x", 400),
        ("/v1/clusters/%ff", 400),
        ("/v1/nothing", 404),
        ("/ui/", 404),
    ] {
        let answer = world.ask(&format!("GET {path}"), "").await;
        assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (status, false), "{path}");
    }
    let answer = world.ask("PUT /v1/clusters", "").await;
    assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (405, false));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_left_alone() {
    let world = World::with(Limits::default(), &[("clusters/broken/status", "junk")]).await;
    let clusters = world.ask("GET /v1/clusters", "").await.json();
    assert_eq!((&clusters[0]["name"], &clusters[0]["state"]), (&json!("broken"), &json!("unreadable")));
    let answer = world.ask("GET /v1/clusters/broken", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, ""));
    for (line, body) in [
        ("GET /v1/clusters/broken/revisions/1", String::new()),
        ("PUT /v1/clusters/broken", session("broken")),
        ("DELETE /v1/clusters/broken", String::new()),
    ] {
        let answer = world.ask(line, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().contains("cannot be read")),
            (409, true),
            "{line}"
        );
    }
}

#[tokio::test]
async fn the_audit_is_by_cluster_and_ends() {
    let world = World::new().await;
    for name in ["a", "b"] {
        world.ask("POST /v1/clusters", session(name)).await;
        world.ask(&format!("POST /v1/clusters/{name}/restart"), "").await;
    }
    let verbs = async |query: &str| -> Vec<Value> {
        let audit = world.ask(&format!("GET /v1/audit{query}"), "").await.json();
        let entries = audit.as_array().expect("entries").clone();
        entries.into_iter().map(|entry| json!([entry["cluster"], entry["verb"]])).collect()
    };
    assert_eq!(verbs("?cluster=a").await, [json!(["a", "create"]), json!(["a", "restart"])]);
    assert_eq!(verbs("?last=1").await, [json!(["b", "restart"])]);
    assert_eq!(verbs("").await.len(), 4);
    let first = world.ask("GET /v1/audit", "").await.json()[0]["id"].clone();
    assert_eq!(verbs(&format!("?after={first}")).await.len(), 3);
    assert_eq!(world.ask("GET /v1/audit?clusters=a", "").await.status, 400);
}

/// What a real person writes, with secrets wherever they can be.
#[tokio::test]
async fn no_route_tells_a_secret() {
    let world = World::new().await;
    let manifest = include_str!("../../../tests/data/manifests/15-secrets.yaml");
    let changed = manifest.replace("parallelism: 1", "parallelism: 2").replace("hidden-", "hidden-x");
    let wrong = manifest.replace("flinkVersion: v1_20", "flinkVersion: v9");
    let mut told = Vec::new();
    for (line, body) in [
        ("POST /v1/clusters?dryRun=true", manifest),
        ("POST /v1/clusters", manifest),
        ("POST /v1/clusters", &*changed),
        ("POST /v1/clusters", &*wrong),
        ("PUT /v1/clusters/secrets", manifest),
        ("PUT /v1/clusters/other", manifest),
        ("POST /v1/clusters/secrets/restart", ""),
        ("PATCH /v1/clusters/secrets", r#"{"frozen": true}"#),
        ("GET /v1/clusters", ""),
        ("GET /v1/clusters/secrets", ""),
        ("GET /v1/clusters/secrets/explain", ""),
        ("GET /v1/clusters/secrets/revisions/1", ""),
        ("GET /v1/clusters/secrets/revisions/2", ""),
        ("GET /v1/audit", ""),
        ("GET /v1/events", ""),
        ("GET /v1/queue", ""),
        ("GET /v1/flink-versions", ""),
        ("GET /v1/artifacts", ""),
        ("GET /v1/clusters/secrets/jobs", ""),
        ("GET /metrics", ""),
    ] {
        let answer = world.ask(line, body.to_owned()).await;
        assert!(!answer.text.contains("hidden"), "{line}: {}", answer.text);
        told.push((line, answer.status.as_u16()));
    }
    // Each of them had something to tell.
    let statuses: Vec<_> = told.iter().map(|(_, status)| *status).collect();
    assert_eq!(
        statuses,
        [200, 201, 200, 422, 200, 422, 202, 202, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
        "{told:?}"
    );
}

#[tokio::test]
async fn the_description_has_every_route() {
    let world = World::new().await;
    let document = world.ask("GET /openapi.json", "").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let of = |path: &str| paths[path].as_object().expect("methods").keys().cloned().collect::<Vec<_>>();
    assert_eq!(of("/v1/clusters"), ["get", "post"]);
    assert_eq!(of("/v1/clusters/{name}"), ["get", "put", "delete", "patch"]);
    assert_eq!(of("/v1/artifacts/{digest}"), ["get", "put", "delete"]);
    for path in [
        "/v1/clusters/{name}/revisions/{number}",
        "/v1/clusters/{name}/explain",
        "/v1/clusters/{name}/restart",
        "/v1/artifacts",
        "/v1/audit",
        "/v1/events",
        "/v1/queue",
        "/metrics",
        "/healthz",
        "/readyz",
    ] {
        assert_eq!(of(path).len(), 1, "{path}");
    }
    // What is referred to is there.
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}
