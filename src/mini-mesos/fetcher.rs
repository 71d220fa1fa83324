//! The fetcher: brings a task's URIs into its sandbox before it starts, one after the other, and logs to the
//! sandbox's `stderr`, as the real one does.

mod cache;

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::fs;
use tokio::io::AsyncWriteExt as _;

use base::{addresses, log};
use tls::http;

use super::agent::{Archive, Fetch, Start, Then, UriLocation};
use super::reaper::Reaper;
use super::tool::{self, ToolError};
use cache::Cache;

/// Without a byte for so long a download has failed.
const STALLED_AFTER: Duration = Duration::from_secs(60);

const MAX_REDIRECTS: usize = 10;

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
    #[error("no TLS")]
    Tls(#[from] rustls::Error),
    #[error("cannot download it")]
    Download(#[source] reqwest::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("cannot copy {}", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot extract it")]
    Extract(#[from] ToolError),
}

/// Fetches all that `start` needs. What failed is in the sandbox's `stderr`; the caller is told no more than the
/// real agent's is.
pub async fn fetch(start: &Start, reaper: &Reaper) -> Result<(), String> {
    let failed = |cause: &dyn std::fmt::Display| {
        let container = &start.container.0;
        Err(format!("Failed to fetch all URIs for container '{container}': {cause}"))
    };
    let cache = Cache::new(start.cache.clone());
    for fetch in &start.fetches {
        let done = fetch_one(fetch, &start.sandbox, &cache, reaper).await;
        // A signed address is a secret, and the file can be read by others.
        let location = addresses::shown(fetch.location.text());
        let words = match &done {
            Ok(()) => {
                // It ends as the address does.
                let name = fetch.file.split(['?', '#']).next().unwrap_or_default();
                format!("Fetched '{location}' to '{name}'")
            }
            Err(error) => {
                let why = addresses::shown_within(&log::chain(error));
                format!("Failed to fetch '{location}': {why}")
            }
        };
        let written = std::fs::File::options()
            .append(true)
            .create(true)
            .open(start.sandbox.join("stderr"))
            .and_then(|mut file| writeln!(file, "{words}"));
        if let Err(error) = written {
            return failed(&error);
        }
        if done.is_err() {
            return failed(&"exited with status 1");
        }
    }
    Ok(())
}

async fn fetch_one(fetch: &Fetch, sandbox: &Path, cache: &Cache, reaper: &Reaper) -> Result<(), FetchError> {
    let file = sandbox.join(&fetch.file);
    let write = |source| FetchError::Write { path: file.clone(), source };
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).await.map_err(write)?;
    }
    let mut from = file.clone();
    match &fetch.location {
        UriLocation::Path(path) => {
            let copied = fs::copy(path, &file).await;
            copied.map_err(|source| FetchError::Copy { path: path.into(), source })?;
        }
        UriLocation::Url(url) => {
            let _turn = if fetch.is_cached { Some(cache.turn(url).await) } else { None };
            if let Some(kept) = cache.find(url).filter(|_| fetch.is_cached) {
                from = kept;
            } else {
                let size = download(url, &file).await?.filter(|_| fetch.is_cached);
                if let Some(kept) = size.and_then(|bytes| cache.keep(url, &file, bytes)) {
                    from = kept;
                    fs::remove_file(&file).await.map_err(write)?;
                }
            }
        }
    }
    // Of what the cache keeps an archive's content alone comes into the sandbox.
    let is_archive = matches!(fetch.then, Then::Extract(_));
    if from != file && !is_archive {
        let copied = fs::copy(&from, &file).await;
        copied.map_err(|source| FetchError::Copy { path: from.clone(), source })?;
    }
    match fetch.then {
        Then::Nothing => {}
        Then::MakeExecutable => {
            fs::set_permissions(&file, Permissions::from_mode(0o755)).await.map_err(write)?;
        }
        Then::Extract(archive) => extract(archive, &from, &file, sandbox, reaper).await?,
    }
    Ok(())
}

/// Answers how large it is said to be.
async fn download(url: &str, file: &Path) -> Result<Option<u64>, FetchError> {
    let builder = if url.starts_with("https:") { http::secure() } else { http::plain()? };
    let client: Client =
        builder.redirect(Policy::limited(MAX_REDIRECTS)).read_timeout(STALLED_AFTER).build()?;
    let answer = client.get(url).send().await.map_err(FetchError::Download)?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let size = answer.content_length();
    let write = |source| FetchError::Write { path: file.to_owned(), source };
    let mut target = fs::File::create(file).await.map_err(write)?;
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        target.write_all(&chunk.map_err(FetchError::Download)?).await.map_err(write)?;
    }
    target.flush().await.map_err(write)?;
    Ok(size)
}

/// With the host's tools, as the real fetcher does. `named` is the name the archive has in the sandbox.
async fn extract(
    archive: Archive,
    from: &Path,
    named: &Path,
    sandbox: &Path,
    reaper: &Reaper,
) -> Result<(), ToolError> {
    let (directory, from) = (sandbox.as_os_str(), from.as_os_str());
    match archive {
        Archive::Tar => {
            let argv = ["tar".as_ref(), "-C".as_ref(), directory, "-xf".as_ref(), from];
            tool::run(&argv, sandbox, reaper).await
        }
        Archive::Zip => {
            let argv = ["unzip".as_ref(), "-o".as_ref(), "-q".as_ref(), "-d".as_ref(), directory, from];
            tool::run(&argv, sandbox, reaper).await
        }
        Archive::Gzip => {
            let argv = ["gzip".as_ref(), "-dc".as_ref(), from];
            tool::run_into(&argv, sandbox, &named.with_extension(""), reaper).await
        }
    }
}

impl UriLocation {
    fn text(&self) -> &str {
        match self {
            Self::Url(text) | Self::Path(text) => text,
        }
    }
}
