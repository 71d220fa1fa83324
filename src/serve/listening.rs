//! A listener that goes on.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use nix::errno::Errno;
use nix::sys::socket::{self, Backlog};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, unix};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::closing::Closing;
use super::connection::{Connection, Connections};
use super::limits::Limits;
use super::threads::Threads;
use super::transport::Transport;
use base::descriptors::Exhausted;
use base::time::{Backoff, BackoffPolicy};

/// Between two attempts to accept a connection while there is no descriptor for it.
const EXHAUSTED: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(20), most: Duration::from_secs(1), jitter: 0.0 };

/// From the last failure to accept until a connection shows that there is room again.
const ENDED_AFTER: Duration = Duration::from_millis(500);

/// From the end of a connection until the memory of all that have ended is given back: a storm costs that once, and not
/// for each of them.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(2);

/// There are no descriptors, or no room within the limit.
struct Lack {
    backoff: Backoff,
    /// When it was last so.
    last: Instant,
}

/// What accepts connections.
pub trait Accept: Send + Sync + 'static {
    type Stream: Transport + Sync;
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

/// The socket for the runtime that this is called in. It listens again if it no longer did.
pub fn asynchronous(listener: &StdTcpListener) -> io::Result<TcpListener> {
    socket::listen(listener, Backlog::MAXALLOWABLE)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener.try_clone()?)
}

/// As [`asynchronous`].
pub fn asynchronous_unix(listener: &StdUnixListener) -> io::Result<UnixListener> {
    socket::listen(listener, Backlog::MAXALLOWABLE)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener.try_clone()?)
}

pub struct Listening<L> {
    listener: L,
    /// What the log calls it.
    name: &'static str,
    limits: Limits,
    threads: Option<Threads>,
    closing: Closing,
    open: Arc<Connections>,
    lack: Option<Lack>,
    give_back_at: Option<Instant>,
}

impl<L: Accept> Listening<L> {
    pub fn new(listener: L, name: &'static str) -> Self {
        Self::within(Limits::default(), listener, name)
    }

    pub fn within(limits: Limits, listener: L, name: &'static str) -> Self {
        Self {
            listener,
            name,
            limits,
            threads: None,
            closing: Closing::default(),
            open: Arc::default(),
            lack: None,
            give_back_at: None,
        }
    }

    /// Connections take turns on `threads`, and no longer stay where they are accepted.
    pub fn spread(self, threads: Threads) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// No request is left without an answer when the process ends.
    pub fn until(self, closing: Closing) -> Self {
        Self { closing, ..self }
    }

    pub fn closing(&self) -> Closing {
        self.closing.clone()
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The next connection, however long that takes. Fails when the socket no longer listens.
    pub async fn next(&mut self) -> io::Result<(Connection<L::Stream>, L::Peer)> {
        loop {
            let give_back_at = self.give_back_at;
            let is_full = self.open.count() >= self.limits.connections;
            if is_full {
                self.note_full();
            }
            tokio::select! {
                accepted = self.listener.accept(), if !is_full => match accepted.and_then(|(stream, peer)| Ok((self.settle(stream)?, peer))) {
                    Ok(accepted) => {
                        self.note_accepted();
                        return Ok(accepted);
                    }
                    Err(error) if is_lasting(&error) => return Err(error),
                    Err(error) => self.wait_after(&error).await,
                },
                () = self.open.closed.notified(), if is_full || give_back_at.is_none() => {
                    self.give_back_at.get_or_insert_with(|| Instant::now() + GIVE_BACK_AFTER);
                }
                () = sleep_until(give_back_at.unwrap_or_else(Instant::now)), if give_back_at.is_some() => {
                    self.give_back_at = None;
                    init::give_back_memory();
                }
            }
        }
    }

    fn settle(&self, stream: L::Stream) -> io::Result<Connection<L::Stream>> {
        let (stream, home) = match &self.threads {
            None => (stream, Handle::current()),
            Some(threads) => {
                let home = threads.next();
                (stream.at_home(home)?, home.clone())
            }
        };
        Ok(Connection::new(stream, home, Arc::clone(&self.open), self.limits.reading))
    }

    fn note_full(&mut self) {
        let (name, most) = (self.name, self.limits.connections);
        self.note_lack(|| {
            format!("{name}: {most} connections are open, the most it takes; more wait until some are closed")
        });
    }

    /// One place that came free for a moment is not the end of the lack.
    fn note_accepted(&mut self) {
        if self.lack.take_if(|lack| lack.last.elapsed() >= ENDED_AFTER).is_some() {
            info!("{}: accepts connections again", self.name);
        }
    }

    /// Somebody who left before being accepted is of no interest; a lack of descriptors is told once and lasts a while.
    async fn wait_after(&mut self, error: &io::Error) {
        let Some(why) = Exhausted::from(error) else { return };
        let (name, own) = (self.name, self.open.count());
        let lack = self.note_lack(|| {
            format!("{name}: cannot accept connections: {why}, {own} of them by its own connections")
        });
        let wait = lack.backoff.failed(0.0);
        sleep(wait).await;
    }

    fn note_lack(&mut self, tell: impl FnOnce() -> String) -> &mut Lack {
        if self.lack.is_none() {
            warn!("{}", tell());
        }
        let lack =
            self.lack.get_or_insert_with(|| Lack { backoff: Backoff::new(EXHAUSTED), last: Instant::now() });
        lack.last = Instant::now();
        lack
    }
}

/// Whether the socket itself is of no use any more; all else concerns one connection, or passes.
fn is_lasting(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EBADF | Errno::EINVAL | Errno::ENOTSOCK))
}

/// The embedded Mesos', as real ones, keep idle connections.
impl<L: Accept> Listener for Listening<L> {
    type Io = Connection<L::Stream>;
    type Addr = L::Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.next().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!("{}: takes no more connections: {error}", self.name);
                std::future::pending().await
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
