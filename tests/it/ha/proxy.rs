//! A network that one test alone can break.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One read of a connection.
const CHUNK_BYTES: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Open,
    /// Nothing gets through, and nobody is told.
    Silent,
    /// Connections are closed, and new ones too.
    Closed,
}

/// Whoever speaks with a server through it is cut off when the test says so.
pub struct Proxy {
    pub address: SocketAddr,
    passage: watch::Sender<Passage>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let passage = watch::Sender::new(Passage::Open);
        tokio::spawn(accept(listener, server, passage.subscribe()));
        Self { address, passage }
    }

    pub fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, passage: watch::Receiver<Passage>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connect(client, server, passage.clone()));
    }
}

async fn connect(client: TcpStream, server: SocketAddr, mut passage: watch::Receiver<Passage>) {
    if until_not(&mut passage, Passage::Silent).await != Some(Passage::Open) {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut closed = passage.clone();
    tokio::select! {
        () = copy(from_client, to_server, passage.clone()) => {}
        () = copy(from_server, to_client, passage) => {}
        _ = closed.wait_for(|passage| *passage == Passage::Closed) => {}
    }
}

async fn copy(from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passage: watch::Receiver<Passage>) {
    let mut chunk = [0; CHUNK_BYTES];
    while from.readable().await.is_ok() {
        if until_not(&mut passage, Passage::Silent).await != Some(Passage::Open) {
            return;
        }
        match from.try_read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => {
                if to.write_all(&chunk[..length]).await.is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// What it is then; none when the test is over.
async fn until_not(passage: &mut watch::Receiver<Passage>, unwanted: Passage) -> Option<Passage> {
    Some(*passage.wait_for(|passage| *passage != unwanted).await.ok()?)
}
