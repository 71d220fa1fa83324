//! How the ports of this program take connections: whatever happens to one of them, the next is accepted, and what
//! connections took is given back when they are closed.

#![forbid(unsafe_code)]

mod secure;

pub use secure::TlsListener;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use base::descriptors::Exhausted;
use base::time::{Backoff, BackoffPolicy};

/// Between two attempts to accept a connection while there is no descriptor for it.
const EXHAUSTED: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(20), most: Duration::from_secs(1), jitter: 0.0 };

/// From the last failure to accept until a connection shows that there are descriptors again.
const ENDED_AFTER: Duration = Duration::from_millis(500);

/// From the end of a connection until the memory of all that have ended is given back: a storm costs that once, and not
/// for each of them.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(2);

/// There are no descriptors.
struct Lack {
    backoff: Backoff,
    /// When one was lacking last.
    last: Instant,
}

/// What accepts connections.
pub trait Accept: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Peer: Clone + fmt::Debug + Send;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;
    fn local_addr(&self) -> io::Result<Self::Peer>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = Self::accept(self).await?;
        // What is written is whole, and small more often than not: nothing is to wait for more.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    /// Those of clients have no name.
    type Peer = Arc<unix::SocketAddr>;

    async fn accept(&self) -> io::Result<(UnixStream, Self::Peer)> {
        let (stream, peer) = Self::accept(self).await?;
        Ok((stream, Arc::new(peer)))
    }

    fn local_addr(&self) -> io::Result<Self::Peer> {
        Self::local_addr(self).map(Arc::new)
    }
}

/// A listener that goes on.
pub struct Listening<L> {
    listener: L,
    /// What the log calls it.
    name: &'static str,
    open: Arc<Open>,
    exhausted: Option<Lack>,
    give_back_at: Option<Instant>,
}

/// The connections of a listener.
#[derive(Default)]
struct Open {
    count: AtomicUsize,
    closed: Notify,
}

impl<L: Accept> Listening<L> {
    pub fn new(listener: L, name: &'static str) -> Self {
        Self { listener, name, open: Arc::default(), exhausted: None, give_back_at: None }
    }

    /// The next connection, however long that takes.
    pub async fn next(&mut self) -> (Connection<L::Stream>, L::Peer) {
        loop {
            let give_back_at = self.give_back_at;
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        self.note_accepted();
                        return (Connection::new(stream, Arc::clone(&self.open)), peer);
                    }
                    Err(error) => self.wait_after(&error).await,
                },
                () = self.open.closed.notified(), if give_back_at.is_none() => {
                    self.give_back_at = Some(Instant::now() + GIVE_BACK_AFTER);
                }
                () = sleep_until(give_back_at.unwrap_or_else(Instant::now)), if give_back_at.is_some() => {
                    self.give_back_at = None;
                    init::give_back_memory();
                }
            }
        }
    }

    /// One descriptor that came free for a moment is not the end of the lack.
    fn note_accepted(&mut self) {
        if self.exhausted.take_if(|lack| lack.last.elapsed() >= ENDED_AFTER).is_some() {
            info!("{}: accepts connections again", self.name);
        }
    }

    /// Somebody who left before being accepted is of no interest; a lack of descriptors is told once and lasts a while.
    async fn wait_after(&mut self, error: &io::Error) {
        let Some(why) = Exhausted::from(error) else { return };
        if self.exhausted.is_none() {
            let own = self.open.count.load(Ordering::Relaxed);
            warn!("{}: cannot accept connections: {why}, {own} of them by its own connections", self.name);
        }
        let lack = self
            .exhausted
            .get_or_insert_with(|| Lack { backoff: Backoff::new(EXHAUSTED), last: Instant::now() });
        lack.last = Instant::now();
        let wait = lack.backoff.failed(0.0);
        sleep(wait).await;
    }
}

impl<L: Accept> Listener for Listening<L> {
    type Io = Connection<L::Stream>;
    type Addr = L::Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// One that is counted until it is closed.
pub struct Connection<S> {
    stream: S,
    open: Arc<Open>,
}

impl<S> Connection<S> {
    fn new(stream: S, open: Arc<Open>) -> Self {
        open.count.fetch_add(1, Ordering::Relaxed);
        Self { stream, open }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.open.count.fetch_sub(1, Ordering::Relaxed);
        self.open.closed.notify_one();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Who is at the other end, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, Listening<TcpListener>>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listening<TcpListener>>) -> Self {
        Self(*stream.remote_addr())
    }
}
