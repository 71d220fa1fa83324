//! The sockets that connections are made of.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use nix::sys::sendfile::sendfile64;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

use super::file::Outbox;

pub trait Transport: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static {
    /// Whether files can be sent on it; else nothing is put into its outbox.
    const SENDS_FILES: bool;

    /// Sends at most `most` bytes of what is next in `outbox`.
    fn poll_send(&self, context: &mut Context<'_>, outbox: &Outbox, most: usize) -> Poll<io::Result<usize>>;

    /// The same socket, for a runtime to wake.
    fn at_home(self, home: &Handle) -> io::Result<Self>
    where
        Self: Sized;

    /// What was not yet taken goes with the connection.
    fn forget_unsent(&self);
}

impl Transport for TcpStream {
    const SENDS_FILES: bool = true;

    fn poll_send(&self, context: &mut Context<'_>, outbox: &Outbox, most: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            let mut part = None;
            let sent = self.try_io(Interest::WRITABLE, || {
                let sent = outbox
                    .send(most, |file, offset, most| Ok(sendfile64(self, file, Some(offset), most)?))?;
                if sent.has_room {
                    return Ok(sent.bytes);
                }
                // The kernel would find that out again after it has gathered the next pages.
                part = Some(sent.bytes);
                Err(io::ErrorKind::WouldBlock.into())
            });
            match (part, sent) {
                (Some(bytes), _) => return Poll::Ready(Ok(bytes)),
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                (None, sent) => return Poll::Ready(sent),
            }
        }
    }

    fn at_home(self, home: &Handle) -> io::Result<Self> {
        let stream = self.into_std()?;
        let _entered = home.enter();
        Self::from_std(stream)
    }

    fn forget_unsent(&self) {
        // It is being closed: what is refused changes nothing.
        let _ = self.set_zero_linger();
    }
}

impl Transport for UnixStream {
    const SENDS_FILES: bool = false;

    fn poll_send(&self, _: &mut Context<'_>, _: &Outbox, _: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn at_home(self, home: &Handle) -> io::Result<Self> {
        let stream = self.into_std()?;
        let _entered = home.enter();
        Self::from_std(stream)
    }

    fn forget_unsent(&self) {}
}
