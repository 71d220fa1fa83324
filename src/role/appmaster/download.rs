//! A job's jar from a server that its specification names: by the dispatcher's rules, since whoever hands in specifications is not to
//! look around in the agent's network by them.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::{addresses, log, public};
use domain::job::Rules;
use futures_util::StreamExt as _;
use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode, Url};
use tls::http;
use tokio::net::lookup_host;

use super::super::task::{self, Again, OWNERS_ALONE, Retry};

const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// While nothing comes.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("{url} is no address that can be fetched")]
    Address { url: String },
    #[error("{url}: the dispatcher does not allow the scheme `{scheme}` (`dispatcher.artifacts.schemes`)")]
    Scheme { url: String, scheme: String },
    #[error("cannot find out where {host} is")]
    Lookup {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error(
        "{url} is at {address}, which is no public address, and the dispatcher allows no others (`dispatcher.artifacts.allow-private-addresses`)"
    )]
    Private { url: String, address: IpAddr },
    #[error("failed to fetch {url}")]
    Http {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} answers with status {status}")]
    Refused { url: String, status: u16 },
    #[error("{url} sends on, and is the last of {MAX_REDIRECTS} that were sent on to")]
    TooManyRedirects { url: String },
    #[error(
        "{url} has more than the {most} bytes that an artifact may have (`dispatcher.artifacts.max-file`)"
    )]
    TooLarge { url: String, most: u64 },
    #[error("cannot store {url} as {}", path.display())]
    Store {
        url: String,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Retry for DownloadError {
    fn again(&self) -> Option<Again> {
        match self {
            Self::Http { source, .. } => Some(Again::Lost(log::chain(source))),
            Self::Lookup { source, .. } => Some(Again::Lost(log::chain(source))),
            Self::Refused { status, .. } if *status >= 500 || *status == 429 => {
                Some(Again::Lost(self.to_string()))
            }
            Self::Tls(_)
            | Self::Address { .. }
            | Self::Scheme { .. }
            | Self::Private { .. }
            | Self::Refused { .. }
            | Self::TooManyRedirects { .. }
            | Self::TooLarge { .. }
            | Self::Store { .. } => None,
        }
    }
}

/// What `url` has, as the file `path`.
pub async fn fetch(part: &str, url: &str, path: &Path, rules: &Rules) -> Result<(), DownloadError> {
    let is_allowed = |address: IpAddr| rules.allow_private_addresses || public::is_public(address);
    fetch_where(part, url, path, (rules, &is_allowed)).await
}

/// The rules, and with which addresses it may be spoken.
type Allowed<'a> = (&'a Rules, &'a (dyn Fn(IpAddr) -> bool + Sync));

async fn fetch_where(part: &str, url: &str, path: &Path, allowed: Allowed<'_>) -> Result<(), DownloadError> {
    let told = addresses::shown(url);
    let first = Url::parse(url).map_err(|_| DownloadError::Address { url: told.clone() })?;
    let fetched =
        task::again(part, ("the job's jar", &told), async || fetch_once(&first, path, allowed).await).await;
    if fetched.is_err() {
        // Part of it may be there, or nothing.
        let _ = std::fs::remove_file(path);
    }
    fetched
}

async fn fetch_once(first: &Url, path: &Path, allowed: Allowed<'_>) -> Result<(), DownloadError> {
    let mut url = first.clone();
    for _ in 0..=MAX_REDIRECTS {
        let told = addresses::shown(url.as_str());
        let answer = ask(&url, allowed).await?;
        let location = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection());
        if let Some(location) = location.and_then(|location| location.to_str().ok()) {
            url =
                url.join(location).map_err(|_| DownloadError::Address { url: addresses::shown(location) })?;
            continue;
        }
        if answer.status() != StatusCode::OK {
            return Err(DownloadError::Refused { url: told, status: answer.status().as_u16() });
        }
        return store(answer, told, path, allowed.0.max_bytes).await;
    }
    Err(DownloadError::TooManyRedirects { url: addresses::shown(url.as_str()) })
}

/// At none but the addresses that were looked at, whatever the name means in the next moment.
async fn ask(url: &Url, (rules, is_allowed): Allowed<'_>) -> Result<Response, DownloadError> {
    let told = || addresses::shown(url.as_str());
    let scheme = url.scheme();
    if !["http", "https"].contains(&scheme) || !rules.schemes.iter().any(|allowed| allowed == scheme) {
        return Err(DownloadError::Scheme { url: told(), scheme: scheme.to_owned() });
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(DownloadError::Address { url: told() });
    };
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((name, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|source| DownloadError::Lookup { host: host.to_owned(), source })?.collect();
    if let Some(address) = found.iter().map(SocketAddr::ip).find(|address| !is_allowed(*address)) {
        return Err(DownloadError::Private { url: told(), address });
    }
    let builder = if scheme == "https" { http::secure() } else { http::plain()? };
    let client =
        builder.resolve_to_addrs(name, &found).connect_timeout(CONNECT_TIMEOUT).read_timeout(SILENCE).build();
    let failed = |source: reqwest::Error| DownloadError::Http { url: told(), source: source.without_url() };
    client.map_err(failed)?.get(url.clone()).send().await.map_err(failed)
}

async fn store(answer: Response, url: String, path: &Path, most: u64) -> Result<(), DownloadError> {
    let stored = |source| DownloadError::Store { url: url.clone(), path: path.to_owned(), source };
    let too_large = || DownloadError::TooLarge { url: url.clone(), most };
    if answer.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let opened = File::options().write(true).create(true).truncate(true).mode(OWNERS_ALONE).open(path);
    let (mut file, mut chunks, mut bytes) = (opened.map_err(stored)?, answer.bytes_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|source| DownloadError::Http { url: url.clone(), source: source.without_url() })?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(too_large());
        }
        file.write_all(&chunk).map_err(stored)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Answers each connection with what `answer` makes of the path that is asked for.
    fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = [0; 4096];
                let count = stream.read(&mut head).expect("a request");
                let text = String::from_utf8_lossy(&head[..count]).into_owned();
                let answer = answer(text.split(' ').nth(1).unwrap_or_default());
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        base
    }

    fn on(location: &str) -> String {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }

    fn rules() -> Rules {
        Rules { schemes: vec!["http".to_owned()], allow_private_addresses: true, max_bytes: 10 }
    }

    async fn fetched(url: &str, rules: &Rules) -> Result<String, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.jar");
        let fetched = fetch("test", url, &path, rules).await;
        assert_eq!(path.exists(), fetched.is_ok());
        fetched.map_err(|error| error.to_string())?;
        Ok(std::fs::read_to_string(path).expect("a text"))
    }

    #[tokio::test]
    async fn each_redirect_is_followed_by_the_rules() {
        let base = serve(|path| match path {
            "/jar" => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\njar".to_owned(),
            "/long" => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789x".to_owned(),
            "/on" => on("jar"),
            "/round" => on("/round"),
            "/file" => on("file:///etc/hosts"),
            "/secure" => on("https://localhost/"),
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        });
        let rules = rules();
        assert_eq!(fetched(&format!("{base}/jar"), &rules).await.as_deref(), Ok("jar"));
        assert_eq!(fetched(&format!("{base}/on"), &rules).await.as_deref(), Ok("jar"));
        for (path, told) in [
            ("/none", "answers with status 404"),
            ("/long", "more than the 10 bytes"),
            ("/round", "the last of 5 that were sent on to"),
            ("/file", "does not allow the scheme `file`"),
            ("/secure", "does not allow the scheme `https`"),
        ] {
            let error = fetched(&format!("{base}{path}"), &rules).await.expect_err(path);
            assert!(error.contains(told), "{path}: {error}");
        }
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_asked() {
        let strict = Rules { allow_private_addresses: false, ..rules() };
        for host in
            ["127.0.0.1:1", "localhost:1", "[::1]:1", "169.254.169.254", "10.0.0.1", "[::ffff:127.0.0.1]:1"]
        {
            let error =
                fetched(&format!("http://user:hidden@{host}/a.jar?hidden"), &strict).await.expect_err(host);
            assert!(error.contains("which is no public address") && !error.contains("hidden"), "{error}");
        }
    }

    /// Where a server that may be asked sends on to one that may not.
    #[tokio::test]
    async fn a_redirect_to_a_private_address_is_not_followed() {
        let inner = TcpListener::bind("127.0.0.2:0").expect("a port");
        let address = inner.local_addr().expect("an address");
        let base = serve(move |_| on(&format!("http://{address}/a.jar")));
        let rules = Rules { allow_private_addresses: false, ..rules() };
        let is_allowed = |address: IpAddr| address == IpAddr::from([127, 0, 0, 1]);
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.jar");
        let error = fetch_where("test", &format!("{base}/a.jar"), &path, (&rules, &is_allowed)).await;
        let error = error.expect_err("refused").to_string();
        assert!(error.contains("is at 127.0.0.2, which is no public address"), "{error}");
        inner.set_nonblocking(true).expect("set");
        assert!(inner.accept().is_err(), "it was asked");
    }
}
