//! Carries a request to a JobManager and its answer back, without holding either of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, LOCATION};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use reqwest::{Client, ClientBuilder, Url};
use tokio::time::{sleep, timeout};

use super::isolation;
use super::permits::Permit;

/// A JobManager that accepts no connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// While nothing goes in either direction. Flink gives its own parts ten minutes (`web.timeout`), such as a jar's main method.
const SILENCE: Duration = Duration::from_secs(11 * 60);

/// Kept open to each JobManager: as many as one page uses at once.
const IDLE_CONNECTIONS: usize = 6;

/// The page of Flink's Web UI has 4 kB.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// For whom it is asked. To dispatchers it says that whoever asks is not of this machine, wherever an AppMaster says that its
/// JobManager is.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The way to JobManagers.
#[derive(Clone, Debug)]
pub struct JobManagers {
    client: Client,
    own_name: Arc<str>,
}

impl JobManagers {
    /// `builder` knows whom to trust; `own_name` is this machine's.
    pub fn new(builder: ClientBuilder, own_name: &str) -> reqwest::Result<Self> {
        let client =
            builder.connect_timeout(CONNECT_TIMEOUT).pool_max_idle_per_host(IDLE_CONNECTIONS).build()?;
        Ok(Self { client, own_name: own_name.into() })
    }

    pub fn own_name(&self) -> &str {
        &self.own_name
    }
}

/// A JobManager, and where its paths begin here.
pub struct Way {
    pub base: Url,
    pub url: Url,
    pub prefix: String,
    /// The path at the JobManager.
    pub path: String,
    pub asked_for: String,
}

#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    #[error("does not answer")]
    Unreachable(#[source] reqwest::Error),
    #[error("has neither taken nor sent anything for {} min", SILENCE.as_secs() / 60)]
    Silent,
    #[error("its page is longer than the {MAX_PAGE_BYTES} bytes that are read")]
    LongPage,
}

impl CarryError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable(_) | Self::LongPage => StatusCode::BAD_GATEWAY,
            Self::Silent => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl JobManagers {
    /// The answer keeps the permit until it has been read.
    pub async fn ask(&self, way: Way, request: Request, permit: Permit) -> Result<Response, CarryError> {
        let progress = Progress::default();
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let mut sent =
            self.client.request(head.method, way.url.clone()).headers(isolation::asked(&head.headers));
        sent = sent.header(FORWARDED_FOR, &way.asked_for);
        if !body.is_end_stream() {
            if let Some(length) = body.size_hint().exact() {
                sent = sent.header(CONTENT_LENGTH, length);
            }
            let progress = progress.clone();
            let chunks = body.into_data_stream().inspect(move |_| progress.note());
            sent = sent.body(reqwest::Body::wrap_stream(chunks));
        } else if !matches!(method, Method::GET | Method::HEAD) {
            sent = sent.header(CONTENT_LENGTH, 0);
        }
        let answer = tokio::select! {
            answer = sent.send() => answer.map_err(|error| CarryError::Unreachable(error.without_url()))?,
            () = progress.ends() => return Err(CarryError::Silent),
        };
        let mut headers = isolation::answered(answer.headers());
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.and_then(|to| super::path::redirected(&way.base, &way.url, &way.prefix, to));
        if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
            headers.insert(LOCATION, location);
        }
        let status = answer.status();
        let is_page = method == Method::GET
            && status == StatusCode::OK
            && isolation::is_page(&way.path, answer.headers());
        let body = if is_page {
            headers.remove(CONTENT_LENGTH);
            Body::from(isolation::without_cookies(&page(answer).await?))
        } else {
            Body::from_stream(chunks(answer.bytes_stream(), permit))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

async fn page(answer: reqwest::Response) -> Result<Vec<u8>, CarryError> {
    let (mut chunks, mut page) = (answer.bytes_stream(), Vec::new());
    while let Some(chunk) = timeout(SILENCE, chunks.next()).await.map_err(|_elapsed| CarryError::Silent)? {
        page.extend_from_slice(&chunk.map_err(|error| CarryError::Unreachable(error.without_url()))?);
        if page.len() > MAX_PAGE_BYTES {
            return Err(CarryError::LongPage);
        }
    }
    Ok(page)
}

/// Until a JobManager stops sending.
fn chunks(
    chunks: impl Stream<Item = reqwest::Result<Bytes>> + Send + 'static,
    permit: Permit,
) -> impl Stream<Item = Result<Bytes, CarryError>> + Send {
    stream::unfold((Box::pin(chunks), permit), async |(mut chunks, permit)| {
        let chunk = match timeout(SILENCE, chunks.next()).await {
            Ok(chunk) => chunk?.map_err(CarryError::Unreachable),
            Err(_elapsed) => Err(CarryError::Silent),
        };
        Some((chunk, (chunks, permit)))
    })
}

/// What has been read of a request.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU64>);

impl Progress {
    fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// When nothing has been read for long.
    async fn ends(&self) {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            sleep(SILENCE).await;
            let now = self.0.load(Ordering::Relaxed);
            if now == seen {
                return;
            }
            seen = now;
        }
    }
}
