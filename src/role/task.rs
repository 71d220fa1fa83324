//! What a role inside a Mesos task begins with: what Mesos has fetched into the sandbox, and the configuration that whoever
//! launched the task serves once, for its token.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::{ClientBuilder, Response, StatusCode};
use tracing::Level;

use artifact::delivered::{Delivered, DeliveryError};
use artifact::{self, Configuration, NameError};
use base::digest::{Digest, Sha256};
use base::log;
use base::time::{Backoff, BackoffPolicy};
use conf::environment::Environment;
use init::guard;
use tls::Fingerprint;
use tls::http;

/// The variable with which a task gets its configuration from whoever launched it.
pub const TOKEN_VARIABLE: &str = "FLINK_ON_MESOS_TOKEN";

/// What is delivered to agents that have no image, by its name in the sandbox.
pub const PROGRAM: &str = "flink-on-mesos";
pub const FLINK_ARCHIVE: &str = "flink.tar";
pub const JAVA_ARCHIVE: &str = "java.tar";

/// Where the configuration is stored below the directory of the run.
pub const FETCHED: &str = "fetched";

/// For one answer, which is given from memory.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// While nothing comes of an artifact.
const SILENCE: Duration = Duration::from_secs(60);

const CONFIGURATION: &str = "the configuration";

/// Artifacts may hold secrets of jobs.
pub const OWNERS_ALONE: u32 = 0o600;

/// A worker that crashed is back within seconds: init starts it again. Its port stays open meanwhile, but a connection
/// that it had accepted is lost.
const FETCH_BACKOFF: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(5), jitter: 0.5 };

/// Somewhat above a quarter of a minute of waits. Then the task fails, which the scheduler sees.
const MAX_FETCHES: u32 = 8;

/// Who cannot answer now is asked again for so long: ZooKeeper may be away for a session's timeout.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two such questions, where the answer says nothing else, and at most.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const MAX_ASK_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("failed to fetch {what} from {url}")]
    Http {
        what: String,
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} refused {what}: {status} {text}")]
    Refused { what: String, url: String, status: u16, text: String },
    #[error("{url} cannot answer now: {text}")]
    NotNow { url: String, text: String, again: Duration },
    #[error("what {url} answered is not a configuration")]
    Malformed {
        url: String,
        #[source]
        source: postcard::Error,
    },
    #[error("cannot store the configuration that {url} sent")]
    Name {
        url: String,
        #[source]
        source: NameError,
    },
    #[error("what {url} sent is not {what}: it has the SHA-256 {found}")]
    Different { what: String, url: String, found: Digest },
    #[error("cannot store {what} as {}", path.display())]
    Store {
        what: String,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// When the same is asked again.
pub enum Again {
    /// The connection was lost, or there was none.
    Lost(String),
    /// Who was asked cannot answer now, and says when.
    Later(String, Duration),
}

/// What may go better at another attempt.
pub trait Retry {
    /// None where it would be in vain.
    fn again(&self) -> Option<Again>;
}

impl Retry for FetchError {
    fn again(&self) -> Option<Again> {
        match self {
            Self::Http { source, .. } => Some(Again::Lost(log::chain(source))),
            Self::NotNow { text, again, .. } => Some(Again::Later(text.clone(), *again)),
            Self::Tls(_)
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Name { .. }
            | Self::Different { .. }
            | Self::Store { .. } => None,
        }
    }
}

/// Where the configuration is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub base: &'a str,
    /// Of whoever answers there, with HTTPS.
    pub certificate: Option<Fingerprint>,
}

/// What was unpacked in the sandbox. It goes with the task, for Mesos keeps a sandbox for days: with whoever drops this,
/// or with init.
#[derive(Default)]
pub struct Unpacked(Vec<PathBuf>);

impl Unpacked {
    /// For init, which removes it when what runs from it has ended.
    pub fn hand_on(mut self) -> impl Iterator<Item = OsString> {
        std::mem::take(&mut self.0).into_iter().map(PathBuf::into_os_string)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        for directory in &self.0 {
            // Part of it may be there, or nothing.
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Checks what was fetched, and unpacks where the variables then lead to.
pub fn receive(
    delivered: &[Delivered],
    environment: &mut Environment,
    to_remove: &mut Unpacked,
) -> Result<(), DeliveryError> {
    let sandbox = super::rundir::sandbox(environment);
    for file in delivered {
        let unpacked = match file.name.as_str() {
            FLINK_ARCHIVE => ("FLINK_HOME", sandbox.join("flink")),
            JAVA_ARCHIVE => ("JAVA_HOME", sandbox.join("java")),
            _ => {
                file.check(&sandbox)?;
                continue;
            }
        };
        let (variable, directory) = unpacked;
        if !directory.exists() {
            guard::leave(&directory);
            to_remove.0.push(directory.clone());
        }
        file.unpack(&sandbox, &directory)?;
        environment.set(variable, &directory);
    }
    Ok(())
}

/// The configuration of the task `id`, which whoever gave it the token serves once.
pub async fn fetch(
    part: &str,
    source: &Origin<'_>,
    id: &str,
    token: &str,
) -> Result<Configuration, FetchError> {
    let url = format!("{}{}", source.base.trim_end_matches('/'), artifact::configuration_path(id));
    let asked = Asked { what: CONFIGURATION.to_owned(), url, certificate: source.certificate, token };
    again(part, (&asked.what, &asked.url), async || configuration_once(&asked).await).await
}

/// An artifact that the specification of task `id` names, as the file `path`, which must not be there.
pub async fn fetch_artifact(
    part: &str,
    source: &Origin<'_>,
    (id, token): (&str, &str),
    digest: &Digest,
    path: &Path,
) -> Result<(), FetchError> {
    let artifact_path = artifact::artifact_path(id, &digest.to_string());
    let url = format!("{}{artifact_path}", source.base.trim_end_matches('/'));
    let what = format!("artifact {digest}");
    let asked = Asked { what, url, certificate: source.certificate, token };
    let fetched =
        again(part, (&asked.what, &asked.url), async || artifact_once(&asked, digest, path).await).await;
    if fetched.is_err() {
        // Part of it may be there, or nothing.
        let _ = std::fs::remove_file(path);
    }
    fetched
}

/// What is fetched, and with what.
struct Asked<'a> {
    what: String,
    url: String,
    certificate: Option<Fingerprint>,
    token: &'a str,
}

/// Until it is there, or it is in vain. `what` is fetched from `url`.
pub async fn again<T, E: Retry>(
    part: &str,
    (what, url): (&str, &str),
    once: impl AsyncFn() -> Result<T, E>,
) -> Result<T, E> {
    let (begin, mut backoff) = (Instant::now(), Backoff::new(FETCH_BACKOFF));
    loop {
        let fetched = once().await;
        let (why, wait, is_last) = match fetched.as_ref().err().and_then(Retry::again) {
            None => return fetched,
            Some(Again::Lost(why)) => {
                (why, backoff.failed(fastrand::f64()), backoff.attempts() >= MAX_FETCHES)
            }
            // All that were started together do not come again together.
            Some(Again::Later(why, wait)) => {
                (why, wait.mul_f64(1.0 + fastrand::f64()), begin.elapsed() >= PATIENCE)
            }
        };
        if is_last {
            return fetched;
        }
        let text = format!("cannot fetch {what} from {url} yet, trying again: {why}");
        log::line(Level::WARN, part, &text);
        tokio::time::sleep(wait).await;
    }
}

/// The answer, if it is a good one.
async fn ask(
    asked: &Asked<'_>,
    limited: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<Response, FetchError> {
    let Asked { what, url, certificate, token } = asked;
    let (what, url) = (what.clone(), url.clone());
    let failed = |source| FetchError::Http { what: what.clone(), url: url.clone(), source };
    let builder = match certificate {
        None => http::plain()?,
        Some(certificate) => http::trusting(certificate.client()?),
    };
    let client = limited(builder).build().map_err(failed)?;
    let answer = client.get(&url).bearer_auth(token).send().await.map_err(failed)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let again = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.bytes().await.map_err(failed)?;
    let text = String::from_utf8_lossy(&body).trim().to_owned();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let again = again.map_or(ASK_AGAIN, Duration::from_secs).min(MAX_ASK_AGAIN);
        return Err(FetchError::NotNow { url, text, again });
    }
    Err(FetchError::Refused { what, url, status: status.as_u16(), text })
}

async fn artifact_once(asked: &Asked<'_>, digest: &Digest, path: &Path) -> Result<(), FetchError> {
    let answer = ask(asked, |builder| builder.connect_timeout(FETCH_TIMEOUT).read_timeout(SILENCE)).await?;
    let (what, url) = (asked.what.clone(), asked.url.clone());
    let stored = |source| FetchError::Store { what: what.clone(), path: path.to_owned(), source };
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNERS_ALONE)
        .open(path)
        .map_err(stored)?;
    let (mut chunks, mut hash) = (answer.bytes_stream(), Sha256::begin());
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|source| FetchError::Http { what: what.clone(), url: url.clone(), source })?;
        hash.update(&chunk);
        file.write_all(&chunk).map_err(stored)?;
    }
    let found = hash.digest();
    if found == *digest { Ok(()) } else { Err(FetchError::Different { what, url, found }) }
}

async fn configuration_once(asked: &Asked<'_>) -> Result<Configuration, FetchError> {
    let answer = ask(asked, |builder| builder.timeout(FETCH_TIMEOUT)).await?;
    let url = asked.url.clone();
    let body = answer.bytes().await;
    let body =
        body.map_err(|source| FetchError::Http { what: asked.what.clone(), url: url.clone(), source })?;
    let configuration = Configuration::decode(&body[..])
        .map_err(|source| FetchError::Malformed { url: url.clone(), source })?;
    configuration.check().map_err(|source| FetchError::Name { url, source })?;
    Ok(configuration)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers connections one after the other; an empty answer closes the connection, as a crash does.
    fn serve(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("a connection");
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(&answer).expect("written");
            }
        });
        base
    }

    async fn fetch_from(base: &str) -> Result<Configuration, FetchError> {
        fetch("test", &Origin { base, certificate: None }, "t-1", "token").await
    }

    #[tokio::test]
    async fn a_lost_connection_is_tried_again() {
        let files = [("a".to_owned(), b"b: c\n".to_vec())].into();
        let body = Configuration { files }.encode();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let whole = [head.as_bytes(), &body].concat();
        let cut = whole[..whole.len() - 3].to_vec();
        let base = serve(vec![Vec::new(), cut, whole]);
        let fetched = fetch_from(&base).await.expect("the third answer");
        assert_eq!(fetched.files["a"], b"b: c\n");
    }

    #[test]
    fn what_was_unpacked_goes_when_the_task_cannot_start() {
        let sandbox = tempfile::tempdir().expect("a directory");
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_path_with_name(file!(), "lib/flink-dist.jar").expect("added");
        std::fs::write(sandbox.path().join(FLINK_ARCHIVE), archive.into_inner().expect("whole"))
            .expect("written");
        let digest = artifact::bundle::digest_of(&sandbox.path().join(FLINK_ARCHIVE)).expect("read");
        let delivered = [
            Delivered { name: FLINK_ARCHIVE.to_owned(), digest },
            Delivered { name: JAVA_ARCHIVE.to_owned(), digest: String::new() },
        ];
        let mut environment = Environment::default();
        environment.set("MESOS_SANDBOX", sandbox.path());
        let mut unpacked = Unpacked::default();
        receive(&delivered, &mut environment, &mut unpacked).expect_err("there is no java.tar");
        assert!(sandbox.path().join("flink/lib/flink-dist.jar").exists());
        drop(unpacked);
        assert_eq!(std::fs::read_dir(sandbox.path()).expect("there").count(), 0);
    }

    #[tokio::test]
    async fn an_appmaster_that_cannot_answer_now_is_asked_again() {
        let files = [("a".to_owned(), b"b: c\n".to_vec())].into();
        let body = Configuration { files }.encode();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let not_now = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbusy\n";
        let many = (0..MAX_FETCHES + 2).map(|_| not_now.to_vec());
        let base = serve(many.chain([[head.as_bytes(), &body].concat()]).collect());
        let fetched = fetch_from(&base).await.expect("the last answer");
        assert_eq!(fetched.files["a"], b"b: c\n");
    }

    #[tokio::test]
    async fn an_artifact_is_what_its_digest_says_or_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.jar");
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
        let [whole, cut, other] = ["jar", "ja", "jam"].map(|body| [head, body].concat().into_bytes());
        let base = serve(vec![cut, whole, other]);
        let digest = Digest::of("jar");
        let fetched = async || {
            let source = Origin { base: &base, certificate: None };
            fetch_artifact("test", &source, ("t-1", "token"), &digest, &path).await
        };
        fetched().await.expect("the second answer");
        assert_eq!(std::fs::read_to_string(&path).expect("a text"), "jar");
        let error = fetched().await.expect_err("another").to_string();
        let (what, found) = (format!("is not artifact {digest}"), Digest::of("jam").to_string());
        assert!(error.contains(&what) && error.ends_with(&found), "{error}");
        assert!(!path.exists());
    }

    /// In KiB, the most that this process had.
    fn peak() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[tokio::test]
    async fn a_large_artifact_takes_no_memory() {
        const MIB: usize = 600;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", MIB << 20);
            stream.write_all(head.as_bytes()).expect("written");
            (0..MIB).for_each(|_| stream.write_all(&[0; 1 << 20]).expect("written"));
        });
        let mut hash = Sha256::begin();
        (0..MIB).for_each(|_| hash.update([0; 1 << 20]));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.jar");
        let source = Origin { base: &base, certificate: None };
        let before = peak();
        fetch_artifact("test", &source, ("t-1", "token"), &hash.digest(), &path).await.expect("fetched");
        let after = peak();
        println!("{MIB} MiB: {before} kB before, {after} kB at most");
        assert_eq!(std::fs::metadata(&path).expect("it is there").len(), (MIB as u64) << 20);
        assert!(after < before + (16 << 10), "{before} kB, then {after} kB");
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nConnection: close\r\n\r\nused\r\n";
        let base = serve(vec![answer.to_vec()]);
        let error = fetch_from(&base).await.expect_err("refused");
        assert!(error.to_string().ends_with("refused the configuration: 403 used"), "{error}");
    }
}
