//! The routes in this process, with a driver, a directory for records, and groups whose tasks run at once.

mod applying;
mod artifacts;
mod callers;
mod events;
mod logs;
mod ordering;
mod over_sockets;
mod over_tls;
mod permissions;
mod reading;
mod scheduling;
mod standing;
mod ui;
mod unavailable;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use axum::{Extension, Router};
use serde_json::Value;
use tempfile::TempDir;
use tower_service::Service as _;

use super::scheduling::Schedulings;
use super::standing::{self as standings, DispatcherStandings};
use super::{AppMaster, AppMasters, Artifacts, Caller, JobManagers, Sources, router};
use dispatcher::Timestamp;
use dispatcher::driver::Handle;
use manifest::{Circumstances, FlinkVersion};

/// In every specification; nothing that is told may have it.
pub const SECRET: &str = "hunter2";

pub fn session(name: &str) -> String {
    with_nonce(name, 1)
}

pub fn with_nonce(name: &str, nonce: i64) -> String {
    format!(
        "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {{name: {name}, annotations: {{password: {SECRET}}}}}
spec:
  flinkVersion: v1_20
  restartNonce: {nonce}
  flinkConfiguration: {{security.ssl.rest.key-password: {SECRET}-{nonce}}}
  jobManager: {{resource: {{memory: 1g}}}}
  taskManager: {{resource: {{memory: 1g}}}}
"
    )
}

/// For a known caller.
pub fn routes(handle: &Handle) -> Router {
    routes_of(handle, standings::alone())
}

pub fn routes_of(handle: &Handle, standings: DispatcherStandings) -> Router {
    known(sources(handle, standings, Arc::new(scheduling::Told)))
}

pub fn jobmanagers() -> JobManagers {
    JobManagers::new(tls::http::plain().expect("TLS"), "own").expect("a client")
}

/// Where none can be kept.
pub fn no_artifacts() -> Artifacts {
    artifacts_in(Path::new("/proc/nowhere"))
}

/// Of up to 100 bytes each.
pub fn artifacts_in(directory: &Path) -> Artifacts {
    let limits = uploads::Limits { file: 100, total: 150, grace: Duration::from_secs(3600) };
    let store = uploads::Store::new(directory.to_owned(), limits, || Timestamp(1_700_000_000_000));
    Artifacts::alone(Arc::new(store))
}

fn sources(handle: &Handle, standings: DispatcherStandings, scheduling: Schedulings) -> Sources {
    let circumstances = Circumstances { has_zookeeper: true, ..Circumstances::default() };
    let appmasters: AppMasters = Arc::new(told);
    let flinks = Some([FlinkVersion::new(1, 20), FlinkVersion::new(2, 3)].into());
    let (handle, jobmanagers) = (handle.clone(), jobmanagers());
    let closing = serve::Closing::default();
    let artifacts = no_artifacts();
    let sandboxes = Arc::new(logs::Nowhere);
    Sources {
        handle,
        standings,
        circumstances,
        flinks,
        appmasters,
        scheduling,
        jobmanagers,
        artifacts,
        sandboxes,
        closing,
    }
}

fn known(sources: Sources) -> Router {
    router(sources).layer(Extension(Caller::admin("ann".to_owned(), "here".to_owned())))
}

/// By an AppMaster of any task; those of `busy` have a job, and those of `silent` know of none.
fn told(task_id: &str) -> Option<AppMaster> {
    let jobs_running = match task_id.split('-').next() {
        Some("busy") => Some(1),
        Some("silent") => None,
        _ => Some(0),
    };
    Some(AppMaster {
        task_id: task_id.to_owned(),
        standing: "alone".to_owned(),
        framework_id: None,
        subscribed: true,
        flink_url: Some("http://a-1:31001".to_owned()),
        status_url: None,
        target: 2,
        running: 1,
        jobs_running,
        told_s_ago: 0,
        waiting: Some("no offers".to_owned()),
    })
}

/// With a key and a certificate that nobody else vouches for, under the password `password`.
pub fn key_store(name: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, subject) = (directory.path().join("store"), format!("CN={name}, O=Example"));
    let made = Command::new("keytool")
        .args(["-genkeypair", "-alias", "a", "-keyalg", "EC", "-dname", &subject, "-storetype", "PKCS12"])
        .args(["-ext", "san=ip:127.0.0.1", "-storepass", "password", "-keystore"])
        .arg(&path)
        .output()
        .expect("keytool");
    assert!(made.status.success(), "{made:?}");
    (directory, path)
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.into()).expect("text");
        assert!(!text.contains(SECRET), "a secret is told: {text}");
        Self { status: head.status, headers: head.headers, text }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(self.text.as_bytes()).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The reasons by field, of the only document or of the whole.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let json = self.json();
        let fields = if json["results"].is_array() { &json["results"][0]["fields"] } else { &json["fields"] };
        let texts = |field: &Value| {
            let text = |name: &str| field[name].as_str().unwrap_or_default().to_owned();
            (text("field"), text("reason"))
        };
        fields.as_array().into_iter().flatten().map(texts).collect()
    }
}

pub async fn call(routes: &Router, request: Request<Body>) -> Response {
    let Ok(response) = routes.clone().call(request).await;
    response
}

/// `headers`: pairs of names and values.
pub async fn ask(routes: &Router, line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let (method, path) = line.split_once(' ').expect("method and path");
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(call(routes, request.body(body.into()).expect("a request")).await).await
}
