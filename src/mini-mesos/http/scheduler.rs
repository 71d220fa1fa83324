//! `/api/v1/scheduler`

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::cluster::{Answered, Input};
use crate::master::Answer;
use crate::request::{self, Head, MediaType, Refusal};

use super::leadership;
use super::stream::{self, Closing};
use super::{MAX_BODY_BYTES, Server};

const STREAM_ID: HeaderName = HeaderName::from_static("mesos-stream-id");

pub async fn call(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let head = Head {
        method: parts.method.as_str().to_owned(),
        content_type: text(&parts.headers, &header::CONTENT_TYPE),
        accept: text(&parts.headers, &header::ACCEPT),
        stream: text(&parts.headers, &STREAM_ID),
        authorization: text(&parts.headers, &header::AUTHORIZATION),
    };
    let principal = match request::authenticate(&head, server.credentials.as_deref()) {
        Ok(principal) => principal,
        Err(refusal) => return refuse(refusal),
    };
    if let Some(response) = leadership::refuse(&server, "/master/api/v1/scheduler") {
        return response;
    }
    let Ok(body) = body::to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (call, media) = match request::read(&head, &body, principal) {
        Ok(read) => read,
        Err(refusal) => return refuse(refusal),
    };
    let (reply, answer) = oneshot::channel();
    let question = Input::Called { call: Box::new(call), reply };
    if server.cluster.send(question).await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answer.await {
        Ok(answered) => respond(answered, media, &server),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn respond(answered: Answered, media: MediaType, server: &Server) -> Response {
    let events = match answered {
        Answered::Plainly(answer) => return plain(answer),
        Answered::WithEvents(events) => events,
        #[cfg(feature = "faults")]
        Answered::Otherwise { status, text } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, text).into_response();
        }
    };
    let id = events.stream.0.clone();
    let closing = Closing { stream: events.stream, cluster: server.cluster.clone() };
    let body = Body::from_stream(stream::records(events.receiver, media, closing));
    ([(header::CONTENT_TYPE, media.name()), (STREAM_ID, id.as_str())], body).into_response()
}

pub(super) fn plain(answer: Answer) -> Response {
    match answer {
        // The cluster turns it into a stream of events before it comes here.
        Answer::Stream(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Answer::Accepted => StatusCode::ACCEPTED.into_response(),
        Answer::Done => StatusCode::OK.into_response(),
        Answer::BadRequest(text) => (StatusCode::BAD_REQUEST, text).into_response(),
        Answer::Forbidden(text) => (StatusCode::FORBIDDEN, text).into_response(),
        Answer::NotImplemented => (StatusCode::NOT_IMPLEMENTED, "501 Not Implemented.").into_response(),
    }
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::BadRequest(text) => (StatusCode::BAD_REQUEST, text).into_response(),
        Refusal::Unauthorized => {
            let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"mesos-master-scheduler\"")];
            (StatusCode::UNAUTHORIZED, realm, "401 Unauthorized.").into_response()
        }
        Refusal::MethodNotAllowed(method) => {
            let text =
                format!("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.");
            (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], text).into_response()
        }
        Refusal::NotAcceptable => {
            let text = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
            (StatusCode::NOT_ACCEPTABLE, text).into_response()
        }
        Refusal::UnsupportedMediaType => {
            let text = "Expecting 'Content-Type' of application/json or application/x-protobuf";
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response()
        }
    }
}
