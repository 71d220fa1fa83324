//! Pictures and events as they come, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use base::events::Event;

use super::Shared;
use super::api::WRONG_QUERY;
use super::board::{Board, Telling, json};

/// A browser tab that was left open is one; a few hundred cost little, and nobody needs more.
const MAX_PAGES: usize = 500;

/// The query of `GET /v1/stream`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    #[serde(default)]
    #[param(inline)]
    pub of: Of,
    /// Events after the one with this id; the header `Last-Event-ID` takes precedence
    #[serde(default)]
    pub after: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    #[default]
    All,
    Events,
}

/// How many streams are open.
#[derive(Default)]
pub struct OpenStreams(AtomicUsize);

/// One of them, until it is dropped.
struct OpenStream(Arc<OpenStreams>);

/// `status` with the whole picture, then `change` with the fields that changed, the tasks that did and the ids of those
/// that are gone; and `event` for each event.
#[utoipa::path(get, path = "/v1/stream", params(StreamQuery), responses(
    (status = 200, description = "Server-sent events, without end", body = String, content_type = "text/event-stream"),
    (status = 400, description = WRONG_QUERY, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 503, description = "Too many streams are open", body = String, content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn stream(
    State(Shared { board, pages, closing, .. }): State<Shared>,
    Query(wish): Query<StreamQuery>,
    headers: HeaderMap,
) -> Response {
    let Some(place) = pages.take() else {
        let text = format!("{MAX_PAGES} streams are open already\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let events = events(Arc::clone(&board), last.unwrap_or(wish.after));
    let messages = match wish.of {
        Of::Events => events.left_stream(),
        Of::All => stream::select(pictures(board), events).right_stream(),
    };
    let mut open = closing.open();
    let messages = messages.take_until(async move { open.until_closing().await });
    let messages = messages.map(move |message| {
        let _held = &place;
        Ok::<_, Infallible>(message)
    });
    Sse::new(messages).keep_alive(KeepAlive::default()).into_response()
}

/// The whole picture first, and again for who fell behind.
fn pictures(board: Arc<Board>) -> impl Stream<Item = sse::Event> + Send {
    stream::unfold(Following { board, tellings: None }, async |mut following| {
        let telling = following.next().await?;
        let message = match telling {
            Telling::Whole(json) => sse::Event::default().event("status").data(&*json),
            Telling::Change(json) => sse::Event::default().event("change").data(&*json),
        };
        Some((message, following))
    })
}

struct Following {
    board: Arc<Board>,
    tellings: Option<Receiver<Telling>>,
}

impl Following {
    async fn next(&mut self) -> Option<Telling> {
        loop {
            let Some(tellings) = &mut self.tellings else {
                let (told, tellings) = self.board.follow();
                self.tellings = Some(tellings);
                if let Some(told) = told {
                    return Some(told.whole());
                }
                continue;
            };
            match tellings.recv().await {
                Ok(telling) => return Some(telling),
                Err(RecvError::Lagged(_)) => self.tellings = None,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn events(board: Arc<Board>, after: u64) -> impl Stream<Item = sse::Event> + Send {
    let (before, live) = board.lookout.journal.follow(after);
    let last = before.last().map_or(after, |event| event.id);
    let coming = stream::unfold((board, live, last), async |(board, mut live, mut last)| {
        let events = match live.recv().await {
            Ok(event) => vec![event],
            Err(RecvError::Lagged(_)) => {
                let events;
                (events, live) = board.lookout.journal.follow(last);
                events
            }
            Err(RecvError::Closed) => return None,
        };
        last = events.last().map_or(last, |event| event.id);
        Some((stream::iter(events), (board, live, last)))
    });
    stream::iter(before).chain(coming.flatten()).map(|event| message(&event))
}

fn message(event: &Event) -> sse::Event {
    let json = json(event);
    sse::Event::default().event("event").id(event.id.to_string()).data(String::from_utf8_lossy(&json))
}

impl OpenStreams {
    fn take(self: &Arc<Self>) -> Option<OpenStream> {
        let free = |open| (open < MAX_PAGES).then_some(open + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(OpenStream(Arc::clone(self)))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
