//! A listener whose connections speak TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::log;
use crate::serve::{Connection, Listening, Peer};

/// Two round trips; whoever needs longer is not there.
const HANDSHAKE_MOST: Duration = Duration::from_secs(10);
/// Handshakes at once: more agents than start a task in the same moment. Further ones wait in the kernel's queue.
const HANDSHAKES_MOST: usize = 256;

/// Shakes hands with many at once, so that one who stalls keeps nobody waiting.
pub struct TlsListener {
    accepted: mpsc::Receiver<(Io, SocketAddr)>,
    address: SocketAddr,
}

type Io = TlsStream<Connection<TcpStream>>;

impl TlsListener {
    pub fn new(listener: Listening<TcpListener>, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(1);
        tokio::spawn(accept_all(listener, TlsAcceptor::from(Arc::new(config)), sender));
        Ok(Self { accepted, address })
    }
}

async fn accept_all(
    mut listener: Listening<TcpListener>,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(Io, SocketAddr)>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_MOST));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, address) = tokio::select! {
            () = sender.closed() => return,
            accepted = listener.next() => accepted,
        };
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            match timeout(HANDSHAKE_MOST, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(sender.send((stream, address)).await),
                Ok(Err(error)) => debug!(%address, "no TLS: {}", log::chain(&error)),
                Err(_elapsed) => debug!(%address, "no TLS within {HANDSHAKE_MOST:?}"),
            }
            drop(place);
        });
    }
}

impl Listener for TlsListener {
    type Io = Io;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}
