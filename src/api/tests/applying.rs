//! Specifications that are handed in, in all the ways in which they can be wrong.

use serde_json::json;

use super::world::World;
use super::{Answer, ask, session, with_nonce};
use dispatcher::Limits;

async fn post(world: &World, body: impl Into<axum::body::Body>) -> Answer {
    world.ask("POST /v1/clusters", body).await
}

async fn put(world: &World, name: &str, headers: &[(&str, &str)], body: String) -> Answer {
    ask(&world.routes, &format!("PUT /v1/clusters/{name}"), headers, body).await
}

#[tokio::test]
async fn a_cluster_is_created_compared_and_changed() {
    let world = World::new().await;
    let answer = world.ask("POST /v1/clusters?dryRun=true", session("a")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["results"][0]["plan"]["outcome"]),
        (200, &json!("created"))
    );
    assert_eq!(world.ask("GET /v1/clusters/a", "").await.status, 404);

    let answer = world.ask("POST /v1/clusters?message=first%20try", session("a")).await;
    let result = &answer.json()["results"][0];
    assert_eq!((answer.status.as_u16(), &result["status"], &result["name"]), (201, &json!(201), &json!("a")));
    assert_eq!((&result["plan"]["revision"], &answer.json()["error"]), (&json!(1), &json!(null)));
    world.until("a", "running").await;

    let answer = post(&world, session("a")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["results"][0]["plan"]["outcome"]),
        (200, &json!("unchanged"))
    );

    let answer = post(&world, with_nonce("a", 2)).await;
    let plan = &answer.json()["results"][0]["plan"];
    assert_eq!(
        (answer.status.as_u16(), &plan["outcome"], &plan["revision"]),
        (200, &json!("changed"), &json!(2))
    );
    let fields: Vec<_> =
        plan["changes"].as_array().expect("changes").iter().map(|change| &change["field"]).collect();
    assert_eq!(fields, ["spec.flinkConfiguration.security.ssl.rest.key-password", "spec.restartNonce"]);

    let audit = world.ask("GET /v1/audit", "").await.json();
    assert_eq!((&audit[0]["verb"], &audit[0]["message"]), (&json!("create"), &json!("first try")));
    assert_eq!((&audit[1]["user"], &audit[1]["from"]), (&json!("ann"), &json!("here")));
}

#[tokio::test]
async fn each_document_is_for_itself() {
    let world = World::new().await;
    let wrong = session("b").replace("flinkVersion", "flinkVersoin");
    let answer = post(&world, format!("{}---\n{wrong}---\n{}", session("a"), session("c"))).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (422, "1 of 3 documents are refused".to_owned()));
    let json = answer.json();
    let statuses: Vec<_> = (0..3).map(|index| &json["results"][index]["status"]).collect();
    assert_eq!(statuses, [&json!(201), &json!(422), &json!(201)]);
    let fields = json["results"][1]["fields"].as_array().expect("fields");
    let unknown = fields.iter().find(|field| field["field"] == "spec.flinkVersoin").expect("told");
    // Ten lines are the first document's, with what separates them.
    assert_eq!(unknown["line"], json!(15));
    assert_eq!(json["results"][1]["name"], json!("b"));
    let clusters = world.ask("GET /v1/clusters", "").await.json();
    assert_eq!((&clusters[0]["name"], &clusters[1]["name"]), (&json!("a"), &json!("c")));
}

#[tokio::test]
async fn one_document_has_its_own_reason() {
    let world = World::new().await;
    let answer = post(&world, session("A_b")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fields().contains_key("metadata.name"), "{answer:?}");
    assert!(answer.error().contains("metadata.name (line 3)"), "{answer:?}");
    let answer = post(&world, session("a").replace("v1_20", "v1_2")).await;
    assert_eq!((answer.status.as_u16(), answer.fields().contains_key("spec.flinkVersion")), (422, true));
    let answer = post(&world, session("a").replace("v1_20", "v1_19")).await;
    let reason = "this dispatcher has no v1_19, expected one of v1_20, v2_3, or an image in spec.image";
    assert_eq!(
        (answer.status.as_u16(), answer.fields().get("spec.flinkVersion").map(String::as_str)),
        (422, Some(reason))
    );
}

#[tokio::test]
async fn warnings_come_with_the_plan() {
    let world = World::new().await;
    let answer = post(&world, session("a") + "  serviceAccount: flink\n").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["results"][0]["warnings"][0]["field"]),
        (201, &json!("spec.serviceAccount"))
    );
}

#[tokio::test]
async fn a_name_that_two_documents_have_is_refused_for_both() {
    let world = World::new().await;
    let answer =
        post(&world, format!("{}---\n{}---\n{}", session("a"), session("b"), with_nonce("a", 2))).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (422, "2 of 3 documents are refused".to_owned()));
    let json = answer.json();
    for index in [0, 2] {
        let error = &json["results"][index]["error"];
        assert_eq!(error, "documents 1 and 3 name the same cluster, a");
        assert_eq!(json["results"][index]["fields"][0]["field"], "metadata.name");
    }
    assert_eq!(world.ask("GET /v1/clusters/a", "").await.status, 404);
    assert_eq!(world.ask("GET /v1/clusters/b", "").await.status, 200);
}

#[tokio::test]
async fn bodies_that_are_no_manifests_are_refused() {
    let world = World::new().await;
    for (body, status, error) in [
        (b"".to_vec(), 400, "there is no manifest in it"),
        (b"# nothing\n---\n".to_vec(), 400, "there is no manifest in it"),
        (b"a: \xff\xfe".to_vec(), 400, "the body is not UTF-8: byte 3 is part of no character"),
        (b"a: 1\nb: [".to_vec(), 400, "line 2: "),
        (b"{\"kind\":".to_vec(), 400, "line 1: "),
        (b"just text".to_vec(), 422, ""),
        (b"kind: FlinkSessionJob".to_vec(), 422, "FlinkSessionJob is not supported yet"),
        (vec![b'#'; manifest::MAX_BYTES + 1], 413, "the body is longer than the 4194304 bytes that are read"),
    ] {
        for line in ["POST /v1/clusters", "PUT /v1/clusters/a"] {
            let answer = world.ask(line, body.clone()).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(answer.error().contains(error), "{answer:?}");
        }
    }
    assert_eq!(world.ask("GET /v1/clusters", "").await.json(), json!([]));
}

#[tokio::test]
async fn a_document_that_cannot_be_kept_is_too_large() {
    let world = World::new().await;
    let large = session("a") + &format!("  image: {}\n", "x".repeat(300 << 10));
    for line in ["POST /v1/clusters", "PUT /v1/clusters/a"] {
        let answer = world.ask(line, large.clone()).await;
        assert_eq!(answer.status, 413, "{}", answer.error());
        assert!(answer.fields()["spec"].contains("262144"), "{:?}", answer.fields());
    }
    // Beside others it concerns itself alone.
    let answer = post(&world, format!("{large}---\n{}", session("b"))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["results"][1]["status"]), (413, &json!(201)));
}

#[tokio::test]
async fn a_cluster_is_put_by_its_name_and_revision() {
    let world = World::new().await;
    let none = [("if-none-match", "*")];
    let answer = put(&world, "a", &none, session("a")).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (201, "\"1\""));
    let answer = put(&world, "a", &none, with_nonce("a", 2)).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (409, "cluster a exists already".to_owned()));
    let answer = put(&world, "a", &[("if-match", "\"7\"")], with_nonce("a", 2)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (412, "cluster a is at revision 1, and 7 was expected".to_owned())
    );
    let answer = put(&world, "a", &[("if-match", "\"1\"")], with_nonce("a", 2)).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"2\""));
    let answer = put(&world, "a", &[("if-match", "*")], with_nonce("a", 3)).await;
    assert_eq!((answer.status.as_u16(), answer.header("etag")), (200, "\"3\""));
    assert_eq!(world.ask("GET /v1/clusters/a", "").await.header("etag"), "\"3\"");

    let answer = put(&world, "b", &[("if-match", "*")], session("b")).await;
    assert_eq!(answer.status, 412);
    let answer = put(&world, "b", &[("if-match", "\"1\"")], session("b")).await;
    assert_eq!(answer.status, 404);
    let answer = put(&world, "b", &[("if-match", "1")], session("b")).await;
    assert_eq!(answer.status, 400);
    let answer = put(&world, "b", &[], session("c")).await;
    assert_eq!((answer.status.as_u16(), answer.fields().contains_key("metadata.name")), (422, true));
    let answer = put(&world, "b", &[], format!("{}---\n{}", session("b"), session("c"))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(world.ask("GET /v1/clusters", "").await.json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_revision_is_expected_of_one_document_alone() {
    let world = World::new().await;
    let two = format!("{}---\n{}", session("a"), session("b"));
    let answer = ask(&world.routes, "POST /v1/clusters", &[("if-match", "\"1\"")], two).await;
    assert_eq!(answer.status, 400);
    let answer = ask(&world.routes, "POST /v1/clusters", &[("if-none-match", "*")], session("a")).await;
    assert_eq!(answer.status, 201);
    let answer = ask(&world.routes, "POST /v1/clusters", &[("if-match", "\"2\"")], with_nonce("a", 2)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["results"][0]["status"]), (412, &json!(412)));
}

#[tokio::test]
async fn a_misspelt_parameter_is_no_order() {
    let world = World::new().await;
    for query in ["dryrun=true", "dryRun=maybe", "dryRun", "messages=x"] {
        let answer = world.ask(&format!("POST /v1/clusters?{query}"), session("a")).await;
        assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (400, false), "{query}");
    }
    let long = "x".repeat(1025);
    let answer = world.ask(&format!("POST /v1/clusters?message={long}"), session("a")).await;
    assert_eq!((answer.status.as_u16(), answer.fields().contains_key("message")), (400, true));
    assert_eq!(world.ask("GET /v1/clusters/a", "").await.status, 404);
}

#[tokio::test]
async fn limits_are_kept() {
    let world = World::with(Limits { clusters: 1, app_masters: 2, ..Limits::default() }, &[]).await;
    let replicas = session("a").replace("jobManager: {", "jobManager: {replicas: 3, ");
    let answer = post(&world, replicas).await;
    assert_eq!(
        (answer.status.as_u16(), answer.fields().contains_key("spec.jobManager.replicas")),
        (422, true)
    );
    assert_eq!(post(&world, session("a")).await.status, 201);
    let answer = post(&world, session("b")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (409, "there are 1 clusters, and no more can be kept".to_owned())
    );
}
