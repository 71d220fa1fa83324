//! One connection: counted until it is closed, dropped when it is not read, and able to send files.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};
use tracing::debug;

use super::file::{Outbox, STAND_IN_BYTES, stands_in};
use super::limits::Pace;
use super::transport::Transport;

/// The connections of a listener.
#[derive(Default)]
pub struct Connections {
    count: AtomicUsize,
    pub closed: Notify,
}

impl Connections {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

pub struct Connection<S: Transport> {
    stream: S,
    home: Handle,
    open: Arc<Connections>,
    outbox: Outbox,
    /// Sent since others had their turn.
    since_turn: usize,
    written: u64,
    pace: Pace,
    /// While something waits to be written.
    waiting: Option<Waiting>,
}

/// Since the other end has more to read than the kernel holds for it.
struct Waiting {
    until: Pin<Box<Sleep>>,
    /// How much it had taken when this began.
    taken: u64,
}

impl<S: Transport> Connection<S> {
    /// `home`: the runtime that wakes `stream`.
    pub fn new(stream: S, home: Handle, open: Arc<Connections>, pace: Pace) -> Self {
        open.count.fetch_add(1, Ordering::Relaxed);
        Self { stream, home, open, outbox: Outbox::default(), since_turn: 0, written: 0, pace, waiting: None }
    }

    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Where what serves this connection is to run.
    pub fn home(&self) -> &Handle {
        &self.home
    }

    /// Where bodies put files that this connection sends.
    pub fn outbox(&self) -> Option<Outbox> {
        S::SENDS_FILES.then(|| self.outbox.clone())
    }

    /// The next bytes of an answer, be it that they are there or that they are a file's.
    fn poll_some(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let plain = slices.iter().position(|slice| stands_in(slice)).unwrap_or(slices.len());
        let result = match slices.get(plain) {
            Some(slice) if plain == 0 => {
                if self.since_turn >= STAND_IN_BYTES {
                    self.since_turn = 0;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let sent = self.stream.poll_send(context, &self.outbox, slice.len());
                if let Poll::Ready(Ok(count)) = sent {
                    self.since_turn += count;
                }
                sent
            }
            Some(_) | None => Pin::new(&mut self.stream).poll_write_vectored(context, &slices[..plain]),
        };
        match result {
            Poll::Ready(Ok(count)) => {
                self.written += count as u64;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.since_turn = 0;
                ready!(self.poll_too_slow(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Ready when the other end has taken too little for too long.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let pace = self.pace;
        // Of what was written the kernel still holds some.
        let unsent = init::unsent_bytes(self.stream.as_fd()).unwrap_or_default();
        let taken = self.written.saturating_sub(unsent);
        let waiting =
            self.waiting.get_or_insert_with(|| Waiting { until: Box::pin(sleep(pace.within)), taken });
        while waiting.until.as_mut().poll(context).is_ready() {
            if taken.saturating_sub(waiting.taken) < pace.bytes {
                debug!("drops a connection that took less than {} bytes in {:?}", pace.bytes, pace.within);
                self.stream.forget_unsent();
                return Poll::Ready(());
            }
            waiting.taken = taken;
            waiting.until.as_mut().reset(Instant::now() + pace.within);
        }
        Poll::Pending
    }
}

impl<S: Transport> Drop for Connection<S> {
    fn drop(&mut self) {
        self.open.count.fetch_sub(1, Ordering::Relaxed);
        self.open.closed.notify_one();
    }
}

impl<S: Transport> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Transport> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_some(context, &[IoSlice::new(bytes)])
    }

    /// All that was to be written is on its way.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_some(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
