//! What is handed on to JobManagers, and what is not. The JobManager here tells what it was asked.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use access::Tokens;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, Uri};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::permissions::{ONE, entries, of, parsed};
use super::world::World;
use super::{Answer, ask, call, jobmanagers, scheduling, session, told};
use crate::standing::{self, DispatcherStanding, DispatcherStandings};
use crate::{AppMaster, AppMasters, Sources, caller, router};
use manifest::Circumstances;
use serve::{Closing, Listening, Peer};

/// What a JobManager was asked.
struct Asked {
    line: String,
    headers: HeaderMap,
    bytes: usize,
}

type Log = Arc<Mutex<Vec<Asked>>>;

struct JobManager {
    url: String,
    log: Log,
}

impl JobManager {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        let log = Log::default();
        let seen = Arc::clone(&log);
        let routes =
            Router::new().fallback(async move |method: Method, uri: Uri, headers: HeaderMap, body: Body| {
                let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body").len();
                let line = format!("{method} {uri}");
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(Asked { line, headers, bytes });
                answer(uri.path())
            });
        tokio::spawn(serve::serve(Listening::new(listener, "JobManager"), routes));
        Self { url, log }
    }

    fn last(&self) -> Asked {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("it was asked")
    }

    fn was_asked(&self) -> bool {
        !self.log.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

fn answer(path: &str) -> Response {
    match path {
        "/" => Html("<html><head><title>Flink</title></head></html>").into_response(),
        "/moved" => Redirect::temporary("/jobs/overview?a=b").into_response(),
        "/away" => Redirect::temporary("http://evil.example/").into_response(),
        _ => {
            let odd = [
                ("set-cookie", "a=b"),
                ("access-control-allow-origin", "*"),
                ("service-worker-allowed", "/"),
                ("x-odd", "1"),
            ];
            (odd, Bytes::from_static(b"told")).into_response()
        }
    }
}

/// A dispatcher with clusters `a`, of the tenant `one`, and `b`.
struct Site {
    world: World,
    routes: Router,
    tokens: Arc<Mutex<Tokens>>,
    jobmanager: JobManager,
}

impl Site {
    async fn new() -> Self {
        let jobmanager = JobManager::start().await;
        let url = jobmanager.url.clone();
        Self::with(jobmanager, standing::alone(), move |task_id| reported(task_id, &url)).await
    }

    async fn with(
        jobmanager: JobManager,
        standings: DispatcherStandings,
        reported: impl Fn(&str) -> Option<AppMaster> + Send + Sync + 'static,
    ) -> Self {
        let world = World::new().await;
        for manifest in [of("a", ONE), session("b")] {
            assert_eq!(world.ask("POST /v1/clusters", manifest).await.status, 201);
        }
        world.until("a", "running").await;
        world.until("b", "running").await;
        let appmasters: AppMasters = Arc::new(reported);
        let (handle, circumstances) = (world.handle.clone(), Circumstances::default());
        let sources = Sources {
            handle,
            standings,
            circumstances,
            flinks: None,
            appmasters,
            scheduling: Arc::new(scheduling::Told),
            jobmanagers: jobmanagers(),
            artifacts: super::no_artifacts(),
            sandboxes: Arc::new(super::logs::Nowhere),
            closing: Closing::default(),
        };
        let tokens = Arc::new(Mutex::new(parsed(&entries())));
        let known = Arc::clone(&tokens);
        let find = move |token: &str| {
            known.lock().unwrap_or_else(PoisonError::into_inner).find(token, 1_795_910_400_000).cloned()
        };
        let routes = caller::by_port(router(sources), Some(Arc::new(find)));
        Self { world, routes, tokens, jobmanager }
    }

    async fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        ask(&self.routes, line, headers, "").await
    }

    async fn as_(&self, token: &str, line: &str) -> Answer {
        self.ask(line, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Where the Web UI of a cluster is for the holder of a token.
    async fn open(&self, token: &str, cluster: &str) -> String {
        let answer = self.as_(token, &format!("POST /v1/clusters/{cluster}/ui")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["path"].as_str().expect("a path").to_owned()
    }
}

fn reported(task_id: &str, url: &str) -> Option<AppMaster> {
    Some(AppMaster { flink_url: Some(url.to_owned()), ..told(task_id)? })
}

#[tokio::test]
async fn requests_are_handed_on_without_credentials_and_answers_without_what_concerns_the_origin() {
    let site = Site::new().await;
    let answer = site.as_("view", "GET /ui/a/jobs/overview?get=a,b&x=../y").await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "told"));
    for name in ["set-cookie", "access-control-allow-origin", "service-worker-allowed", "x-odd"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert!(answer.header("content-security-policy").starts_with("sandbox "));
    assert_eq!((answer.header("x-content-type-options"), answer.header("content-length")), ("nosniff", "4"));
    let asked = site.jobmanager.last();
    assert_eq!(asked.line, "GET /jobs/overview?get=a,b&x=../y");
    assert!(!asked.headers.contains_key("authorization"));
    assert_eq!(asked.headers["x-forwarded-for"], "unknown", "so that no dispatcher takes it for local");
    let host = asked.headers["host"].to_str().expect("text");
    assert!(site.jobmanager.url.ends_with(host), "{host}");

    // An upload, known to be so long and not.
    let body = vec![7; 3 << 20];
    let admin = ("authorization", "Bearer admin");
    let answer = ask(&site.routes, "POST /ui/a/jars/upload", &[admin], body.clone()).await;
    let asked = site.jobmanager.last();
    assert_eq!((answer.status.as_u16(), &*asked.line, asked.bytes), (200, "POST /jars/upload", body.len()));
    assert_eq!(asked.headers["content-length"], body.len().to_string());
    let chunks = futures_util::stream::iter((0..4).map(|_| Ok::<_, std::io::Error>(vec![1_u8; 100_000])));
    let answer = ask(&site.routes, "POST /ui/a/jars/upload", &[admin], Body::from_stream(chunks)).await;
    let asked = site.jobmanager.last();
    assert_eq!((answer.status.as_u16(), asked.bytes), (200, 400_000));
    assert_eq!(asked.headers["transfer-encoding"], "chunked");

    for (path, location) in [("moved", "/ui/a/jobs/overview?a=b"), ("away", "")] {
        let answer = site.as_("view", &format!("GET /ui/a/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, location));
    }
}

#[tokio::test]
async fn a_ticket_is_for_its_cluster_and_for_what_its_holder_may_do() {
    let site = Site::new().await;
    let path = site.open("view", "a").await;
    assert!(path.starts_with("/ui/a/~") && path.ends_with('/'), "{path}");
    let page = site.ask(&format!("GET {path}"), &[("accept", "text/html")]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.starts_with("<html><head><script>Object.defineProperty(document,\"cookie\""),
        "{}",
        page.text
    );
    assert_eq!(page.header("access-control-allow-origin"), "null");
    assert_eq!(site.jobmanager.last().line, "GET /");
    let moved = site.ask(&format!("GET {path}moved"), &[]).await;
    assert_eq!(moved.header("location"), format!("{path}jobs/overview?a=b"));
    site.jobmanager.last();

    let from_page = [("origin", "null"), ("sec-fetch-site", "cross-site")];
    for line in
        ["POST PATHjars/upload", "PATCH PATHjobs/1", "GET PATHjobs/1/yarn-cancel", "GET PATHjars/x/plan"]
    {
        let answer = site.ask(&line.replace("PATH", &path), &from_page).await;
        assert_eq!((answer.status.as_u16(), site.jobmanager.was_asked()), (403, false), "{line}");
        assert!(answer.error().contains("its role is view"), "{}", answer.text);
        assert_eq!(answer.header("access-control-allow-origin"), "null", "the page can say why");
    }
    for (token, status) in [("two", 403), ("one", 200), ("admin", 200)] {
        let path = site.open(token, "a").await;
        let answer = site.ask(&format!("POST {path}jars/upload"), &from_page).await;
        assert_eq!(answer.status, status, "{token}: {}", answer.text);
    }
    // It leads nowhere else.
    let own = site.open("admin", "a").await;
    for other in
        [own.replace("/ui/a/", "/ui/b/"), format!("/ui/a/~{}/", "0".repeat(64)), "/ui/a/~/".to_owned()]
    {
        let answer = site.ask(&format!("GET {other}config"), &[]).await;
        assert_eq!(answer.status, 401, "{other}");
    }
    assert_eq!(site.ask("GET /v1/clusters", &[("origin", "null")]).await.status, 401);
    let preflight =
        site.ask(&format!("OPTIONS {own}jobs/1"), &[("access-control-request-headers", "x")]).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-headers")), (204, "x"));

    // What its holder may do by now counts.
    *site.tokens.lock().expect("no panic") = parsed(&entries().replace("role: admin", "role: view"));
    assert_eq!(site.ask(&format!("GET {own}config"), &[]).await.status, 200);
    assert_eq!(site.ask(&format!("POST {own}jobs"), &from_page).await.status, 403);
    assert_eq!(site.as_("admin", "DELETE /v1/tickets").await.status, 204);
    assert_eq!(site.ask(&format!("GET {own}config"), &[]).await.status, 401);
    assert_eq!(site.ask(&format!("GET {path}config"), &[]).await.status, 200, "another one's");
    *site.tokens.lock().expect("no panic") = parsed("tokens: []");
    assert_eq!(site.ask(&format!("GET {path}config"), &[]).await.status, 401);
}

#[tokio::test]
async fn browsers_are_led_to_where_they_can_ask() {
    let site = Site::new().await;
    let html = ("accept", "text/html,*/*");
    let bearer = ("authorization", "Bearer view");
    let to = async |line: &str, headers: &[(&str, &str)]| {
        let answer = site.ask(&format!("GET {line}"), headers).await;
        (answer.status.as_u16(), answer.header("location").to_owned())
    };
    let page = (303, "/#/clusters/a/ui".to_owned());
    assert_eq!(to("/ui/a/", &[html]).await, page);
    assert_eq!(to("/ui/a/~old/jobs", &[html]).await, (303, "/ui/a/".to_owned()));
    assert_eq!(to("/ui/a/", &[]).await.0, 401);
    assert_eq!(to("/ui/a", &[bearer]).await, (303, "/ui/a/".to_owned()));
    let shown = (303, "/#/clusters/a".to_owned());
    assert_eq!(to("/ui/a/", &[html, bearer, ("sec-fetch-site", "cross-site")]).await, shown);
    let (status, opened) = to("/ui/a/jobs?x=y", &[html, bearer]).await;
    assert!(status == 303 && opened.starts_with("/ui/a/~") && opened.ends_with("/jobs?x=y"), "{opened}");
    assert!(!site.jobmanager.was_asked());
    assert_eq!(site.ask(&format!("GET {opened}"), &[html]).await.text, "told");
}

#[tokio::test]
async fn this_machine_needs_no_token_and_pages_of_others_change_nothing() {
    let site = Site::new().await;
    let local = async |line: &str, more: &[(&str, &str)]| {
        let (method, path) = line.split_once(' ').expect("method and path");
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost:8090");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        request.extensions_mut().insert(ConnectInfo(Peer("127.0.0.1:4242".parse().expect("an address"))));
        Answer::of(call(&site.routes, request).await).await
    };
    assert_eq!(local("GET /ui/a/config", &[]).await.text, "told");
    assert_eq!(site.jobmanager.last().headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(local("POST /ui/a/jobs", &[]).await.status, 200);
    for headers in [("origin", "null"), ("origin", "http://evil.example"), ("sec-fetch-site", "same-site")] {
        assert_eq!(local("POST /ui/a/jobs", &[headers]).await.status, 403, "{headers:?}");
        assert_eq!(local("POST /v1/clusters/a/ui", &[headers]).await.status, 403, "{headers:?}");
    }
    // Through another dispatcher, such as this one.
    assert_eq!(local("POST /ui/a/jobs", &[("x-forwarded-for", "127.0.0.1")]).await.status, 401);
}

#[tokio::test]
async fn what_changes_something_is_in_the_audit_before_the_jobmanager_is_asked() {
    let site = Site::new().await;
    let asked = async || {
        let audit = site.world.ask("GET /v1/audit?cluster=a", "").await.json();
        let entries = audit.as_array().expect("entries").iter();
        let entries = entries.filter(|entry| entry["verb"] == "ask_jobmanager");
        entries.map(|entry| (entry["user"].clone(), entry["fields"][0]["field"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(site.as_("admin", "GET /ui/a/jobs/overview").await.status, 200);
    assert_eq!(site.as_("view", "POST /ui/a/jars/x/run").await.status, 403);
    assert_eq!(asked().await, []);
    assert_eq!(site.as_("admin", "POST /ui/a/jars/x/run?program-args=secret").await.status, 200);
    assert_eq!(site.as_("admin", "GET /ui/a/jobs/x/yarn-cancel").await.status, 200);
    let expected = ["POST /jars/x/run", "GET /jobs/x/yarn-cancel"];
    assert_eq!(asked().await, expected.map(|request| (json!("admin"), json!(request))));

    site.world.is_full.store(true, Ordering::Relaxed);
    let answer = site.as_("admin", "POST /ui/a/jars/y/run").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(site.jobmanager.last().line, "GET /jobs/x/yarn-cancel");
}

#[tokio::test]
async fn tricks_reach_nobody() {
    let site = Site::new().await;
    for path in ["../v1/clusters", "%2e%2e/x", "/evil.example/", "a//b", "a%2fb", "a\\b", "%5c", "a%00", "."]
    {
        let answer = site.as_("admin", &format!("GET /ui/a/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.error().is_empty()), (400, false), "{path}");
    }
    for method in ["TRACE", "CONNECT", "OPTIONS", "PURGE"] {
        assert_eq!(site.as_("admin", &format!("{method} /ui/a/x")).await.status, 405, "{method}");
    }
    assert!(!site.jobmanager.was_asked());
    let answer = site.as_("admin", "GET http://evil.example:80/ui/a/x").await;
    assert_eq!((answer.status.as_u16(), &*site.jobmanager.last().line), (200, "GET /x"));
}

#[tokio::test]
async fn it_is_said_why_a_jobmanager_cannot_be_reached() {
    let why = async |reported: fn(&str) -> Option<AppMaster>, line: &str| {
        let site = Site::with(JobManager::start().await, standing::alone(), reported).await;
        let answer = site.as_("admin", line).await;
        (answer.status.as_u16(), answer.error())
    };
    let line = "GET /ui/a/x";
    let (status, error) = why(|_| None, "GET /ui/c/x").await;
    assert_eq!((status, &*error), (404, "there is no cluster c"));
    let expected = "no AppMaster of cluster a has reported yet; the cluster is running";
    assert_eq!(why(|_| None, line).await, (503, expected.to_owned()));
    let standby = |id: &str| Some(AppMaster { standing: "standby".to_owned(), ..told(id)? });
    assert_eq!(why(standby, line).await, (503, "no AppMaster of cluster a leads yet".to_owned()));
    let unknown = |id: &str| Some(AppMaster { flink_url: None, ..told(id)? });
    let expected = "the AppMaster of cluster a does not know yet where its JobManager is";
    assert_eq!(why(unknown, line).await, (503, expected.to_owned()));
    for url in ["http://169.254.169.254/", "http://other:8090", "http://localhost.evil.example"] {
        let site =
            Site::with(JobManager::start().await, standing::alone(), move |id| reported(id, url)).await;
        let answer = site.as_("admin", line).await;
        assert_eq!(answer.status, 502, "{url}");
        assert!(answer.error().ends_with(", where none of its AppMasters runs"), "{}", answer.text);
    }
    let (status, error) = why(|id| reported(id, "file:///etc/passwd"), line).await;
    assert_eq!(status, 502, "{error}");
    // A port that is reserved.
    let (status, error) = why(|id| reported(id, "http://localhost:1"), line).await;
    assert_eq!(status, 502);
    assert!(
        error.starts_with("the JobManager of cluster a at http://localhost:1: does not answer: "),
        "{error}"
    );
    let (_, error) = why(|id| reported(id, "https://localhost:1"), line).await;
    assert!(error.contains("security.ssl.rest.truststore"), "{error}");
}

#[tokio::test]
async fn only_the_leader_hands_on() {
    let standby = DispatcherStanding::Standby { leader: Some("http://d-2:8090".to_owned()), has_read: true };
    let site = Site::with(JobManager::start().await, watch::channel(standby).1, told).await;
    for line in ["GET /ui/a/x?y", "POST /ui/a/x?y"] {
        let answer = site.as_("admin", line).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, "http://d-2:8090/ui/a/x?y"));
    }
    let suspended = watch::channel(DispatcherStanding::Suspended).1;
    let jobmanager = JobManager::start().await;
    let url = jobmanager.url.clone();
    let site = Site::with(jobmanager, suspended, move |id| reported(id, &url)).await;
    assert_eq!(site.as_("admin", "GET /ui/a/x").await.status, 200);
    assert_eq!(site.as_("admin", "POST /ui/a/x").await.status, 503);
}

#[tokio::test]
async fn the_list_has_what_appmasters_report() {
    let site = Site::new().await;
    let list = site.as_("view", "GET /v1/clusters").await.json();
    assert_eq!((&list[0]["name"], &list[0]["appmaster"]["target"]), (&json!("a"), &json!(2)));
    let described = site.as_("view", "GET /v1/clusters/a").await.json();
    assert_eq!(described["ui"], "/ui/a/");
    assert_eq!(site.world.ask("GET /v1/clusters/b", "").await.json()["ui"], "/ui/b/");
}

#[tokio::test]
async fn the_page_is_for_everybody_and_has_nothing_of_others() {
    let site = Site::new().await;
    let page = site.ask("GET /", &[]).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    for odd in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "src=\"http", " style=\""] {
        assert!(!page.text.contains(odd), "{odd}");
    }
}
