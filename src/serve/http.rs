//! HTTP over the connections of a port.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::connect_info::Connected;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::serve::IncomingStream;
use hyper::Request;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Handle;

use super::closing::Closing;
use super::connection::Connection;
use super::conversation::Conversation;
use super::file::Outbox;
use super::listening::{Accept, Listening};

/// What yields connections.
pub trait Port {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, however long that takes. Fails when there can be no more.
    fn next(&mut self) -> impl Future<Output = io::Result<(Self::Io, Client)>> + Send;

    fn limits(&self) -> super::Limits;

    fn closing(&self) -> Closing;
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// None of a unix socket.
    pub peer: Option<Peer>,
    /// Of a unix socket alone, where the kernel knows.
    pub credentials: Option<Credentials>,
    /// Where files can be sent as they are.
    pub outbox: Option<Outbox>,
    /// With which it has shown who it is, where that was asked for.
    pub certificate: Option<Certificate>,
    /// Where the connection lives.
    pub home: Handle,
}

/// The certificate of the other end, in DER, for handlers. Somebody whom the port trusts vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(pub Arc<[u8]>);

/// Who is at the other end, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Which user of this machine is at the other end, for handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub uid: u32,
}

impl Connected<IncomingStream<'_, Listening<TcpListener>>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listening<TcpListener>>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Serves `routes` until the port can take no more connections; none is taken from when it is to be closed. Handlers find the [`Peer`] as `ConnectInfo`,
/// [`Credentials`], a [`Certificate`] and an [`Outbox`] as extensions, each where there is one.
pub async fn serve<P: Port>(mut port: P, routes: Router) -> io::Result<Infallible> {
    // Once, so that connections share the routes: each would have a copy otherwise.
    let routes = routes.with_state(());
    let mut http = Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(port.limits().request_wait);
    let plain = Arc::new(http.clone());
    // A body that stands for a file must not be copied.
    let with_files = Arc::new(http.writev(true).clone());
    let closing = port.closing();
    let mut accepting = closing.open();
    loop {
        let (io, client) = tokio::select! {
            next = port.next() => next?,
            () = accepting.until_closing() => break,
        };
        let http = Arc::clone(if client.outbox.is_some() { &with_files } else { &plain });
        let home = client.home.clone();
        let conversation = Conversation { http, routes: routes.clone(), client, open: closing.open() };
        home.spawn(conversation.last(io));
    }
    drop(accepting);
    pending().await
}

impl<L: Accept> Port for Listening<L>
where
    Client: for<'a> From<(&'a Connection<L::Stream>, L::Peer)>,
{
    type Io = Connection<L::Stream>;

    async fn next(&mut self) -> io::Result<(Self::Io, Client)> {
        let (connection, peer) = Listening::next(self).await?;
        let client = Client::from((&connection, peer));
        Ok((connection, client))
    }

    fn limits(&self) -> super::Limits {
        Self::limits(self)
    }

    fn closing(&self) -> Closing {
        Self::closing(self)
    }
}

impl From<(&Connection<TcpStream>, SocketAddr)> for Client {
    fn from((connection, peer): (&Connection<TcpStream>, SocketAddr)) -> Self {
        let (outbox, home) = (connection.outbox(), connection.home().clone());
        Self { peer: Some(Peer(peer)), credentials: None, outbox, certificate: None, home }
    }
}

impl<P> From<(&Connection<UnixStream>, Arc<P>)> for Client {
    fn from((connection, _): (&Connection<UnixStream>, Arc<P>)) -> Self {
        let peer = connection.stream().peer_cred();
        let credentials = peer.ok().map(|peer| Credentials { uid: peer.uid() });
        Self { peer: None, credentials, outbox: None, certificate: None, home: connection.home().clone() }
    }
}

/// So many bytes of a request are read for who answers without having read them.
const MAX_UNREAD: usize = 1 << 20;

/// Reads a request as a whole before it is answered. Otherwise an answer that comes before the body closes the connection, on which
/// the client may be asking something else already.
pub async fn whole(request: axum::extract::Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    match to_bytes(body, MAX_UNREAD).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

/// For answers that are not to be kept, or taken for what they are not.
pub fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
