//! One question over a blocking connection: the process that asks does nothing else, and is to be small.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Answer, HEADER, Outcome};
use tls::Fingerprint;

/// For a connection. Where the host is gone nothing answers at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After so long without a sign of life a connection is looked at, and then so often: its host may be gone.
const ALIVE_AFTER_S: u32 = 10;
const ALIVE_LOOKS: u32 = 3;

/// Its answers are far smaller.
const MAX_ANSWER_BYTES: u64 = 4096;

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error(
        "'{0}' is not the address of an AppMaster: expected http://host:port, or https:// with a certificate's digest"
    )]
    Malformed(String),
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// Where an AppMaster answers.
pub struct Server {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    /// What its name meant last: a name that does not resolve for a while says nothing about the AppMaster.
    known: Vec<SocketAddr>,
}

impl Server {
    /// At an address as tasks are given it: scheme, host and port.
    pub fn at(base: &str, certificate: Option<Fingerprint>) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(base.to_owned());
        let (scheme, rest) = base.split_once("://").ok_or_else(malformed)?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':').ok_or_else(malformed)?;
        let tls = match (scheme, certificate) {
            ("http", None) => None,
            ("https", Some(certificate)) => Some(Arc::new(certificate.client()?)),
            _ => return Err(malformed()),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: port.parse().map_err(|_| malformed())?, tls, known: Vec::new() })
    }

    /// Asks for `path` with `token`. Waits for the answer as long as the other side is there.
    pub fn ask(&mut self, path: &str, token: &str) -> Outcome {
        let stream = match self.connect() {
            Ok(stream) => stream,
            Err(error) => return Outcome::Nobody(format!("{}:{}: {error}", self.host, self.port)),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: appmaster\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        let answer = match &self.tls {
            None => exchange(stream, &request),
            Some(tls) => secure(stream, tls, &request),
        };
        match answer {
            Ok(bytes) if bytes.is_empty() => Outcome::Mute,
            Ok(bytes) => marked(&bytes).map_or_else(
                || Outcome::Nobody(format!("another program answers at {}:{}", self.host, self.port)),
                Outcome::Answered,
            ),
            // What TLS itself finds wrong.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Outcome::Nobody(format!("{}:{}: {error}", self.host, self.port))
            }
            Err(_) => Outcome::Mute,
        }
    }

    fn connect(&mut self) -> io::Result<TcpStream> {
        let error = match first(&self.known) {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        // It may have moved, and its name with it.
        match (self.host.as_str(), self.port).to_socket_addrs() {
            Ok(found) => {
                let found: Vec<_> = found.collect();
                if found == self.known {
                    return Err(error);
                }
                self.known = found;
                first(&self.known)
            }
            Err(_) if !self.known.is_empty() => Err(error),
            Err(unresolved) => Err(unresolved),
        }
    }
}

/// A connection to the first that takes one.
fn first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(mut stream: impl Read + Write + AsStream, request: &str) -> io::Result<Vec<u8>> {
    look_after(stream.tcp())?;
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer) {
        // What has come is enough.
        Ok(_) => Ok(answer),
        Err(_) if !answer.is_empty() => Ok(answer),
        Err(error) => Err(error),
    }
}

fn secure(stream: TcpStream, tls: &Arc<ClientConfig>, request: &str) -> io::Result<Vec<u8>> {
    // The certificate is known, not its name.
    let name = ServerName::from(stream.peer_addr()?.ip());
    let connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
    exchange(StreamOwned::new(connection, stream), request)
}

trait AsStream {
    fn tcp(&self) -> &TcpStream;
}

impl AsStream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl AsStream for StreamOwned<ClientConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

/// Without it a connection to a host that is gone would be waited on for ever.
fn look_after(stream: &TcpStream) -> io::Result<()> {
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &ALIVE_AFTER_S)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &ALIVE_AFTER_S)?;
    setsockopt(stream, sockopt::TcpKeepCount, &ALIVE_LOOKS)?;
    setsockopt(stream, sockopt::TcpUserTimeout, &(1000 * ALIVE_AFTER_S * (1 + ALIVE_LOOKS)))?;
    Ok(())
}

/// What the header says, if an AppMaster has answered.
fn marked(answer: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(HEADER))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn server(port: u16) -> Server {
        Server::at(&format!("http://127.0.0.1:{port}"), None).expect("an address")
    }

    /// What comes of a question that is answered so.
    fn asked(answer: &'static str) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        });
        server(port).ask("/x", "token")
    }

    #[test]
    fn only_an_appmaster_is_believed() {
        let answers = [
            ("HTTP/1.1 410 Gone\r\nFlink-On-Mesos-Claim: gone\r\n\r\n", Outcome::Answered(Answer::Gone)),
            (
                "HTTP/1.1 200 OK\r\na: b\r\nflink-on-mesos-claim: held\r\n\r\nx",
                Outcome::Answered(Answer::Held),
            ),
            ("", Outcome::Mute),
        ];
        for (answer, expected) in answers {
            assert_eq!(asked(answer), expected, "{answer}");
        }
        for answer in [
            "HTTP/1.1 410 Gone\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nserver: x\r\n\r\nflink-on-mesos-claim: gone\r\n",
            "HTTP/1.1 200 OK\r\nflink-on-mesos-claim: perhaps\r\n\r\n",
            "220 smtp\r\n",
        ] {
            assert!(matches!(asked(answer), Outcome::Nobody(_)), "{answer}");
        }
    }

    #[test]
    fn nobody_is_told_from_somebody_who_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asking = std::thread::spawn(move || server(port).ask("/x", "token"));
        let (stream, _) = listener.accept().expect("a connection");
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asking.is_finished(), "it waits as long as the connection is there");
        drop((stream, listener));
        assert_eq!(asking.join().expect("an outcome"), Outcome::Mute);
        let Outcome::Nobody(why) = server(port).ask("/x", "token") else { panic!("nobody listens") };
        assert!(why.contains("refused"), "{why}");
    }
}
