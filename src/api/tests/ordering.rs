//! Orders about clusters that there are.

use serde_json::json;

use super::world::World;
use super::{ask, session, with_nonce};

async fn running() -> World {
    let world = World::new().await;
    assert_eq!(world.ask("POST /v1/clusters", session("a")).await.status, 201);
    world.until("a", "running").await;
    world
}

async fn patched(world: &World, body: &str) -> u16 {
    world.ask("PATCH /v1/clusters/a", body.to_owned()).await.status.as_u16()
}

#[tokio::test]
async fn a_cluster_is_suspended_and_resumed() {
    let world = running().await;
    let answer = world.ask("PATCH /v1/clusters/a", r#"{"suspended": true}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (202, json!({"name": "a", "outcome": "changed"})));
    world.until("a", "suspended").await;
    assert_eq!(patched(&world, r#"{"suspended": true}"#).await, 200);
    let answer = world.ask("POST /v1/clusters/a/restart", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (409, "cluster a is suspended: resume it first".to_owned())
    );
    assert_eq!(patched(&world, r#"{"suspended": false}"#).await, 202);
    world.until("a", "running").await;
}

#[tokio::test]
async fn a_frozen_cluster_is_left_alone() {
    let world = running().await;
    assert_eq!(patched(&world, r#"{"frozen": true}"#).await, 202);
    for (line, body) in [
        ("DELETE /v1/clusters/a", ""),
        ("POST /v1/clusters/a/restart", ""),
        ("PATCH /v1/clusters/a", r#"{"suspended": true}"#),
    ] {
        let answer = world.ask(line, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (409, "cluster a is frozen: thaw it first".to_owned())
        );
    }
    let answer = world.ask("POST /v1/clusters", with_nonce("a", 2)).await;
    assert_eq!(answer.json()["results"][0]["plan"]["waits"], "the cluster is frozen");
    assert_eq!(patched(&world, r#"{"frozen": false}"#).await, 202);
    assert_eq!(patched(&world, r#"{"frozen": false}"#).await, 200);
    let cluster = &world.ask("GET /v1/clusters/a", "").await.json()["cluster"];
    assert_eq!((&cluster["revision"], &cluster["running_revision"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_cluster_that_has_ended_is_restarted_but_not_suspended() {
    let world = running().await;
    world.scheduler.end("a", 163);
    world.until("a", "failed").await;
    let answer = world.ask("PATCH /v1/clusters/a", r#"{"suspended": true}"#).await;
    assert_eq!((answer.status.as_u16(), answer.error().contains("has ended")), (409, true));
    let explanation = world.ask("GET /v1/clusters/a/explain", "").await.json();
    assert_eq!(
        (&explanation["ended"]["code"], &explanation["cluster"]["state"]),
        (&json!(163), &json!("failed"))
    );
    assert_eq!(world.ask("POST /v1/clusters/a/restart", "").await.status, 202);
}

#[tokio::test]
async fn a_cluster_is_deleted_once_its_tasks_have_ended() {
    let world = running().await;
    world.scheduler.hold(true);
    let answer = world.ask("DELETE /v1/clusters/a?dryRun=true", "").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["outcome"]), (200, &json!("changed")));
    assert_eq!(world.ask("DELETE /v1/clusters/a", "").await.status, 202);
    assert_eq!(world.ask("DELETE /v1/clusters/a", "").await.status, 200);
    for (line, body) in [
        ("POST /v1/clusters", session("a")),
        ("PUT /v1/clusters/a", with_nonce("a", 2)),
        ("POST /v1/clusters/a/restart", String::new()),
        ("PATCH /v1/clusters/a", r#"{"frozen": true}"#.to_owned()),
    ] {
        let answer = world.ask(line, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().contains("is being deleted")),
            (409, true),
            "{line}"
        );
    }
    world.scheduler.hold(false);
    world.until_gone("a").await;
    assert_eq!(world.ask("DELETE /v1/clusters/a", "").await.status, 404);
    assert_eq!(world.ask("POST /v1/clusters", session("a")).await.status, 201);
}

#[tokio::test]
async fn orders_can_expect_a_revision() {
    let world = running().await;
    let (other, own) = ([("if-match", "\"2\"")], [("if-match", "\"1\"")]);
    for (line, body) in [
        ("PATCH /v1/clusters/a", r#"{"frozen": false}"#),
        ("POST /v1/clusters/a/restart", ""),
        ("DELETE /v1/clusters/a", ""),
    ] {
        assert_eq!(ask(&world.routes, line, &other, body).await.status, 412, "{line}");
        assert_eq!(ask(&world.routes, line, &[("if-match", "2")], body).await.status, 400, "{line}");
        let answer = ask(&world.routes, line, &own, body).await;
        assert!(answer.status.is_success(), "{line}: {answer:?}");
        let unknown = line.replace("/a", "/b");
        assert_eq!(ask(&world.routes, &unknown, &[], body).await.status, 404, "{line}");
        assert_eq!(ask(&world.routes, &unknown, &[("if-match", "*")], body).await.status, 412, "{line}");
    }
}

#[tokio::test]
async fn a_patch_is_one_of_two() {
    let world = running().await;
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("\u{fffd}", 400),
        ("{}", 422),
        ("[]", 422),
        (r#"{"suspended": "yes"}"#, 422),
        (r#"{"suspended": true, "frozen": true}"#, 422),
        (r#"{"paused": true}"#, 422),
    ] {
        let answer = world.ask("PATCH /v1/clusters/a", body).await;
        assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (status, false), "{body}");
    }
    assert_eq!(world.ask("PATCH /v1/clusters/a", vec![b'x', 0xff]).await.status, 400);
}
