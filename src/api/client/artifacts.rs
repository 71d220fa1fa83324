//! Artifacts, pushed from files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::digest::{Digest, Sha256};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH};
use reqwest::{Body, Method, Url};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::{Address, AskError, Dispatcher, builder};
use crate::artifacts::{Artifact, PushQuery, Pushed};
use crate::orders::OrderQuery;
use dispatcher::Outcome;

const CHUNK: usize = 256 << 10;

/// While nothing is taken of the file, nor answered when all of it was: the dispatcher has it on its disk before it answers.
const SILENCE: Duration = Duration::from_secs(300);

/// Another dispatcher may come to lead while a file is sent.
const MAX_ATTEMPTS: usize = 3;

impl Dispatcher {
    pub async fn artifacts(&self) -> Result<Vec<Artifact>, AskError> {
        self.answer(self.get(&["artifacts"])).await
    }

    /// A file, unless the dispatcher has one with this content. `query` need have no size.
    pub async fn push(&self, file: &Path, query: &PushQuery) -> Result<Pushed, AskError> {
        let failed = |source| AskError::File { path: file.to_owned(), source };
        let (digest, size) = digest_of(file.to_owned()).await.map_err(failed)?;
        for _ in 0..MAX_ATTEMPTS {
            let (pushed, at) =
                self.probe(digest, &PushQuery { size: Some(size), dry_run: true, ..query.clone() }).await?;
            if pushed.outcome == Outcome::Unchanged || query.dry_run {
                return Ok(pushed);
            }
            if let Some(pushed) = self.send_file(file, size, &at, query).await? {
                return Ok(pushed);
            }
        }
        Err(AskError::NoLeader { address: self.address.clone() })
    }

    pub async fn remove_artifact(&self, digest: &Digest, query: &OrderQuery) -> Result<Pushed, AskError> {
        self.answer(self.request(Method::DELETE, &["artifacts", &digest.to_string()]).query(query)).await
    }

    /// Whether the file would be taken, and who takes it, before any of it is sent.
    async fn probe(&self, digest: Digest, query: &PushQuery) -> Result<(Pushed, Url), AskError> {
        let request = self.request(Method::PUT, &["artifacts", &digest.to_string()]).query(query);
        let response = self.send(request).await?;
        let (status, mut at) = (response.status().as_u16(), response.url().clone());
        let bytes = response.bytes().await.map_err(|source| self.no_answer(source))?;
        at.set_query(None);
        Ok((self.parsed(status, &bytes)?, at))
    }

    /// None where another dispatcher leads by now.
    async fn send_file(
        &self,
        path: &Path,
        size: u64,
        at: &Url,
        query: &PushQuery,
    ) -> Result<Option<Pushed>, AskError> {
        let failed = |source| AskError::File { path: path.to_owned(), source };
        let is_here = at.origin() == self.base.origin();
        let client = match &self.address {
            _ if is_here => self.client.clone(),
            Address::Url(_) | Address::Socket(_) => {
                builder(at, &self.credentials)?.build().map_err(|source| self.no_answer(source))?
            }
        };
        let (taken, file) = (Arc::<AtomicU64>::default(), File::open(path).await.map_err(failed)?);
        let mut request = client.put(at.clone()).query(query).header(CONTENT_LENGTH, size);
        let is_socket = is_here && matches!(self.address, Address::Socket(_));
        if let Some(authorization) = self.authorization.clone().filter(|_| !is_socket && self.may_tell(at)) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let sent = request
            .body(Body::wrap_stream(chunks(file, size, Arc::clone(&taken))))
            .timeout(Duration::MAX)
            .send();
        let response = tokio::select! {
            response = sent => response.map_err(|source| self.no_answer(source))?,
            () = stands_still(&taken) => return Err(AskError::Ended { address: self.address.clone() }),
        };
        let status = response.status().as_u16();
        if super::leader(&response).is_some() {
            return Ok(None);
        }
        let bytes = response.bytes().await.map_err(|source| self.no_answer(source))?;
        self.parsed(status, &bytes).map(Some)
    }
}

async fn digest_of(path: PathBuf) -> io::Result<(Digest, u64)> {
    let hashing = spawn_blocking(move || {
        use std::io::Read as _;
        let (mut file, mut hash, mut size) = (std::fs::File::open(path)?, Sha256::begin(), 0);
        let mut buffer = vec![0; CHUNK];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok((hash.digest(), size)),
                count => {
                    hash.update(&buffer[..count]);
                    size += count as u64;
                }
            }
        }
    });
    hashing.await.map_err(io::Error::other)?
}

/// No more than was announced: the file may grow.
fn chunks(file: File, size: u64, taken: Arc<AtomicU64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold((file, size, taken), async |(mut file, left, taken)| {
        let mut buffer = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let count = if left == 0 { 0 } else { file.read(&mut buffer).await? };
        if count == 0 {
            return Ok(None);
        }
        buffer.truncate(count);
        taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(Some((Bytes::from(buffer), (file, left - count as u64, taken))))
    })
}

async fn stands_still(taken: &AtomicU64) {
    let mut seen = taken.load(Ordering::Relaxed);
    loop {
        sleep(SILENCE).await;
        let now = taken.load(Ordering::Relaxed);
        if now == seen {
            return;
        }
        seen = now;
    }
}
