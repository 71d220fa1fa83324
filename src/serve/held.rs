//! Answers that are held back until there is something to say.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONNECTION;
use axum::http::{Method, Request, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, Incoming, SizeHint};

/// An answer that may be long in coming, and has a connection to itself until then. Layers around the handler see only what stands
/// for it.
pub fn held(answer: impl Future<Output = Response> + Send + 'static) -> Response {
    let held = Held(Box::pin(answer));
    // Never sent by [`super::serve`].
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Carried(Arc::new(Mutex::new(Some(held)))));
    response
}

/// The answer itself, where it is held back once that is over.
pub async fn answered(mut response: Response) -> Response {
    match Held::of(&mut response) {
        Some(held) => held.await,
        None => response,
    }
}

pub struct Held(Pin<Box<dyn Future<Output = Response> + Send>>);

#[derive(Clone)]
struct Carried(Arc<Mutex<Option<Held>>>);

impl Held {
    /// None where the response is the answer itself.
    pub fn of(response: &mut Response) -> Option<Self> {
        let Carried(held) = response.extensions_mut().remove::<Carried>()?;
        lock(&held).take()
    }
}

impl Future for Held {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        self.0.as_mut().poll(context)
    }
}

/// Whether another request can stand for this one when it is answered.
pub fn may_be_held<B>(request: &Request<B>) -> bool {
    let method = request.method();
    request.version() == Version::HTTP_11
        && (method == Method::GET || method == Method::POST)
        && !request.headers().contains_key(CONNECTION)
}

/// What hyper's service, its connection and whoever drives both know of each other.
#[derive(Default)]
pub struct Seat {
    /// The other end does not take what hyper has to send.
    has_unsent: AtomicBool,
    /// Nothing more of the request is to come.
    is_read: AtomicBool,
    held: Mutex<Option<Held>>,
    answer: Mutex<Option<Response>>,
}

impl Seat {
    /// The request's body, whose end is noted.
    pub fn watched(self: Arc<Self>, incoming: Incoming) -> Body {
        self.is_read.store(false, Ordering::Relaxed);
        Body::new(Watched { incoming, seat: self })
    }

    pub fn note_unsent(&self, has_unsent: bool) {
        self.has_unsent.store(has_unsent, Ordering::Relaxed);
    }

    /// Whether hyper has nothing of the connection that would be lost.
    pub fn may_part(&self) -> bool {
        self.is_read.load(Ordering::Relaxed) && !self.has_unsent.load(Ordering::Relaxed)
    }

    pub fn hold(&self, held: Held) {
        *lock(&self.held) = Some(held);
    }

    pub fn take_held(&self) -> Option<Held> {
        lock(&self.held).take()
    }

    /// Of the next request.
    pub fn put(&self, answer: Response) {
        *lock(&self.answer) = Some(answer);
    }

    pub fn take_answer(&self) -> Option<Response> {
        lock(&self.answer).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watched {
    incoming: Incoming,
    seat: Arc<Seat>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.incoming.is_end_stream() {
            self.seat.is_read.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.seat.is_read.store(true, Ordering::Relaxed);
        }
    }
}
