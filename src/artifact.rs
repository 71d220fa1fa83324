//! What agents fetch from the AppMaster over HTTP: each task its configuration, once, with a token of its own.

use std::collections::BTreeMap;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::scheduler::driver::Message;

/// The largest configuration directory that is handed out; Flink's own has 30 kB.
const MOST_BYTES: u64 = 4 << 20;

/// The files of a configuration directory by name, as they go over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Configuration {
    /// The form it has on the wire.
    pub fn encode(&self) -> Bytes {
        postcard::to_stdvec(self).expect("maps of bytes have a form").into()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
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
            if bytes > MOST_BYTES {
                let text = format!("{} holds more than {MOST_BYTES} bytes", directory.display());
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
            }
            files.insert(name, std::fs::read(entry.path())?);
        }
        Ok(Self { files })
    }
}

struct Shared {
    encoded: Bytes,
    inbox: mpsc::Sender<Message>,
}

/// Serves until the listener fails. The scheduler is asked about every token first.
pub async fn serve(
    listener: TcpListener,
    configuration: &Configuration,
    inbox: mpsc::Sender<Message>,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/tasks/{task_id}/configuration", get(configuration_of))
        .with_state(Arc::new(Shared { encoded: configuration.encode(), inbox }));
    axum::serve(listener, routes).await
}

/// Where a task finds its configuration below the server's address.
pub fn configuration_path(task_id: &str) -> String {
    format!("/tasks/{task_id}/configuration")
}

async fn configuration_of(
    State(shared): State<Arc<Shared>>,
    Path(task_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let (answer, allowed) = oneshot::channel();
    let message = Message::Redeem { task_id: task_id.clone(), token, answer };
    let asked = shared.inbox.send(message).await.is_ok();
    if asked && allowed.await.unwrap_or(false) {
        return ([(header::CONTENT_TYPE, "application/octet-stream")], shared.encoded.clone())
            .into_response();
    }
    tracing::warn!(task = task_id, "refused a request for a configuration: wrong or used token");
    (StatusCode::FORBIDDEN, "wrong or used token\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that lets the token `right` through, once.
    async fn serve_once() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (inbox, mut asked) = mpsc::channel(1);
        let files = BTreeMap::from([("config.yaml".to_owned(), b"a: b\n".to_vec())]);
        tokio::spawn(async move { serve(listener, &Configuration { files }, inbox).await });
        tokio::spawn(async move {
            let mut used = false;
            while let Some(message) = asked.recv().await {
                let Message::Redeem { task_id, token, answer } = message else { continue };
                let allowed = token == "right" && task_id == "t-1" && !used;
                used |= allowed;
                let _ = answer.send(allowed);
            }
        });
        base
    }

    async fn status(url: &str, token: &str) -> (u16, Bytes) {
        let answer = crate::http::plain()
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

    #[tokio::test]
    async fn nothing_else_is_served() {
        let base = serve_once().await;
        for path in ["/", "/tasks", "/tasks/../../etc/passwd", "/tasks/%2e%2e/configuration", "/config.yaml"]
        {
            let code = status(&format!("{base}{path}"), "right").await.0;
            assert!(code == 404 || code == 403, "{path}: {code}");
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
