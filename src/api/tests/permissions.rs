//! What each token allows, and what none does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use access::{Defaults, Entry, Role, Tokens};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use serde_json::Value;

use super::callers::bare;
use super::world::World;
use super::{Answer, ask, call, session};
use crate::caller;

/// Tokens by their names, which are the tokens too.
const ENTRIES: [(&str, Role, &[&str], &[&str]); 5] = [
    ("view", Role::View, &[], &[]),
    ("edit", Role::Edit, &[], &[]),
    ("one", Role::Edit, &["team/one/*"], &["flink", "ann"]),
    ("two", Role::Edit, &["team/two"], &["flink"]),
    ("admin", Role::Admin, &[], &[]),
];

pub fn entries() -> String {
    let texts = ENTRIES.iter().map(|(name, role, mesos_roles, users)| {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let (mesos_roles, users) = (owned(mesos_roles), owned(users));
        Entry { name: (*name).to_owned(), role: *role, mesos_roles, users, expires: None }.text(name)
    });
    let old = Entry {
        name: "old".to_owned(),
        role: Role::Admin,
        mesos_roles: Vec::new(),
        users: Vec::new(),
        expires: Some("2026-01-01T00:00:00Z".to_owned()),
    };
    format!("tokens:\n{}{}", texts.collect::<String>(), old.text("old"))
}

pub fn parsed(text: &str) -> Tokens {
    let defaults = Defaults { roles: vec!["flink".to_owned()], user: Some("flink".to_owned()) };
    Tokens::parse(text, &Arc::new(defaults)).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// A port that knows these tokens, and whose tokens can be changed.
struct Port {
    world: World,
    routes: Router,
    tokens: Arc<Mutex<Tokens>>,
}

impl Port {
    async fn new() -> Self {
        let world = World::new().await;
        let tokens = Arc::new(Mutex::new(parsed(&entries())));
        let known = Arc::clone(&tokens);
        // 2026-11-29
        let find = move |token: &str| {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.find(token, 1_795_910_400_000).cloned()
        };
        let routes = caller::by_port(bare(&world), Some(Arc::new(find)));
        Self { world, routes, tokens }
    }

    async fn ask(&self, token: &str, line: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer)];
        ask(&self.routes, line, &headers[..usize::from(!token.is_empty())], body.to_owned()).await
    }

    async fn status(&self, token: &str, line: &str, body: &str) -> u16 {
        self.ask(token, line, body).await.status.as_u16()
    }
}

/// A session with this for `spec.mesos`.
pub fn of(name: &str, mesos: &str) -> String {
    let image = if mesos.contains("docker") { "  image: flink:1.20\n" } else { "" };
    format!("{}{image}  mesos: {{{mesos}}}\n", session(name))
}

pub const ONE: &str = "role: team/one/etl, user: ann";
const TWO: &str = "role: team/two";

/// What is asked of each route, and whether it changes anything.
fn questions() -> BTreeMap<(&'static str, &'static str), (&'static str, bool)> {
    BTreeMap::from([
        (("get", "/v1/clusters"), ("", false)),
        (("post", "/v1/clusters"), ("MANIFEST", true)),
        (("get", "/v1/clusters/{name}"), ("", false)),
        (("put", "/v1/clusters/{name}"), ("MANIFEST", true)),
        (("patch", "/v1/clusters/{name}"), ("{\"frozen\": false}", true)),
        (("delete", "/v1/clusters/{name}"), ("", true)),
        (("get", "/v1/clusters/{name}/revisions/{number}"), ("", false)),
        (("get", "/v1/clusters/{name}/explain"), ("", false)),
        (("get", "/v1/clusters/{name}/logs"), ("", false)),
        (("post", "/v1/clusters/{name}/restart"), ("", true)),
        (("post", "/v1/clusters/{name}/scale"), ("{\"taskmanagers\": 2}", true)),
        (("post", "/v1/clusters/{name}/taskmanagers/{id}/restart"), ("", true)),
        (("get", "/v1/clusters/{name}/jobs"), ("", false)),
        (("get", "/v1/clusters/{name}/jobs/{id}"), ("", false)),
        (("put", "/v1/clusters/{name}/jobs/{id}"), ("{\"jarURI\": \"local:///a.jar\"}", true)),
        (("post", "/v1/clusters/{name}/ui"), ("", false)),
        (("delete", "/v1/tickets"), ("", false)),
        (("get", "/v1/artifacts"), ("", false)),
        (("get", "/v1/artifacts/{digest}"), ("", false)),
        (("put", "/v1/artifacts/{digest}"), ("", true)),
        (("delete", "/v1/artifacts/{digest}"), ("", true)),
        (("get", "/v1/audit"), ("", false)),
        (("get", "/v1/queue"), ("", false)),
        (("get", "/v1/flink-versions"), ("", false)),
        (("get", "/metrics"), ("", false)),
        (("get", "/v1/events"), ("", false)),
    ])
}

#[tokio::test]
async fn each_route_has_its_rule() {
    let port = Port::new().await;
    let document = port.ask("", "GET /openapi.json", "").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods").keys();
            methods.map(move |method| (method.as_str(), path.as_str()))
        })
        .filter(|(_, path)| !["/", "/healthz", "/readyz"].contains(path))
        .collect();
    let questions = questions();
    assert_eq!(described, questions.keys().copied().collect(), "a route without a rule");
    assert_eq!(port.status("admin", "POST /v1/clusters", &session("a")).await, 201);
    let job = "/v1/clusters/a/jobs/0123456789abcdef0123456789abcdef";
    assert_eq!(port.status("admin", &format!("PUT {job}"), "{\"jarURI\": \"local:///a.jar\"}").await, 202);
    for ((method, path), (body, changes)) in questions {
        let dry = if changes { "?dryRun=true" } else { "" };
        let path_of_a = path
            .replace("{name}", "a")
            .replace("{number}", "1")
            .replace("jobs/{id}", "jobs/0123456789abcdef0123456789abcdef")
            .replace("{id}", "tm-1");
        let path_of_a = path_of_a.replace("{digest}", &"0a".repeat(32));
        let line = format!("{} {path_of_a}{dry}", method.to_uppercase());
        let body = body.replace("MANIFEST", &session("a"));
        let good = match (method, path) {
            (_, "/v1/tickets") => 204,
            // There is none.
            ("get" | "delete", "/v1/artifacts/{digest}") => 404,
            // There is no Mesos.
            (_, "/v1/clusters/{name}/logs") => 503,
            _ => 200,
        };
        let operation = &document["paths"][path][method];
        for (token, expected) in [
            ("", 401),
            ("forged", 401),
            ("old", 401),
            ("view", if changes { 403 } else { good }),
            // Cluster `a` is of the dispatcher's own role, and artifacts are of none.
            ("one", if changes && !path.starts_with("/v1/artifacts") { 403 } else { good }),
            ("edit", good),
            ("admin", good),
        ] {
            let answer = port.ask(token, &line, &body).await;
            assert_eq!(answer.status.as_u16(), expected, "{token} {line}: {}", answer.text);
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, if expected == 401 { "Bearer" } else { "" }, "{token} {line}");
            assert!(operation["responses"][expected.to_string()].is_object(), "{line} {expected}");
        }
        assert_eq!(operation["security"][1]["token"], Value::Array(Vec::new()), "{line}");
    }
    let scheme = &document["components"]["securitySchemes"]["token"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&Value::from("http"), &Value::from("bearer")));
    for line in ["GET /", "GET /healthz", "GET /readyz"] {
        assert_eq!(port.status("", line, "").await, 200, "{line}");
    }
}

#[tokio::test]
async fn nothing_but_one_bearer_token_is_one() {
    let port = Port::new().await;
    for (headers, status) in [
        (&[("authorization", "Bearer view")][..], 200),
        (&[("authorization", "bearer  view ")], 200),
        (&[("authorization", "Bearer view"), ("authorization", "Bearer view")], 401),
        (&[("authorization", "Basic view")], 401),
        (&[("authorization", "Bearer")], 401),
        (&[("authorization", "Bearer ")], 401),
        (&[("authorization", "view")], 401),
        (&[("authorization", "Bearer view admin")], 401),
        (&[("cookie", "token=view")], 401),
    ] {
        assert_eq!(ask(&port.routes, "GET /v1/clusters", headers, "").await.status, status, "{headers:?}");
    }
    assert_eq!(port.status("", "GET /v1/clusters?token=view", "").await, 401);
    // Where nobody has a token none is taken for one.
    let routes = caller::by_port(bare(&port.world), None);
    let answer = ask(&routes, "GET /v1/clusters", &[("authorization", "Bearer view")], "").await;
    assert_eq!((answer.status.as_u16(), answer.error().contains("dispatcher.tokens")), (401, true));
}

#[tokio::test]
async fn clusters_are_created_within_the_roles_and_users_of_a_token() {
    let port = Port::new().await;
    let role = "spec.mesos.role";
    let user = "spec.mesos.user";
    for (token, mesos, denied) in [
        ("edit", "", None),
        ("edit", "role: flink, user: flink", None),
        ("edit", ONE, Some(role)),
        ("edit", "user: root", Some(user)),
        ("edit", "role: '*'", Some(role)),
        ("one", ONE, None),
        ("one", "role: team/one", None),
        ("one", "role: team/ones", Some(role)),
        ("one", TWO, Some(role)),
        ("one", "", Some(role)),
        ("one", "role: team/one, user: root", Some(user)),
        ("admin", "role: any/where, user: root", None),
        // Docker's own way to another user.
        (
            "one",
            "role: team/one, container: {type: docker, parameters: [{key: user, value: root}]}",
            Some(user),
        ),
        ("one", "role: team/one, container: {type: docker, parameters: [{key: user, value: ann}]}", None),
    ] {
        for line in ["POST /v1/clusters?dryRun=true", "PUT /v1/clusters/a?dryRun=true"] {
            let answer = port.ask(token, line, &of("a", mesos)).await;
            let fields = answer.fields();
            let found = (answer.status.as_u16(), fields.keys().next().map(String::as_str));
            let expected = denied.map_or((200, None), |field| (403, Some(field)));
            assert_eq!(found, expected, "{token} {mesos}: {}", answer.text);
        }
    }
    assert_eq!(port.world.ask("GET /v1/audit", "").await.text, "[]");
}

#[tokio::test]
async fn docker_parameters_of_the_configuration_choose_no_user() {
    let port = Port::new().await;
    let key = "mesos.resourcemanager.tasks.container.docker.parameters";
    let with = |value: &str| {
        let manifest = of("a", "role: team/one, container: {type: docker}");
        manifest.replace("flinkConfiguration: {", &format!("flinkConfiguration: {{{key}: '{value}', "))
    };
    let line = "POST /v1/clusters?dryRun=true";
    assert_eq!(port.status("one", line, &with("user=root")).await, 403);
    assert_eq!(port.status("one", line, &with("hostname=x,user=ann")).await, 200);
    assert_eq!(port.status("one", line, &with("hostname=x,user=ann,user=root")).await, 403);
}

#[tokio::test]
async fn clusters_of_others_are_left_alone() {
    let port = Port::new().await;
    assert_eq!(port.status("one", "POST /v1/clusters", &of("a", ONE)).await, 201);
    for (line, body) in [
        ("POST /v1/clusters/a/restart", String::new()),
        ("POST /v1/clusters/a/scale", "{\"taskmanagers\": 2}".to_owned()),
        ("POST /v1/clusters/a/taskmanagers/tm-1/restart", String::new()),
        (
            "PUT /v1/clusters/a/jobs/0123456789abcdef0123456789abcdef",
            "{\"jarURI\": \"local:///a.jar\"}".to_owned(),
        ),
        ("DELETE /v1/clusters/a?force=true", String::new()),
        ("PATCH /v1/clusters/a", "{\"suspended\": true}".to_owned()),
        ("PATCH /v1/clusters/a", "{\"frozen\": true}".to_owned()),
        ("DELETE /v1/clusters/a", String::new()),
        ("DELETE /v1/clusters/a?dryRun=true", String::new()),
        // To a role of their own neither.
        ("POST /v1/clusters", of("a", TWO)),
        ("PUT /v1/clusters/a", of("a", TWO)),
        ("PUT /v1/clusters/a?dryRun=true", of("a", TWO)),
        // What is wrong with it is no matter of theirs.
        ("POST /v1/clusters", of("a", "role: team/two, rolle: x")),
    ] {
        let answer = port.ask("two", line, &body).await;
        let expected = "cluster a: token two may not take the Mesos role team/one/etl; it may take team/two";
        let error = match answer.json()["results"][0]["error"].as_str() {
            Some(error) => error.to_owned(),
            None => answer.error(),
        };
        assert_eq!((answer.status.as_u16(), &*error), (403, expected), "{line}");
    }
    // Nor can its owner give it away to where he may not go himself.
    assert_eq!(port.status("one", "POST /v1/clusters", &of("a", TWO)).await, 403);
    let audit = port.world.ask("GET /v1/audit", "").await.json();
    assert_eq!(audit.as_array().map(Vec::len), Some(1));
    assert_eq!((&audit[0]["user"], &audit[0]["verb"]), (&Value::from("one"), &Value::from("create")));
    assert_eq!(port.status("one", "DELETE /v1/clusters/a", "").await, 202);
}

#[tokio::test]
async fn both_what_runs_and_what_was_applied_last_count() {
    let port = Port::new().await;
    assert_eq!(port.status("one", "POST /v1/clusters", &of("a", ONE)).await, 201);
    port.world.until("a", "running").await;
    assert_eq!(port.status("one", "PATCH /v1/clusters/a", "{\"frozen\": true}").await, 202);
    // It waits, and what runs is as it was.
    assert_eq!(port.status("admin", "POST /v1/clusters", &of("a", TWO)).await, 200);
    for token in ["one", "two"] {
        assert_eq!(port.status(token, "PATCH /v1/clusters/a", "{\"frozen\": false}").await, 403, "{token}");
    }
    assert_eq!(port.status("admin", "PATCH /v1/clusters/a", "{\"frozen\": false}").await, 202);
    assert_eq!(port.status("one", "POST /v1/clusters/a/restart", "").await, 403);
    assert_eq!(port.status("two", "POST /v1/clusters/a/restart", "").await, 202);
}

#[tokio::test]
async fn each_of_several_documents_is_for_itself() {
    let port = Port::new().await;
    let text = [of("a", ONE), of("b", TWO), of("c", "role: team/one")].join("---\n");
    let answer = port.ask("one", "POST /v1/clusters", &text).await;
    let json = answer.json();
    let statuses: Vec<_> = (0..3).map(|index| &json["results"][index]["status"]).collect();
    assert_eq!((answer.status.as_u16(), statuses), (403, [201, 403, 201].map(Value::from).iter().collect()));
    let clusters = port.world.ask("GET /v1/clusters", "").await.json();
    let names: Vec<_> = clusters.as_array().into_iter().flatten().map(|cluster| &cluster["name"]).collect();
    assert_eq!(names, ["a", "c"]);
}

#[tokio::test]
async fn a_token_counts_no_more_once_it_is_taken_away() {
    let port = Port::new().await;
    assert_eq!(port.status("edit", "GET /v1/clusters", "").await, 200);
    *port.tokens.lock().expect("no panic") = parsed(&entries().replace("\"edit\"", "\"other\""));
    assert_eq!(port.status("edit", "POST /v1/clusters", &session("a")).await, 201);
    let audit = port.world.ask("GET /v1/audit", "").await.json();
    assert_eq!(audit[0]["user"], "other");
    *port.tokens.lock().expect("no panic") = parsed("tokens: []");
    assert_eq!(port.status("edit", "GET /v1/clusters", "").await, 401);
}

#[tokio::test]
async fn a_stream_tells_nothing_more_once_its_token_is_taken_away() {
    let port = Port::new().await;
    assert_eq!(port.status("edit", "POST /v1/clusters", &session("a")).await, 201);
    port.world.until("a", "running").await;
    let request = Request::get("/v1/events").header("accept", "text/event-stream");
    let request = request.header("authorization", "Bearer view").body(Body::empty()).expect("a request");
    let mut chunks = call(&port.routes, request).await.into_body().into_data_stream();
    let first = chunks.next().await.expect("an event").expect("a chunk");
    assert!(first.starts_with(b"event: event"), "{first:?}");
    *port.tokens.lock().expect("no panic") = parsed("tokens: []");
    port.world.ask("POST /v1/clusters", session("later")).await;
    while let Some(chunk) = chunks.next().await {
        let chunk = String::from_utf8(chunk.expect("a chunk").into()).expect("text");
        assert!(!chunk.contains("later"), "{chunk}");
    }
}
