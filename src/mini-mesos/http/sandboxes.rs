//! What agents answer over HTTP: that they are there, and what is in their sandboxes.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::guard::{Guards, Realm};
use super::{answer_json, page, version};
use crate::master;
use crate::request::MediaType;
use crate::sandboxes::{FilesError, MAX_READ_BYTES, Part, Sandboxes};
use mesos::wire::agent::{Call, CallType, FileInfo, FileRead, FilesListed, Response as Answer, ResponseType};
use mesos::wire::time::TimeInfo;

/// Of an agent in a process of its own.
pub fn router(sandboxes: Sandboxes, guards: &Guards) -> Router {
    let own = Router::new().route("/api/v1", post(call)).with_state(sandboxes.clone());
    Router::new()
        .route("/health", get(StatusCode::OK))
        .route("/version", get(version))
        .merge(guards.guard(Realm::AgentReadwrite, own))
        .merge(routes(sandboxes, guards))
        .fallback((StatusCode::NOT_FOUND, "404 Not Found."))
}

/// Of all agents in a process, beside a master or alone.
pub fn routes(sandboxes: Sandboxes, guards: &Guards) -> Router {
    let mut readonly = Router::new();
    for suffix in ["", ".json"] {
        readonly = readonly
            .route(&format!("/files/browse{suffix}"), get(browse))
            .route(&format!("/files/read{suffix}"), get(read))
            .route(&format!("/files/download{suffix}"), get(download));
    }
    readonly = readonly.route("/{process}/state", get(state_of_process));
    let readwrite = Router::new().route("/{process}/api/v1", post(call_of_process));
    Router::new()
        .route("/", get(page::page))
        .merge(guards.guard(Realm::AgentReadonly, readonly.with_state(sandboxes.clone())))
        .merge(guards.guard(Realm::AgentReadwrite, readwrite.with_state(sandboxes)))
}

type Parameters = Query<HashMap<String, String>>;

async fn browse(State(sandboxes): State<Sandboxes>, Query(query): Parameters) -> Response {
    let listed = async {
        let listed = sandboxes.list(path_of(&query)?).await?;
        let entries = listed.iter().map(|(path, metadata)| describe(path, metadata));
        Ok(answer_json(&Value::from(entries.collect::<Vec<_>>())))
    };
    respond(listed.await)
}

async fn read(State(sandboxes): State<Sandboxes>, Query(query): Parameters) -> Response {
    let part = async {
        let path = path_of(&query)?;
        let (offset, length) = (
            number(&query, "offset", "Negative offset provided")?,
            number(&query, "length", "Negative length provided")?,
        );
        let Part { size, data } = sandboxes.read(path, offset.unwrap_or(u64::MAX), length).await?;
        // Without an offset, and beyond the end, it says how long the file is.
        let offset = offset.map_or(size, |offset| offset.min(size));
        Ok(answer_json(&json!({ "data": String::from_utf8_lossy(&data), "offset": offset })))
    };
    respond(part.await)
}

async fn download(State(sandboxes): State<Sandboxes>, Query(query): Parameters) -> Response {
    let file = async {
        let path = path_of(&query)?;
        let (file, size) = sandboxes.open(path, "download").await?;
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let name: String = path.rsplit('/').next().unwrap_or_default().chars().filter(is_plain).collect();
        let head = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename={name}")),
            (header::CONTENT_LENGTH, size.to_string()),
        ];
        // A file that grows meanwhile is sent as it was.
        let chunks = stream::try_unfold(file.take(size), async |mut file| {
            let mut chunk = Vec::new();
            (&mut file).take(MAX_READ_BYTES).read_to_end(&mut chunk).await?;
            Ok::<_, std::io::Error>((!chunk.is_empty()).then_some((Bytes::from(chunk), file)))
        });
        Ok((head, Body::from_stream(chunks)).into_response())
    };
    respond(file.await)
}

/// Of an agent's state as much as says where sandboxes are; of all in this process alike.
async fn state_of_process(Path(process): Path<String>, State(sandboxes): State<Sandboxes>) -> Response {
    if !is_agent(&process) {
        return (StatusCode::NOT_FOUND, "404 Not Found.").into_response();
    }
    let executor =
        |(id, directory): (&String, &PathBuf)| json!({ "id": id, "directory": directory.to_string_lossy() });
    let frameworks = sandboxes.executors().await;
    let frameworks = frameworks.iter().map(|(id, executors)| {
        let executors: Vec<_> = executors.iter().map(executor).collect();
        json!({ "id": id, "executors": executors, "completed_executors": [] })
    });
    answer_json(&json!({
        "version": master::VERSION,
        "frameworks": frameworks.collect::<Vec<_>>(),
        "completed_frameworks": [],
    }))
}

/// By its libprocess name.
fn is_agent(process: &str) -> bool {
    let number = process.strip_prefix("slave(").and_then(|rest| rest.strip_suffix(')'));
    number.is_some_and(|number| number.parse::<u16>().is_ok())
}

/// Of one of several agents that share a port, as libprocess names it.
async fn call_of_process(
    Path(process): Path<String>,
    sandboxes: State<Sandboxes>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_agent(&process) {
        return (StatusCode::NOT_FOUND, "404 Not Found.").into_response();
    }
    call(sandboxes, headers, body).await
}

async fn call(State(sandboxes): State<Sandboxes>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(media) = text(header::CONTENT_TYPE).and_then(MediaType::of_body) else {
        let text = "Expecting 'Content-Type' of application/json or application/x-protobuf";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    };
    let Some(accepted) = MediaType::allowed_by(text(header::ACCEPT)) else {
        let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
        return (StatusCode::NOT_ACCEPTABLE, text).into_response();
    };
    let call = match media {
        MediaType::Json => serde_json::from_slice::<Call>(&body).map_err(|error| error.to_string()),
        MediaType::Protobuf => Call::decode(body).map_err(|error| error.to_string()),
    };
    let answer = match call {
        Ok(call) => answer(&sandboxes, call).await,
        Err(why) => Err(Wrong::Request(format!("Failed to parse body into Call protobuf: {why}"))),
    };
    respond(answer.map(|answer| {
        let body = match accepted {
            MediaType::Protobuf => answer.encode_to_vec(),
            MediaType::Json => serde_json::to_vec(&answer).unwrap_or_default(),
        };
        ([(header::CONTENT_TYPE, accepted.name())], body).into_response()
    }))
}

async fn answer(sandboxes: &Sandboxes, call: Call) -> Result<Answer, Wrong> {
    let wrong = |text: &str| Wrong::Request(format!("Failed to validate agent::Call: {text}"));
    match call.r#type.and_then(|number| CallType::try_from(number).ok()) {
        Some(CallType::ListFiles) => {
            let path = call.list_files.and_then(|call| call.path);
            let path = path.ok_or_else(|| wrong("Expecting 'list_files' to be present"))?;
            let file_infos = sandboxes.list(&path).await?.into_iter().map(info).collect();
            let (r#type, list_files) =
                (Some(ResponseType::ListFiles as i32), Some(FilesListed { file_infos }));
            Ok(Answer { r#type, list_files, read_file: None })
        }
        Some(CallType::ReadFile) => {
            let call = call.read_file.ok_or_else(|| wrong("Expecting 'read_file' to be present"))?;
            let path = call.path.ok_or_else(|| wrong("Expecting 'read_file.path' to be present"))?;
            let part = sandboxes.read(&path, call.offset.unwrap_or_default(), call.length).await?;
            let read_file = FileRead { size: Some(part.size), data: Some(part.data.into()) };
            let r#type = Some(ResponseType::ReadFile as i32);
            Ok(Answer { r#type, list_files: None, read_file: Some(read_file) })
        }
        None => Err(wrong("Expecting 'type' to be present, and one that the embedded Mesos knows")),
    }
}

enum Wrong {
    Request(String),
    Files(FilesError),
}

impl From<FilesError> for Wrong {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

fn path_of(query: &HashMap<String, String>) -> Result<&str, Wrong> {
    let path = query.get("path").filter(|path| !path.is_empty());
    path.map(String::as_str).ok_or_else(|| Wrong::Request("Expecting 'path=value' in query.\n".to_owned()))
}

/// None where there is none, and for -1.
fn number(query: &HashMap<String, String>, name: &str, negative: &str) -> Result<Option<u64>, Wrong> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number: i64 = text.parse().map_err(|_| {
        Wrong::Request(format!("Failed to parse {name}: Failed to convert '{text}' to number.\n"))
    })?;
    match number {
        -1 => Ok(None),
        _ => u64::try_from(number).map(Some).map_err(|_| Wrong::Request(format!("{negative}: {number}.\n"))),
    }
}

fn respond(result: Result<Response, Wrong>) -> Response {
    let (status, text) = match result {
        Ok(response) => return response,
        Err(Wrong::Request(text)) => (StatusCode::BAD_REQUEST, text),
        Err(Wrong::Files(error)) => {
            let status = match &error {
                FilesError::NotFound => StatusCode::NOT_FOUND,
                FilesError::Directory { .. } => StatusCode::BAD_REQUEST,
                FilesError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, error.to_string())
        }
    };
    (status, text).into_response()
}

fn describe(path: &str, metadata: &Metadata) -> Value {
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    json!({
        "path": path,
        "size": metadata.len(),
        "mtime": modified.unwrap_or_default().as_secs(),
        "mode": mode(metadata),
        "nlink": metadata.nlink(),
        "uid": metadata.uid().to_string(),
        "gid": metadata.gid().to_string(),
    })
}

fn info((path, metadata): (String, Metadata)) -> FileInfo {
    FileInfo {
        path: Some(path),
        nlink: i32::try_from(metadata.nlink()).ok(),
        size: Some(metadata.len()),
        mtime: Some(TimeInfo { nanoseconds: Some(metadata.mtime() * 1_000_000_000) }),
        mode: Some(metadata.mode()),
        uid: Some(metadata.uid().to_string()),
        gid: Some(metadata.gid().to_string()),
    }
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
