//! Answers that say what is wrong, and the status codes that they have.

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{AppendHeaders, IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use dispatcher::Refusal;
use manifest::Finding;

use super::ask::Unanswered;

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(skip)]
    pub status: u16,
    /// In seconds.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    pub error: String,
    /// What is wrong in which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Finding>,
}

impl Problem {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status: status.as_u16(), retry_after: None, error: error.into(), fields: Vec::new() }
    }

    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// One field is wrong.
    pub fn field(status: StatusCode, field: &str, error: String) -> Self {
        let finding = Finding { field: field.to_owned(), line: None, reason: error.clone() };
        Self { fields: vec![finding], ..Self::new(status, error) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let challenge = (self.status == StatusCode::UNAUTHORIZED.as_u16())
            .then(|| AppendHeaders([(WWW_AUTHENTICATE, "Bearer")]));
        answer(self.status, self.retry_after, (challenge, Json(self)))
    }
}

/// A status, and after how many seconds another attempt may have another.
pub fn answer(status: u16, retry_after: Option<u64>, body: impl IntoResponse) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = retry_after.map(|seconds| AppendHeaders([(RETRY_AFTER, seconds.to_string())]));
    (status, retry_after, body).into_response()
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let error = refusal.to_string();
        match refusal {
            Refusal::NoSuchCluster { .. } | Refusal::NoSuchRevision { .. } | Refusal::NoSuchJob { .. } => {
                Self::new(StatusCode::NOT_FOUND, error)
            }
            Refusal::Conflict { .. } => Self::new(StatusCode::PRECONDITION_FAILED, error),
            Refusal::Exists { .. }
            | Refusal::BeingDeleted { .. }
            | Refusal::Unreadable { .. }
            | Refusal::Frozen { .. }
            | Refusal::Suspended { .. }
            | Refusal::SuspendedBySpecification { .. }
            | Refusal::Ended { .. }
            | Refusal::Upgrade { .. }
            | Refusal::InUse { .. }
            | Refusal::MaybeInUse { .. }
            | Refusal::FollowsJobs { .. }
            | Refusal::TooManyRestarts { .. }
            | Refusal::OtherJob { .. }
            | Refusal::IsApplication { .. }
            | Refusal::TooManyJobs { .. }
            | Refusal::TooManyClusters { .. }
            | Refusal::ArtifactInUse { .. }
            | Refusal::ArtifactMaybeInUse { .. } => Self::new(StatusCode::CONFLICT, error),
            Refusal::TooManyAppMasters { .. } => {
                Self::field(StatusCode::UNPROCESSABLE_ENTITY, "spec.jobManager.replicas", error)
            }
            Refusal::TaskManager { .. } | Refusal::JobId { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error)
            }
            Refusal::Name { .. } => Self::field(StatusCode::UNPROCESSABLE_ENTITY, "metadata.name", error),
            Refusal::TooLarge { .. } => Self::field(StatusCode::PAYLOAD_TOO_LARGE, "spec", error),
            Refusal::Jar { .. } => Self::field(StatusCode::UNPROCESSABLE_ENTITY, "jarURI", error),
            Refusal::LargeJob { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error),
            Refusal::LongMessage { .. } => Self::field(StatusCode::BAD_REQUEST, "message", error),
        }
    }
}

impl From<Unanswered> for Problem {
    fn from(why: Unanswered) -> Self {
        let (status, retry_after) = match why {
            Unanswered::Busy => (StatusCode::TOO_MANY_REQUESTS, 1),
            Unanswered::NotLeading => (StatusCode::SERVICE_UNAVAILABLE, 1),
            Unanswered::NotStored(_)
            | Unanswered::NotRead(_)
            | Unanswered::Stopping
            | Unanswered::Slow { .. } => (StatusCode::SERVICE_UNAVAILABLE, 5),
        };
        Self { retry_after: Some(retry_after), ..Self::new(status, why.to_string()) }
    }
}

/// What each question may get.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum Unavailable {
    #[response(status = 400, description = "A name or a parameter of the query is wrong")]
    Wrong(Problem),
    #[response(
        status = 401,
        description = "No token, one that is not known, or one that has expired",
        headers(("WWW-Authenticate" = String, description = "`Bearer`"))
    )]
    Unknown(Problem),
    #[response(
        status = 403,
        description = "The token does not allow it, it is not known who asks, or the request comes from another site"
    )]
    Forbidden(Problem),
    #[response(status = 429, description = "Too many requests are waiting")]
    Busy(Problem),
    #[response(
        status = 503,
        description = "The dispatcher stops, cannot store anything, or no dispatcher leads"
    )]
    Stopping(Problem),
}

/// What each question about one cluster may get.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum NotFound {
    #[response(status = 404, description = "There is no such cluster or revision")]
    NotFound(Problem),
    #[response(status = 409, description = "What is stored of it cannot be read")]
    Unreadable(Problem),
}

/// What each order about one cluster may get.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum Refused {
    #[response(status = 307, description = "Another dispatcher leads: it takes the order at `Location`")]
    Elsewhere(Problem),
    #[response(status = 404, description = "There is no such cluster")]
    NotFound(Problem),
    #[response(
        status = 409,
        description = "The cluster exists, is being deleted, frozen or suspended, has ended, jobs run in it, or it cannot be read"
    )]
    Conflict(Problem),
    #[response(status = 412, description = "The cluster is not at the revision of `If-Match`")]
    Precondition(Problem),
}

/// What each order with a body may get.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it only describes")]
pub enum WrongBody {
    #[response(status = 413, description = "The body or a document in it is too large")]
    TooLarge(Problem),
    #[response(status = 422, description = "What the body says is wrong")]
    Invalid(Problem),
}
