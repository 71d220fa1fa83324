//! What agents fetch from the AppMaster over HTTP: each task its configuration, once, with a token of its own, and
//! program, Flink and java by the digest of their content. With the same token a task asks whether it is still wanted.

#![forbid(unsafe_code)]

pub mod bundle;
pub mod delivered;
pub mod overlay;
mod range;
mod refusals;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use base::events::Journal;
use claim::{self, Answer};
use scheduler::driver::requests::{Request, Requests};
use serve::{Outbox, Peer};

use bundle::Bundle;
use range::{Wanted, wanted};
use refusals::{Refusals, Refused};

/// The largest configuration directory that is handed out; Flink's own has 30 kB.
const MAX_BYTES: u64 = 4 << 20;

/// When to ask again for what cannot be answered now, in seconds.
const RETRY_AFTER_S: &str = "1";

/// The files of a configuration directory by name, as they go over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why a configuration is not stored.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' is not a plain file name")]
pub struct NameError {
    name: String,
}

impl Configuration {
    /// The form it has on the wire.
    pub fn encode(&self) -> Bytes {
        postcard::to_stdvec(self).expect("maps of bytes have a form").into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }

    /// Names lead nowhere but below the directory that it is stored in.
    pub fn check(&self) -> Result<(), NameError> {
        let is_below = |name: &str| {
            FilePath::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)))
                && !name.starts_with('.')
        };
        match self.files.keys().find(|name| !is_below(name)) {
            Some(name) => Err(NameError { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// Writes it to a new directory, which its values then name, readable by the owner alone.
    pub fn store(&self, directory: &FilePath) -> io::Result<()> {
        let mut directories = std::fs::DirBuilder::new();
        directories.recursive(true).mode(0o700).create(directory)?;
        let here = format!("{}/", directory.display());
        for (name, content) in &self.files {
            let path = directory.join(name);
            if let Some(parent) = path.parent() {
                directories.create(parent)?;
            }
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
            match std::str::from_utf8(content) {
                Ok(text) if text.contains(overlay::DIRECTORY_MARK) => {
                    file.write_all(text.replace(overlay::DIRECTORY_MARK, &here).as_bytes())?;
                }
                Ok(_) | Err(_) => file.write_all(content)?,
            }
        }
        Ok(())
    }

    /// Reads every plain file of `directory`.
    pub fn read(directory: &FilePath) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut bytes = 0;
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = std::fs::metadata(entry.path())?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !metadata.is_file() {
                continue;
            }
            bytes += metadata.len();
            if bytes > MAX_BYTES {
                let text = format!("{} holds more than {MAX_BYTES} bytes", directory.display());
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
            files.insert(name, std::fs::read(entry.path())?);
        }
        Ok(Self { files })
    }
}

/// What is served by path; none while it is being read.
pub type Bundles = watch::Receiver<Option<BTreeMap<String, Bundle>>>;

/// The encoded configuration of a task, by its id; none where nobody knows any.
pub type Configurations = Arc<dyn Fn(&str) -> Option<Bytes> + Send + Sync>;

struct Shared {
    configurations: Configurations,
    bundles: Bundles,
    requests: Requests,
    journal: Arc<Journal>,
    refusals: Refusals,
}

/// The scheduler is asked about every token first.
pub fn routes(
    configurations: Configurations,
    bundles: Bundles,
    requests: Requests,
    journal: Arc<Journal>,
) -> Router {
    Router::new()
        .route("/tasks/{task_id}/configuration", get(configuration_of))
        .route("/tasks/{task_id}/claim", get(claim_of))
        .route("/{digest}/{name}", get(bundle_of))
        .with_state(Arc::new(Shared {
            configurations,
            bundles,
            requests,
            journal,
            refusals: Refusals::default(),
        }))
}

/// Where a task finds its configuration below the server's address.
pub fn configuration_path(task_id: &str) -> String {
    format!("/tasks/{task_id}/configuration")
}

/// Where an AppMaster finds what its specification names of what was uploaded to its dispatcher.
pub fn artifact_path(task_id: &str, digest: &str) -> String {
    format!("/tasks/{task_id}/artifacts/{digest}")
}

/// Where a task asks whether it is still wanted.
pub fn claim_path(task_id: &str) -> String {
    format!("/tasks/{task_id}/claim")
}

async fn configuration_of(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (id, token) = (task_id.clone(), token(&headers));
    match shared.requests.ask(|reply| Request::Redeem { task_id: id, token, reply }).await {
        Ok(true) => match (shared.configurations)(&task_id) {
            Some(encoded) => ([(header::CONTENT_TYPE, "application/octet-stream")], encoded).into_response(),
            None => (StatusCode::NOT_FOUND, "there is no configuration for this task\n").into_response(),
        },
        Ok(false) => {
            shared.refusals.tell(Refused::Configuration, &task_id, peer.ip(), &shared.journal);
            (StatusCode::FORBIDDEN, "wrong or used token\n").into_response()
        }
        // The token is unused: its task asks again.
        Err(refusal) => {
            let text = format!("{refusal}\n");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)], text).into_response()
        }
    }
}

async fn claim_of(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (id, token) = (task_id.clone(), token(&headers));
    let asked = shared.requests.ask(|reply| Request::Claim { task_id: id, token, reply }).await;
    let answer = asked.unwrap_or(Answer::Unknown);
    let status = match answer {
        Answer::Held => StatusCode::OK,
        Answer::Gone => StatusCode::GONE,
        Answer::Elsewhere => StatusCode::MISDIRECTED_REQUEST,
        Answer::Unknown => StatusCode::SERVICE_UNAVAILABLE,
    };
    if matches!(answer, Answer::Gone | Answer::Elsewhere) {
        shared.refusals.tell(Refused::Claim, &task_id, peer.ip(), &shared.journal);
    }
    (status, [(HeaderName::from_static(claim::HEADER), answer.name())]).into_response()
}

/// Of a task, as it sends it; empty where it sends none.
pub fn token(headers: &HeaderMap) -> String {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
}

/// Whoever knows the digest has the content already, or was told by the scheduler: there is nothing to hide.
async fn bundle_of(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    outbox: Option<Extension<Outbox>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // After a worker's crash agents ask for what the next one has yet to read.
    let mut bundles = shared.bundles.clone();
    let Ok(bundles) = bundles.wait_for(Option::is_some).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let Some(bundle) = bundles.as_ref().and_then(|bundles| bundles.get(uri.path())).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    drop(bundles);
    if method == Method::GET {
        let (name, bytes, from) = (bundle.name(), bundle.length(), peer.ip());
        shared.journal.tell("fetched", format!("an agent fetches name={name} bytes={bytes} from={from}"));
    }
    answer(&bundle, &headers, outbox.map(|Extension(outbox)| outbox))
}

fn answer(bundle: &Bundle, headers: &HeaderMap, outbox: Option<Outbox>) -> Response {
    let (length, tag) = (bundle.length(), bundle.tag());
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (status, section) = match wanted(value(header::RANGE), value(header::IF_RANGE), &tag, length) {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Section(section) => (StatusCode::PARTIAL_CONTENT, section),
        Wanted::Nothing => {
            let there = (header::CONTENT_RANGE, format!("bytes */{length}"));
            return (StatusCode::RANGE_NOT_SATISFIABLE, [there]).into_response();
        }
    };
    let mut head = HeaderMap::new();
    let mut put = |name, text: String| head.extend(text.parse().ok().map(|value| (name, value)));
    put(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    put(header::CONTENT_LENGTH, (section.end - section.start).to_string());
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::ETAG, tag);
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, format!("bytes {}-{}/{length}", section.start, section.end - 1));
    }
    (status, head, serve::body(bundle.parts(section), outbox)).into_response()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use scheduler::driver::facts::Facts;
    use scheduler::driver::requests;
    use serve::Listening;

    use super::bundle::BundlePlan;
    use super::*;

    /// A server that lets the token `right` through, once.
    async fn serve_once() -> String {
        let (requests, doorkeeper, _) = requests::open(&Facts::default(), None);
        let mut asked = doorkeeper.admit();
        tokio::spawn(async move {
            let mut used = false;
            while let Some(request) = asked.recv().await {
                let Request::Redeem { task_id, token, reply } = request else { continue };
                let allowed = token == "right" && task_id == "t-1" && !used;
                used |= allowed;
                let _ = reply.send(allowed);
            }
        });
        serve_for(requests).await
    }

    async fn serve_for(requests: Requests) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let files = BTreeMap::from([("config.yaml".to_owned(), b"a: b\n".to_vec())]);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "0123456789").expect("written");
        let ten = BundlePlan::file("ten", file.path()).and_then(BundlePlan::read).expect("bundled");
        let (read, bundles) = watch::channel(None);
        tokio::spawn(async move {
            let _file = file;
            let listener = Listening::new(listener, "test");
            let encoded = Configuration { files }.encode();
            let configurations: Configurations = Arc::new(move |_: &str| Some(encoded.clone()));
            serve::serve(listener, routes(configurations, bundles, requests, Arc::default())).await
        });
        // Whoever asks before waits.
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            read.send_replace(Some(BTreeMap::from([(ten.path(), ten)])));
        });
        base
    }

    async fn status(url: &str, token: &str) -> (u16, Bytes) {
        let answer = tls::http::plain()
            .expect("TLS")
            .build()
            .expect("a client")
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.bytes().await.expect("a body"))
    }

    #[tokio::test]
    async fn only_the_right_token_gets_a_configuration_and_only_once() {
        let base = serve_once().await;
        let url = format!("{base}{}", configuration_path("t-1"));
        assert_eq!(status(&url, "wrong").await.0, 403);
        assert_eq!(status(&format!("{base}{}", configuration_path("t-2")), "right").await.0, 403);
        let (code, body) = status(&url, "right").await;
        assert_eq!(code, 200);
        let files = Configuration::decode(&body).expect("decoded").files;
        assert_eq!(files, BTreeMap::from([("config.yaml".to_owned(), b"a: b\n".to_vec())]));
        assert_eq!(status(&url, "right").await.0, 403);
    }

    async fn answer(url: &str) -> (u16, HeaderMap) {
        let client = tls::http::plain().expect("TLS").build().expect("a client");
        let answer = client.get(url).bearer_auth("right").send().await.expect("an answer");
        (answer.status().as_u16(), answer.headers().clone())
    }

    #[tokio::test]
    async fn what_cannot_be_answered_now_is_no_refusal() {
        let (requests, doorkeeper, _ends) = requests::open(&Facts::default(), None);
        let base = serve_for(requests.clone()).await;
        let mut queues = Vec::new();
        for is_full in [false, true] {
            if is_full {
                queues.push(doorkeeper.admit_at_most(1));
                let waiting = requests.clone();
                tokio::spawn(async move { waiting.ask(Request::Report).await });
                tokio::task::yield_now().await;
            }
            let (code, headers) = answer(&format!("{base}{}", configuration_path("t-1"))).await;
            assert_eq!((code, &headers["retry-after"]), (503, &"1".parse().expect("a value")));
            let (code, headers) = answer(&format!("{base}{}", claim_path("t-1"))).await;
            assert_eq!((code, &headers[claim::HEADER]), (503, &"unknown".parse().expect("a value")));
        }
    }

    #[tokio::test]
    async fn a_bundle_is_served_by_its_digest_alone() {
        let base = serve_once().await;
        let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        let (code, body) = status(&format!("{base}/{digest}/ten"), "").await;
        assert_eq!((code, &body[..]), (200, &b"0123456789"[..]));
        for path in
            [format!("/{digest}/eleven"), format!("/{}/ten", digest.replace('8', "9")), "/x/ten".to_owned()]
        {
            assert_eq!(status(&format!("{base}{path}"), "").await.0, 404, "{path}");
        }
        let client = tls::http::plain().expect("TLS").build().expect("a client");
        // Mesos asks so how much room it must make in the cache.
        let head = client.head(format!("{base}/{digest}/ten")).send().await.expect("an answer");
        assert_eq!(head.headers()["content-length"], "10");
    }

    #[tokio::test]
    async fn a_part_of_a_bundle_is_served_by_range() {
        let base = serve_once().await;
        let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        let (url, tag) = (format!("{base}/{digest}/ten"), format!("\"{digest}\""));
        let client = tls::http::plain().expect("TLS").build().expect("a client");
        for (range, known, code, content_range, body) in [
            ("bytes=2-4", None, 206, Some("bytes 2-4/10"), "234"),
            ("bytes=7-", Some(&*tag), 206, Some("bytes 7-9/10"), "789"),
            ("bytes=-1", None, 206, Some("bytes 9-9/10"), "9"),
            ("bytes=10-", None, 416, Some("bytes */10"), ""),
            ("bytes=2-4", Some("\"other\""), 200, None, "0123456789"),
            ("bytes=0-1,3-4", None, 200, None, "0123456789"),
        ] {
            let request = client.get(&url).header("range", range);
            let request = known.iter().fold(request, |request, known| request.header("if-range", *known));
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status().as_u16(), code, "{range}");
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(header("content-range"), content_range, "{range}");
            assert_eq!(header("etag"), (code != 416).then_some(&*tag), "{range}");
            assert_eq!(answer.bytes().await.expect("a body"), body, "{range}");
        }
    }

    /// As they are: clients tidy paths up.
    #[tokio::test]
    async fn nothing_else_is_served() {
        let base = serve_once().await;
        let digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        for path in [
            "/",
            "/tasks",
            "/tasks/../../etc/passwd",
            "/tasks/%2e%2e/configuration",
            "/tasks/..%2fx/configuration",
            "/config.yaml",
            "/etc/passwd",
            "//etc/passwd",
            "/../../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/..%2f..%2fetc%2fpasswd/ten",
            "/%2fetc%2fpasswd/ten",
            "http://elsewhere/etc/passwd",
            "file:///etc/passwd",
            &format!("/{digest}/../{digest}/ten"),
            &format!("/{digest}/%74en"),
            &format!("/{digest}/ten/"),
            &format!("/{digest}/"),
            &format!("/{digest}"),
        ] {
            let answer = raw(&base, path).await;
            let code = answer.split(' ').nth(1).unwrap_or_default();
            assert!(["400", "403", "404"].contains(&code), "{path}: {answer}");
        }
    }

    async fn raw(base: &str, path: &str) -> String {
        let address = base.strip_prefix("http://").expect("an address");
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    #[test]
    fn what_is_stored_stays_below_and_names_where_it_is() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directory = scratch.path().join("fetched");
        let of = |name: &str, content: &str| Configuration {
            files: BTreeMap::from([(name.to_owned(), content.as_bytes().to_vec())]),
        };
        for name in ["../a", "/a", "a/../../b", ".", ".hidden"] {
            of(name, "").check().expect_err(name);
        }
        let configuration = of("hadoop-conf/a", &format!("path: {}b", overlay::DIRECTORY_MARK));
        configuration.check().expect("good");
        configuration.store(&directory).expect("stored");
        let stored = std::fs::read_to_string(directory.join("hadoop-conf/a")).expect("there");
        assert_eq!(stored, format!("path: {}/b", directory.display()));
        for (name, expected) in [("", 0o700), ("hadoop-conf", 0o700), ("hadoop-conf/a", 0o600)] {
            let mode = std::fs::metadata(directory.join(name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, expected, "{name}");
        }
    }

    #[test]
    fn a_directory_is_read_whole_and_links_are_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a"), "1").expect("written");
        std::os::unix::fs::symlink("a", directory.path().join("b")).expect("linked");
        std::fs::create_dir(directory.path().join("sub")).expect("created");
        let read = Configuration::read(directory.path()).expect("readable");
        assert_eq!(
            read.files.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"1".to_vec())]
        );
    }
}
