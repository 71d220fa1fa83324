//! HTTP over one connection, from its beginning to its end.
//!
//! hyper keeps 16 kB of buffers for a connection as long as it has it, and there is no setting for them. So while an answer is held
//! back the connection is taken from it and nothing of it is left. Another hyper gets the connection together with the answer,
//! and reads a request that stands for the one that was answered: it sees to heads, lengths and connections that stay.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use bytes::{Buf as _, Bytes};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service as _;
use tracing::debug;

use super::closing::Open;
use super::held::{self, Held, Seat};
use super::http::Client;
use base::log;

/// For a request that has been answered.
const ANSWERED: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const ANSWERED_LAST: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// Of what comes while an answer is held back: enough to see that the other end is still there.
const EARLY_BYTES: usize = 64;

pub struct Conversation {
    pub http: Arc<Builder>,
    pub routes: Router,
    pub client: Client,
    pub open: Open,
}

impl Conversation {
    pub fn last(
        mut self,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> impl Future<Output = ()> + Send {
        let mut line = Box::new(Line { io, ahead: Bytes::new(), seat: Arc::default() });
        async move {
            loop {
                // In a box, of which nothing is left while an answer is held back.
                let Some((parted, held)) = Box::pin(self.speak(line)).await else { return };
                line = parted;
                let Some(answer) = line.hold(held).await else { return };
                line.seat.put(answer);
                line.begin_with(if self.open.is_closing() { ANSWERED_LAST } else { ANSWERED });
            }
        }
    }

    /// Until an answer is to be held back; none when the connection has ended.
    async fn speak<I>(&mut self, line: Box<Line<I>>) -> Option<(Box<Line<I>>, Held)>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { http, routes, client, open } = self;
        let seat = Arc::clone(&line.seat);
        let service = service(routes.clone(), client.clone(), Arc::clone(&seat));
        let mut connection = http.serve_connection(TokioIo::new(line), service);
        let turn = tokio::select! {
            // What was held back is answered before the end.
            biased;
            turn = turn(&mut connection, &seat) => turn,
            () = open.until_closing() => {
                Pin::new(&mut connection).graceful_shutdown();
                turn(&mut connection, &seat).await
            }
        };
        match turn {
            Turn::Held(held) => {
                let parts = connection.into_parts();
                let mut line = parts.io.into_inner();
                // The rest of hyper's buffer goes.
                line.ahead = Bytes::copy_from_slice(&[&parts.read_buf, &line.ahead[..]].concat());
                Some((line, held))
            }
            Turn::Ended(ended) => {
                if let Err(error) = ended {
                    debug!("a connection ends: {}", log::chain(&error));
                }
                None
            }
        }
    }
}

enum Turn {
    Ended(hyper::Result<()>),
    Held(Held),
}

async fn turn<I, S>(connection: &mut Connection<TokioIo<Box<Line<I>>>, S>, seat: &Seat) -> Turn
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    poll_fn(|context| match Pin::new(&mut *connection).poll(context) {
        Poll::Ready(ended) => Poll::Ready(Turn::Ended(ended)),
        Poll::Pending => seat.take_held().map_or(Poll::Pending, |held| Poll::Ready(Turn::Held(held))),
    })
    .await
}

fn service(
    routes: Router,
    client: Client,
    seat: Arc<Seat>,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = client.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        if let Some(credentials) = client.credentials {
            request.extensions_mut().insert(credentials);
        }
        if let Some(outbox) = client.outbox.clone() {
            request.extensions_mut().insert(outbox);
        }
        if let Some(certificate) = client.certificate.clone() {
            request.extensions_mut().insert(certificate);
        }
        let seat = Arc::clone(&seat);
        let answer = seat.take_answer();
        let mut routes = routes.clone();
        async move {
            if let Some(answer) = answer {
                return Ok(answer);
            }
            let may_be_held = held::may_be_held(&request);
            let body = Arc::clone(&seat);
            let mut response = routes.call(request.map(|incoming| body.watched(incoming))).await?;
            match Held::of(&mut response) {
                None => Ok(response),
                Some(held) if may_be_held && seat.may_part() => {
                    seat.hold(held);
                    pending().await
                }
                Some(held) => Ok(held.await),
            }
        }
    })
}

/// What hyper has of a connection.
struct Line<I> {
    io: I,
    /// Read before anything else.
    ahead: Bytes,
    seat: Arc<Seat>,
}

impl<I: AsyncRead + Unpin> Line<I> {
    /// The answer, unless the other end is gone before.
    async fn hold(&mut self, held: Held) -> Option<Response> {
        tokio::select! {
            answer = held => Some(answer),
            () = self.until_gone() => None,
        }
    }

    /// As hyper does, looks only until something comes, which is for later.
    async fn until_gone(&mut self) {
        if self.ahead.is_empty() {
            let early = poll_fn(|context| {
                let mut bytes = [0; EARLY_BYTES];
                let mut buffer = ReadBuf::new(&mut bytes);
                let read = ready!(Pin::new(&mut self.io).poll_read(context, &mut buffer));
                Poll::Ready(read.map(|()| Bytes::copy_from_slice(buffer.filled())))
            });
            self.ahead = early.await.unwrap_or_default();
            if self.ahead.is_empty() {
                return;
            }
        }
        pending::<()>().await;
    }

    fn begin_with(&mut self, request: &[u8]) {
        self.ahead = [request, &self.ahead].concat().into();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Line<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..count]);
        self.ahead.advance(count);
        if self.ahead.is_empty() {
            drop(mem::take(&mut self.ahead));
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> Line<I> {
    /// Whether all that there was to write is written decides whether the connection can be taken from hyper.
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.seat.note_unsent(true);
        }
        written
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Line<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.seat.note_unsent(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
