//! Artifacts: files that are pushed here, and fetched by whoever runs them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use base::digest::Digest;
use base::log;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tracing::info;
use utoipa::ToSchema;

use domain::job::Rules;

use dispatcher::{Dispatcher, Order, Outcome, References, Timestamp, Verb};
use manifest::{ArtifactUri, MAX_ARTIFACT_NAME};
use serve::Outbox;
use uploads::{About, Begun, Coming, FileError, Listed, Refusal, Store, UploadError};

use super::Shared;
use super::answer::{Problem, Unavailable};
use super::ask::ask;
use super::caller::Caller;
use super::condition::Condition;
use super::extract::{Path, Query};
use super::orders::OrderQuery;

/// What of a refused upload is read on, so that whoever sends it hears why: an answer before the end closes the connection.
const MAX_DISCARDED: u64 = 256 << 20;
const MAX_DISCARDING: Duration = Duration::from_secs(10);

/// What is here, and where else it may be.
#[derive(Clone)]
pub struct Artifacts {
    pub store: Arc<Store>,
    /// Has an artifact come from another dispatcher that has it. Whether it has come.
    pub elsewhere: Elsewhere,
    /// Where jars may be; wherever AppMasters can fetch them, if it is not said.
    pub rules: Option<Arc<Rules>>,
}

pub type Elsewhere = Arc<dyn Fn(Digest) -> BoxFuture<'static, bool> + Send + Sync>;

impl Artifacts {
    /// Of a dispatcher beside which there is no other.
    pub fn alone(store: Arc<Store>) -> Self {
        let elsewhere: Elsewhere = Arc::new(|_| Box::pin(async { false }));
        Self { store, elsewhere, rules: None }
    }

    /// With which the URI of a jar may begin, as far as it is said.
    pub(crate) fn schemes(&self) -> Option<Vec<&str>> {
        Some(self.rules.as_ref()?.schemes.iter().map(String::as_str).collect())
    }

    /// The content, from wherever it is.
    pub async fn open(&self, digest: Digest) -> Result<Option<(std::fs::File, About)>, FileError> {
        if let Some(found) = self.store.open(digest).await? {
            return Ok(Some(found));
        }
        if (self.elsewhere)(digest).await { self.store.open(digest).await } else { Ok(None) }
    }
}

/// An artifact, and what refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// SHA-256 in 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// As specifications name it, in `spec.job.jarURI`.
    pub uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In bytes.
    pub size: u64,
    pub uploaded_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_from: Option<String>,
    /// Clusters of which a revision that is kept refers to it, or a job that is still to be submitted.
    #[serde(default)]
    pub used_by: Vec<String>,
}

impl Artifact {
    fn of(digest: Digest, about: About, references: &References) -> Self {
        let used_by = references.clusters.get(&digest);
        let About { name, size, user, from, at } = about;
        Self {
            digest,
            uri: ArtifactUri::named(digest, name.as_deref()).to_string(),
            name,
            size,
            uploaded_at: at,
            uploaded_by: user,
            uploaded_from: from,
            used_by: used_by.into_iter().flatten().cloned().collect(),
        }
    }
}

/// What came of a file that was pushed, or of an order to remove one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// SHA-256 in 64 hexadecimal digits.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// As specifications name it, in `spec.job.jarURI`.
    pub uri: String,
    /// `unchanged` where it was there already.
    pub outcome: Outcome,
}

/// The query of `PUT /v1/artifacts/{digest}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PushQuery {
    /// The name of the file, for people
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bytes of the whole, where the request does not have them: with `dryRun`, whether there would be room
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Read and change nothing, and answer as if it were changed
    pub dry_run: bool,
    /// Why, for the audit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// All artifacts, by their digests.
#[utoipa::path(get, path = "/v1/artifacts", responses(
    (status = 200, body = Vec<Artifact>),
    (status = 507, description = "The directory of artifacts cannot be read", body = Problem),
    Unavailable,
))]
pub async fn list(State(Shared { sources, .. }): State<Shared>) -> Result<Response, Problem> {
    let store = &sources.artifacts.store;
    store.refresh().await?;
    let references = ask(&sources.handle, |core, _| core.references()).await?;
    let artifact = |Listed { digest, about }| Artifact::of(digest, about, &references);
    let artifacts: Vec<_> = store.list().into_iter().map(artifact).collect();
    Ok(Json(artifacts).into_response())
}

/// The content of an artifact.
#[utoipa::path(get, path = "/v1/artifacts/{digest}",
    params(("digest" = String, Path, description = "SHA-256 in 64 hexadecimal digits")),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "There is no such artifact", body = Problem),
        (status = 507, description = "The directory of artifacts cannot be read", body = Problem),
        Unavailable,
    ),
)]
pub async fn get(
    State(Shared { sources, .. }): State<Shared>,
    Path(digest): Path<Digest>,
    outbox: Option<Extension<Outbox>>,
) -> Result<Response, Problem> {
    let found = sources.artifacts.open(digest).await?;
    let (file, about) = found.ok_or_else(|| not_found(&digest))?;
    Ok(content(file, digest, &about, outbox.map(|Extension(outbox)| outbox)))
}

/// An answer with the content of an artifact.
pub fn content(file: std::fs::File, digest: Digest, about: &About, outbox: Option<Outbox>) -> Response {
    let section = serve::Section { file: Arc::new(file), offset: 0, length: about.size };
    let name = ArtifactUri::named(digest, about.name.as_deref()).name;
    let name = name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
    let head = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, about.size.to_string()),
        (ETAG, format!("\"{digest}\"")),
        // A browser is to take it for nothing that runs here.
        (CONTENT_DISPOSITION, format!("attachment{name}")),
    ];
    (head, serve::body(std::iter::once(Ok(serve::Part::File(section))), outbox)).into_response()
}

/// Upload an artifact. The body is its content.
#[utoipa::path(put, path = "/v1/artifacts/{digest}",
    params(("digest" = String, Path, description = "SHA-256 of the content in 64 hexadecimal digits"), PushQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Pushed, description = "It is there already, or nothing shall be changed"),
        (status = 201, body = Pushed, description = "It is kept"),
        (status = 307, description = "Another dispatcher leads: it takes the artifact at `Location`", body = Problem),
        (status = 408, description = "The body has not gone on for long", body = Problem),
        (status = 413, description = "It has more bytes than one artifact, or all together, may have", body = Problem),
        (status = 422, description = "The content has another digest", body = Problem),
        (status = 507, description = "It cannot be written, as where the disk is full", body = Problem),
        Unavailable,
    ),
)]
pub async fn put(
    State(Shared { sources, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(digest): Path<Digest>,
    Query(query): Query<PushQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let PushQuery { name, size, dry_run, message } = query;
    check_name(name.as_deref())?;
    let order = OrderQuery { dry_run, message }.order(&caller, Condition::default());
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let length = if dry_run { size } else { length.or(size) };
    let mut body = body.into_data_stream();
    let store = &sources.artifacts.store;
    let answer = |status: StatusCode, name: Option<&str>, outcome| {
        let uri = ArtifactUri::named(digest, name).to_string();
        Ok((status, Json(Pushed { digest, uri, outcome })).into_response())
    };
    let coming = match store.begin(digest, length).map_err(UploadError::from) {
        Ok(Begun::There(_)) => return answer(StatusCode::OK, name.as_deref(), Outcome::Unchanged),
        Ok(Begun::Comes(_)) if dry_run => return answer(StatusCode::OK, name.as_deref(), Outcome::Created),
        Ok(Begun::Comes(coming)) => coming,
        Err(error) => return Err(error.into()),
    };
    let about =
        About { name, user: Some(order.user.clone()), from: Some(order.from.clone()), ..About::default() };
    let about = kept(coming, about, &mut body).await?;
    let what = told(&digest, &about);
    info!("artifact {what}, {} bytes: pushed by {}, {}", about.size, caller.user, caller.from);
    let noted =
        ask(&sources.handle, move |core, now| core.note_artifact(Verb::PushArtifact, what, &order, now));
    noted.await??;
    answer(StatusCode::CREATED, about.name.as_deref(), Outcome::Created)
}

async fn kept(coming: Coming, about: About, body: &mut BodyDataStream) -> Result<About, Problem> {
    let kept = coming.keep(about, &mut *body).await;
    if let Err(error) = &kept
        && !matches!(error, UploadError::Cut { .. } | UploadError::Silent)
    {
        discard(body).await;
    }
    Ok(kept?)
}

async fn discard(body: &mut BodyDataStream) {
    let mut left = MAX_DISCARDED;
    let discarding = async {
        while let Some(Ok(bytes)) = body.next().await
            && let Some(less) = left.checked_sub(bytes.len() as u64)
        {
            left = less;
        }
    };
    let _until_then = timeout(MAX_DISCARDING, discarding).await;
}

/// Remove an artifact to which nothing refers.
#[utoipa::path(delete, path = "/v1/artifacts/{digest}",
    params(("digest" = String, Path, description = "SHA-256 in 64 hexadecimal digits"), OrderQuery),
    responses(
        (status = 200, body = Pushed, description = "It is removed, or nothing shall be changed"),
        (status = 307, description = "Another dispatcher leads: it takes the order at `Location`", body = Problem),
        (status = 404, description = "There is no such artifact", body = Problem),
        (status = 409, description = "A cluster refers to it, or may", body = Problem),
        (status = 507, description = "The directory of artifacts cannot be changed", body = Problem),
        Unavailable,
    ),
)]
pub async fn delete(
    State(Shared { sources, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(digest): Path<Digest>,
    Query(query): Query<OrderQuery>,
) -> Result<Response, Problem> {
    let store = &sources.artifacts.store;
    store.refresh().await?;
    let is_dry = query.dry_run;
    let order = query.order(&caller, Condition::default());
    let removal = Removal { store: Arc::clone(store), digest };
    let asked = ask(&sources.handle, move |core, now| removal.begin(core, &order, now));
    let about = match asked.await {
        Ok(about) => about?,
        Err(why) => {
            store.undo_removal(&digest);
            return Err(why.into());
        }
    };
    if !is_dry {
        store.remove(digest).await?;
        info!("artifact {}: removed by {}, {}", told(&digest, &about), caller.user, caller.from);
    }
    let uri = ArtifactUri::named(digest, about.name.as_deref()).to_string();
    Ok(Json(Pushed { digest, uri, outcome: Outcome::Changed }).into_response())
}

struct Removal {
    store: Arc<Store>,
    digest: Digest,
}

impl Removal {
    /// What nothing refers to is not there from now on, so nothing can.
    fn begin(&self, core: &mut Dispatcher, order: &Order, now: Timestamp) -> Result<About, Problem> {
        let Self { store, digest } = self;
        let found = store.list().into_iter().find(|listed| listed.digest == *digest);
        let about = found.ok_or_else(|| not_found(digest))?.about;
        core.references().check(digest)?;
        if !order.dry_run {
            core.note_artifact(Verb::RemoveArtifact, told(digest, &about), order, now)?;
            store.begin_removal(digest);
        }
        Ok(about)
    }
}

/// To which artifacts these refer that are not here. They are looked for before it is decided.
pub async fn look_for(artifacts: &Artifacts, digests: BTreeSet<Digest>) {
    for digest in digests.into_iter().filter(|digest| !artifacts.store.has(digest)) {
        // Where it cannot be looked, it is not there.
        let _ = artifacts.open(digest).await;
    }
}

/// `DIGEST orders.jar`
fn told(digest: &Digest, about: &About) -> String {
    match &about.name {
        Some(name) => format!("{digest} {name}"),
        None => digest.to_string(),
    }
}

fn check_name(name: Option<&str>) -> Result<(), Problem> {
    let is_good = |name: &str| {
        (1..=MAX_ARTIFACT_NAME).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_control())
    };
    if name.is_none_or(is_good) {
        return Ok(());
    }
    let text = format!("`name`: expected the name of a file, of {MAX_ARTIFACT_NAME} bytes at most");
    Err(Problem::field(StatusCode::BAD_REQUEST, "name", text))
}

fn not_found(digest: &Digest) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no artifact {digest}"))
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, log::chain(&error))
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let text = error.to_string();
        match error {
            UploadError::Refused(Refusal::File { .. } | Refusal::Total { .. }) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, text)
            }
            UploadError::Refused(Refusal::Going { .. }) => {
                Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
            }
            UploadError::Busy => {
                Self { retry_after: Some(5), ..Self::new(StatusCode::TOO_MANY_REQUESTS, text) }
            }
            UploadError::Different { .. } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, text),
            UploadError::Cut { .. } => Self::bad_request(text),
            UploadError::Silent => Self::new(StatusCode::REQUEST_TIMEOUT, text),
            UploadError::File(error) => error.into(),
        }
    }
}
