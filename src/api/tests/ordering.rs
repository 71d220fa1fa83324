//! Orders about clusters that there are.

use domain::carried::Carried;
use serde_json::json;

use dispatcher::{Asker, Dispatcher, Timestamp};

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
        ("POST /v1/clusters/a/taskmanagers/tm-1/restart", ""),
        ("PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef", r#"{"jarURI": "local:///a.jar"}"#),
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
        ("POST /v1/clusters/a/taskmanagers/tm-1/restart", ""),
        ("PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef", r#"{"jarURI": "local:///a.jar"}"#),
        ("POST /v1/clusters/a/scale?dryRun=true", r#"{"taskmanagers": 2}"#),
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

#[tokio::test]
async fn a_number_of_taskmanagers_is_another_revision() {
    let world = running().await;
    let line = "POST /v1/clusters/a/scale";
    let answer = world.ask(&format!("{line}?dryRun=true"), r#"{"taskmanagers": 3}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["outcome"]), (200, &json!("changed")));
    let answer = world.ask(&format!("{line}?message=evening"), r#"{"taskmanagers": 3}"#).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (202, "\"2\""));
    let plan = answer.json();
    assert_eq!(
        (&plan["revision"], &plan["begins_anew"], &plan["waits"]),
        (&json!(2), &json!(false), &json!(null))
    );
    assert_eq!(plan["changes"][0]["field"], "spec.taskManager.replicas");
    let answer = world.ask(line, r#"{"taskmanagers": 3}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["outcome"]), (200, &json!("unchanged")));
    let description = world.ask("GET /v1/clusters/a", "").await.json();
    assert_eq!(description["manifest"]["spec"]["taskManager"]["replicas"], 3);
    let pending = &description["pending"];
    assert_eq!((&pending[0]["order"], &pending[0]["taskmanagers"]), (&json!("scale"), &json!(3)));
    let audit = world.ask("GET /v1/audit", "").await.json();
    assert_eq!((&audit[1]["verb"], &audit[1]["message"]), (&json!("change"), &json!("evening")));
    assert_eq!(world.ask("PATCH /v1/clusters/a", r#"{"frozen": true}"#).await.status, 202);
    let answer = world.ask(line, r#"{"taskmanagers": 4}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["waits"]), (202, &json!("the cluster is frozen")));
    for (body, status) in [
        (r#"{"taskmanagers": 0}"#, 422),
        (r#"{"taskmanagers": 10001}"#, 422),
        (r#"{"taskmanagers": -1}"#, 422),
        (r#"{"taskmanager": 1}"#, 422),
        ("", 400),
    ] {
        assert_eq!(world.ask(line, body).await.status, status, "{body}");
    }
    let answer = world.ask(line, r#"{"taskmanagers": 0}"#).await;
    assert_eq!(answer.fields().keys().collect::<Vec<_>>(), ["spec.taskManager.replicas"]);
}

#[tokio::test]
async fn a_restart_of_a_taskmanager_is_pending_until_its_appmaster_says_what_came_of_it() {
    let world = running().await;
    let line = "POST /v1/clusters/a/taskmanagers/tm-1/restart";
    assert_eq!(world.ask(line, "").await.status, 202);
    assert_eq!(world.ask(line, "").await.status, 200);
    let answer = world.ask("POST /v1/clusters/a/taskmanagers/a%20b/restart", "").await;
    assert_eq!((answer.status.as_u16(), answer.error().contains("\"a b\"")), (422, true));
    let told = world.handle.instructions().borrow().clone();
    let due = told.due("a-1-1", Asker::Alone, Timestamp(u64::MAX));
    assert_eq!(due.orders.iter().map(|order| order.id).collect::<Vec<_>>(), [1]);
    let outcome =
        |core: &mut Dispatcher, now: Timestamp| core.handle_outcome("a-1-1", 1, &Carried::Done, now);
    assert_eq!(world.handle.ask_leader(outcome).await, Ok(true));
    assert!(world.handle.instructions().borrow().is_empty());
    let description = world.ask("GET /v1/clusters/a", "").await.json();
    assert_eq!(description["pending"], json!(null));
    assert_eq!(description["events"][0]["text"], "TaskManager tm-1 is being replaced");
}

#[tokio::test]
async fn a_job_is_pending_until_the_appmaster_says_what_came_of_it() {
    let world = running().await;
    let line = "PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef";
    let body = r#"{"jarURI": "local:///a.jar", "args": ["--word=sesame"], "parallelism": 2}"#;
    assert_eq!(world.ask(&format!("{line}?dryRun=true"), body).await.status, 200);
    assert_eq!(world.ask(line, body).await.status, 202);
    assert_eq!(world.ask(line, body).await.status, 200);
    assert_eq!(world.ask(line, r#"{"jarURI": "local:///b.jar"}"#).await.status, 409);
    for (line, body, status) in [
        ("PUT /v1/clusters/a/jobs/1", r#"{"jarURI": "local:///a.jar"}"#.to_owned(), 422),
        (line, r#"{"jarUri": "local:///a.jar"}"#.to_owned(), 422),
        (line, "{}".to_owned(), 422),
        (
            "PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcde0",
            format!(r#"{{"jarURI": "local:///{}"}}"#, "x".repeat(20_000)),
            413,
        ),
    ] {
        let answer = world.ask(line, body).await;
        assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (status, false), "{line}");
    }
    let job = world.ask("GET /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef", "").await.json();
    assert_eq!((&job["state"], &job["jar"]), (&json!("pending"), &json!("local:///a.jar")));
    let told = world.handle.instructions().borrow().clone();
    assert_eq!(told.due("a-1-1", Asker::Alone, Timestamp(u64::MAX)).orders.len(), 1);
    let why = "no class Main".to_owned();
    let outcome = |core: &mut Dispatcher, now: Timestamp| {
        core.handle_outcome("a-1-1", 1, &Carried::Refused { why }, now)
    };
    assert_eq!(world.handle.ask_leader(outcome).await, Ok(true));
    let jobs = world.ask("GET /v1/clusters/a/jobs", "").await.json();
    assert_eq!((&jobs[0]["state"], &jobs[0]["why"]), (&json!("refused"), &json!("no class Main")));
    let description = world.ask("GET /v1/clusters/a", "").await;
    assert!(!description.text.contains("sesame"), "{}", description.text);
    assert_eq!(world.ask("GET /v1/clusters/a/jobs/1", "").await.status, 404);
    assert_eq!(world.ask("GET /v1/clusters/b/jobs", "").await.status, 404);
}

#[tokio::test]
async fn a_session_with_jobs_ends_only_if_somebody_insists() {
    let world = World::new().await;
    for (name, text) in [
        ("busy", "1 job runs in session busy"),
        ("silent", "it is not known how many jobs run in session silent"),
    ] {
        assert_eq!(world.ask("POST /v1/clusters", session(name)).await.status, 201);
        world.until(name, "running").await;
        for (method, body) in [("DELETE", ""), ("PATCH", r#"{"suspended": true}"#)] {
            for query in ["", "?dryRun=true", "?force=false"] {
                let answer = world.ask(&format!("{method} /v1/clusters/{name}{query}"), body).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.error().starts_with(text)),
                    (409, true),
                    "{answer:?}"
                );
            }
        }
        let line = format!("PATCH /v1/clusters/{name}?force=true");
        assert_eq!(world.ask(&line, r#"{"frozen": false}"#).await.status, 400);
        assert_eq!(world.ask(&line, r#"{"suspended": true}"#).await.status, 202);
        world.until(name, "suspended").await;
        // Nothing runs any more.
        assert_eq!(world.ask(&format!("DELETE /v1/clusters/{name}"), "").await.status, 202);
    }
}
