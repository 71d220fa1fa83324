//! `/api/v1`, in JSON and for GET_FRAMEWORKS in protobuf too, and `/teardown`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message as _;
use tokio::sync::oneshot;

use crate::cluster::Input;
use crate::master::{FrameworkTarget, OperatorCall};
use crate::request::MediaType;
use mesos::wire::id::FrameworkId;
use mesos::wire::operator as wire;

use super::{Server, leadership, scheduler};

pub async fn call(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(response) = leadership::refuse(&server, "/master/api/v1") {
        return response;
    }
    if asks_for_frameworks(&headers, &body) {
        return frameworks(&server, &headers).await;
    }
    let media = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if media != Some(MediaType::Json.name().as_bytes()) {
        let text =
            "Expecting 'Content-Type' of application/json: the embedded Mesos knows no other for this call";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    }
    let call: OperatorCall = match serde_json::from_slice(&body) {
        Ok(call) => call,
        Err(error) => {
            let text = format!("Failed to convert JSON into Call protobuf: {error}");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    operate(&server, call).await
}

fn asks_for_frameworks(headers: &HeaderMap, body: &[u8]) -> bool {
    let call = match headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()) {
        Some("application/x-protobuf") => wire::Call::decode(body).ok(),
        Some("application/json") => serde_json::from_slice(body).ok(),
        Some(_) | None => None,
    };
    call.is_some_and(|call| call.r#type == Some(wire::CallType::GetFrameworks as i32))
}

async fn frameworks(server: &Server, headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let Some(media) = MediaType::allowed_by(accept) else {
        let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
        return (StatusCode::NOT_ACCEPTABLE, text).into_response();
    };
    let (reply, answer) = oneshot::channel();
    if server.cluster.send(Input::FrameworksAsked(reply)).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok(answer) = answer.await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let body = match media {
        MediaType::Protobuf => answer.encode_to_vec(),
        MediaType::Json => serde_json::to_vec(&answer).unwrap_or_default(),
    };
    ([(header::CONTENT_TYPE, media.name())], body).into_response()
}

/// `frameworkId=ID` in the body.
pub async fn teardown(State(server): State<Server>, body: String) -> Response {
    if let Some(response) = leadership::refuse(&server, "/master/teardown") {
        return response;
    }
    let id = body.trim().split('&').find_map(|field| field.strip_prefix("frameworkId="));
    let Some(id) = id else {
        let text = "Missing 'frameworkId' query parameter in the request body";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let teardown = FrameworkTarget { framework_id: FrameworkId::new(id) };
    operate(&server, OperatorCall::Teardown { teardown }).await
}

async fn operate(server: &Server, call: OperatorCall) -> Response {
    let (reply, answer) = oneshot::channel();
    let question = Input::Operated { call: Box::new(call), reply };
    if server.cluster.send(question).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    answer.await.map_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response(), scheduler::plain)
}
