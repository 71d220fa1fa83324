//! Whether the JobManager lives, told from its ports, whatever those want of their clients.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::rest::{RestClient, RestError};
use base::descriptors::Exhausted;

/// The JobManager is on this host: an address that takes longer to connect leads elsewhere.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Far above what an overview takes, and below what those who ask for a report wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How a connection fails to somebody who lives, and speaks of something else.
const ANSWERS: [io::ErrorKind; 3] =
    [io::ErrorKind::ConnectionReset, io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
/// `HTTP/1.1 200`
const STATUS_LINE: usize = 12;

/// Where a port of the JobManager is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The first that accepts a connection counts.
    pub hosts: Vec<String>,
    pub port: u16,
    /// How it is spoken to if not in plain text.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Why the JobManager does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    #[error("nothing listens on port {port} of {}", hosts.join(", "))]
    NoListener { hosts: Vec<String>, port: u16 },
    #[error("cannot be asked: {0}")]
    NoDescriptor(Exhausted),
    #[error("port {port} does not answer")]
    NoAnswer {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("port {port} answers {status}")]
    NotReady { port: u16, status: String },
}

impl Endpoint {
    /// Of this host's JobManager: the host may not resolve its own name, and the JobManager may not listen on loopback.
    pub fn here(name: &str, port: u16, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { hosts: vec![name.to_owned(), "localhost".to_owned()], port, tls }
    }

    pub fn urls(&self) -> impl Iterator<Item = String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.hosts.iter().map(move |host| format!("{scheme}://{host}:{}", self.port))
    }

    /// One for each host.
    pub fn clients(&self) -> Result<Vec<RestClient>, RestError> {
        let client = |url: String| match &self.tls {
            None => RestClient::new(&url),
            Some(tls) => RestClient::secure(&url, ClientConfig::clone(tls)),
        };
        self.urls().map(client).collect()
    }

    pub async fn listens(&self) -> bool {
        self.connect().await.is_ok()
    }

    /// A connection that ends and TLS that fails are answers too: a JVM that hangs gives none.
    pub async fn check(&self) -> Result<(), Silence> {
        let stream = self.connect().await?;
        let answer = match timeout(ANSWER_TIMEOUT, self.ask(stream)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(source)) if ANSWERS.contains(&source.kind()) => return Ok(()),
            Ok(Err(source)) => return Err(Silence::NoAnswer { port: self.port, source }),
            Err(elapsed) => return Err(Silence::NoAnswer { port: self.port, source: elapsed.into() }),
        };
        match answer.strip_prefix("HTTP/1.1 ") {
            Some(status) if status.starts_with('5') => {
                Err(Silence::NotReady { port: self.port, status: status.to_owned() })
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn ask(&self, stream: TcpStream) -> io::Result<String> {
        match &self.tls {
            None => exchange(stream).await,
            Some(tls) => {
                // The certificate is known, not its name.
                let name = ServerName::from(stream.peer_addr()?.ip());
                exchange(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?).await
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, Silence> {
        for host in &self.hosts {
            let attempt = timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), self.port)));
            if let Ok(Ok(stream)) = attempt.await {
                return Ok(stream);
            }
        }
        // To look a name up takes a descriptor too, and what fails for want of it may say that there is no such name.
        match Exhausted::now() {
            Some(why) => Err(Silence::NoDescriptor(why)),
            None => Err(Silence::NoListener { hosts: self.hosts.clone(), port: self.port }),
        }
    }
}

/// The beginning of the answer.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<String> {
    stream.write_all(b"GET /overview HTTP/1.1\r\nHost: jobmanager\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(STATUS_LINE as u64).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// An endpoint that sends `answer` to everybody and closes.
    async fn endpoint(answer: &'static str) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Endpoint { hosts: vec!["192.0.2.1.invalid".to_owned(), "127.0.0.1".to_owned()], port, tls: None }
    }

    #[tokio::test]
    async fn every_answer_but_a_failure_is_a_sign_of_life() {
        for answer in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\r\n", "\u{15}\u{3}", ""] {
            endpoint(answer).await.check().await.unwrap_or_else(|silence| panic!("{answer}: {silence}"));
        }
        let silence = endpoint("HTTP/1.1 503 Service Unavailable\r\n\r\n").await.check().await.unwrap_err();
        assert!(silence.to_string().ends_with("answers 503"), "{silence}");
    }

    #[tokio::test]
    async fn who_does_not_answer_or_listen_is_told_of() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let endpoint = Endpoint { hosts: vec!["127.0.0.1".to_owned()], port, tls: None };
        let silence = endpoint.check().await.unwrap_err();
        assert_eq!(silence.to_string(), format!("port {port} does not answer"));
        drop(listener);
        let silence = endpoint.check().await.unwrap_err();
        assert_eq!(silence.to_string(), format!("nothing listens on port {port} of 127.0.0.1"));
    }
}
