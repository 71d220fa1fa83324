//! What an agent in a process of its own answers over HTTP: that it is there, and what is in its sandboxes.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{answer_json, version};

/// As much as the real agent gives in one answer.
const MAX_READ_BYTES: u64 = 16 * 4096;

/// The path of a file or directory: an absolute one below the work directory, as `MESOS_SANDBOX` is.
#[derive(Debug, Deserialize)]
struct Browse {
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Read {
    path: PathBuf,
    /// Without one, or with -1, only the file's size is answered.
    offset: Option<i64>,
    length: Option<u64>,
}

pub fn router(work_dir: PathBuf) -> Router {
    Router::new()
        .route("/health", get(StatusCode::OK))
        .route("/version", get(version))
        .route("/files/browse", get(browse))
        .route("/files/read", get(read))
        .fallback((StatusCode::NOT_FOUND, "404 Not Found."))
        .with_state(Arc::new(work_dir))
}

async fn browse(State(work_dir): State<Arc<PathBuf>>, Query(query): Query<Browse>) -> Response {
    let listed = async {
        let directory = below(&work_dir, &query.path).await?;
        let mut entries = fs::read_dir(&directory).await?;
        let mut listed = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            listed.push(describe(&query.path.join(entry.file_name()), &entry.metadata().await?));
        }
        listed.sort_by_cached_key(|entry| entry["path"].to_string());
        Ok(Value::from(listed))
    };
    respond(listed.await)
}

async fn read(State(work_dir): State<Arc<PathBuf>>, Query(query): Query<Read>) -> Response {
    let part = async {
        let mut file = fs::File::open(below(&work_dir, &query.path).await?).await?;
        let offset = query.offset.and_then(|offset| u64::try_from(offset).ok());
        let Some(offset) = offset else {
            return Ok(json!({ "data": "", "offset": file.metadata().await?.len() }));
        };
        file.seek(io::SeekFrom::Start(offset)).await?;
        let mut data = Vec::new();
        let length = query.length.unwrap_or(MAX_READ_BYTES).min(MAX_READ_BYTES);
        file.take(length).read_to_end(&mut data).await?;
        Ok(json!({ "data": String::from_utf8_lossy(&data), "offset": offset }))
    };
    respond(part.await)
}

/// Nothing outside the work directory can be named, not even through a link.
async fn below(work_dir: &Path, path: &Path) -> io::Result<PathBuf> {
    let (work_dir, path) = (fs::canonicalize(work_dir).await?, fs::canonicalize(path).await?);
    if path.starts_with(work_dir) { Ok(path) } else { Err(io::ErrorKind::NotFound.into()) }
}

fn describe(path: &Path, metadata: &Metadata) -> Value {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    json!({
        "path": path.to_string_lossy(),
        "size": metadata.len(),
        "mtime": modified.unwrap_or_default().as_secs(),
        "mode": mode(metadata),
        "nlink": metadata.nlink(),
        "uid": metadata.uid().to_string(),
        "gid": metadata.gid().to_string(),
    })
}

/// As `ls` writes it.
fn mode(metadata: &Metadata) -> String {
    let bits = metadata.mode();
    let kind = if metadata.is_dir() { 'd' } else { '-' };
    let flags = "rwxrwxrwx".chars().zip((0..9).rev());
    std::iter::once(kind)
        .chain(flags.map(|(flag, bit)| if bits >> bit & 1 == 1 { flag } else { '-' }))
        .collect()
}

fn respond(result: io::Result<Value>) -> Response {
    match result {
        Ok(value) => answer_json(&value),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (StatusCode::NOT_FOUND, "no such file in a sandbox of this agent").into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
