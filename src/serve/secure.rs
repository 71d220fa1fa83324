//! A listener whose connections speak TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::http::{Certificate, Client, Peer, Port};
use crate::{Closing, Connection, Limits, Listening};
use base::log;

/// Two round trips; whoever needs longer is not there.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at once: more agents than start a task in the same moment. Further ones wait in the kernel's queue.
const MAX_HANDSHAKES: usize = 256;

/// Shakes hands with many at once, so that one who stalls keeps nobody waiting.
pub struct TlsListener {
    accepted: mpsc::Receiver<io::Result<(Io, SocketAddr)>>,
    limits: Limits,
    closing: Closing,
}

type Io = TlsStream<Connection<TcpStream>>;

impl TlsListener {
    pub fn new(listener: Listening<TcpListener>, config: Arc<ServerConfig>) -> Self {
        let (limits, closing) = (listener.limits(), listener.closing());
        let (sender, accepted) = mpsc::channel(1);
        tokio::spawn(accept_all(listener, TlsAcceptor::from(config), sender));
        Self { accepted, limits, closing }
    }
}

async fn accept_all(
    mut listener: Listening<TcpListener>,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<io::Result<(Io, SocketAddr)>>,
) {
    let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = sender.closed() => return,
            accepted = listener.next() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => return drop(sender.send(Err(error)).await),
        };
        let (acceptor, sender, home) = (acceptor.clone(), sender.clone(), stream.home().clone());
        home.spawn(async move {
            match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(sender.send(Ok((stream, address))).await),
                Ok(Err(error)) => debug!(%address, "no TLS: {}", log::chain(&error)),
                Err(_elapsed) => debug!(%address, "no TLS within {HANDSHAKE_TIMEOUT:?}"),
            }
            drop(place);
        });
    }
}

impl Port for TlsListener {
    type Io = Io;

    async fn next(&mut self) -> io::Result<(Io, Client)> {
        let (stream, address) = match self.accepted.recv().await {
            Some(accepted) => accepted?,
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        let (connection, session) = stream.get_ref();
        let home = connection.home().clone();
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|certificate| Certificate(Arc::from(&certificate[..])));
        let client = Client { peer: Some(Peer(address)), credentials: None, outbox: None, certificate, home };
        Ok((stream, client))
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn closing(&self) -> Closing {
        self.closing.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use axum::Router;
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::{TlsConnector, client};

    use super::*;

    fn identity() -> tls::Identity {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store");
        let made = Command::new("keytool")
            .args([
                "-genkeypair",
                "-alias",
                "a",
                "-keyalg",
                "EC",
                "-dname",
                "CN=here",
                "-storetype",
                "PKCS12",
            ])
            .args(["-storepass", "password", "-keystore"])
            .arg(&path)
            .output()
            .expect("keytool");
        assert!(made.status.success(), "{made:?}");
        let [password, key_password] = ["password"; 2].map(str::to_owned);
        let store = tls::store::Store { path, password, key_password };
        tls::Identity::read(&store).expect("a key")
    }

    async fn listen(identity: &tls::Identity) -> (TlsListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Arc::new(identity.server().expect("a server"));
        (TlsListener::new(Listening::new(listener, "test"), server), address)
    }

    async fn connect(identity: &tls::Identity, address: SocketAddr) -> client::TlsStream<TcpStream> {
        let stream = TcpStream::connect(address).await.expect("connected");
        let name = "localhost".try_into().expect("a name");
        let connector = TlsConnector::from(Arc::new(identity.client().expect("a client")));
        connector.connect(name, stream).await.expect("a handshake")
    }

    #[tokio::test]
    async fn who_never_says_a_word_keeps_nobody_waiting() {
        let identity = identity();
        let (mut listener, address) = listen(&identity).await;
        let _silent = TcpStream::connect(address).await.expect("connected");
        tokio::spawn(async move {
            let (mut stream, _) = listener.next().await.expect("a connection");
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
        });
        let mut text = String::new();
        connect(&identity, address).await.read_to_string(&mut text).await.expect("an answer");
        assert_eq!(text, "hello");
    }

    #[tokio::test]
    async fn an_answer_is_held_over_tls_too() {
        let identity = identity();
        let (listener, address) = listen(&identity).await;
        let (asked, leave) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (came, given) = (Arc::clone(&asked), Arc::clone(&leave));
        let answer = async move || {
            crate::held(async move {
                came.add_permits(1);
                given.acquire().await.expect("never closed").forget();
                "done".into_response()
            })
        };
        tokio::spawn(crate::serve(listener, Router::new().route("/", get(answer))));
        let mut stream = connect(&identity, address).await;
        for end in ["", "connection: close\r\n"] {
            let request = format!("GET / HTTP/1.1\r\nhost: test\r\n{end}\r\n");
            stream.write_all(request.as_bytes()).await.expect("written");
            asked.acquire().await.expect("never closed").forget();
            leave.add_permits(1);
            let mut text = String::new();
            while !text.ends_with("\r\n\r\ndone") {
                text.push(char::from(stream.read_u8().await.expect("more")));
            }
        }
        assert_eq!(stream.read(&mut [0]).await.expect("it is closed in order"), 0);
    }
}
