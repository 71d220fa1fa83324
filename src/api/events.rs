//! What happens to clusters: the last events, and as server-sent events those that come.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future;

use axum::Extension;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use dispatcher::Event;
use dispatcher::driver::Handle;

use super::answer::{Problem, Unavailable};
use super::ask::{Unanswered, ask};
use super::caller::Caller;
use super::extract::Query;
use super::{MAX_STREAMS, Shared};

const STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: &str = "last-event-id";

/// The query of `GET /v1/events`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// Only events of this cluster
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Only those after the one with this id; the header `Last-Event-ID` takes precedence
    pub after: u64,
}

/// The last events that are stored, oldest first; with `Accept: text/event-stream` also all that come.
#[utoipa::path(get, path = "/v1/events",
    params(EventsQuery, ("Last-Event-ID" = Option<u64>, Header, description = "Only events after the one with this id")),
    responses(
        (status = 200, content((Vec<Event> = "application/json"), (String = "text/event-stream"))),
        Unavailable,
    ),
)]
pub async fn events(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let EventsQuery { cluster, after } = query;
    let after = last_event_id(&headers)?.unwrap_or(after);
    let handle = shared.sources.handle.clone();
    let mut following = Following { handle, cluster, last: after, live: None };
    if !wants_stream(&headers) {
        return Ok(Json(following.stored().await?).into_response());
    }
    let Ok(place) = shared.streams.try_acquire_owned() else {
        let text = format!("{MAX_STREAMS} streams are open already");
        return Err(Problem { retry_after: Some(5), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, text) });
    };
    let stored = following.catch_up().await?;
    let events = stream::iter(stored).chain(following.coming());
    // Nothing more for whose token was taken away or has expired.
    let told = events.take_while(move |_| future::ready(caller.is_still_known()));
    let mut open = shared.sources.closing.open();
    let told = told.take_until(async move { open.until_closing().await });
    let messages = told.map(move |event| {
        let _held = &place;
        Ok::<_, Infallible>(message(&event))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::default()).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let mut types = accepts.flat_map(|accept| accept.split(','));
    types.any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(STREAM)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let number = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    let wrong = || Problem::bad_request("Last-Event-ID: expected the id of an event");
    number.map(Some).ok_or_else(wrong)
}

fn message(event: &Event) -> sse::Event {
    let json = serde_json::to_string(event).expect("all keys are texts");
    sse::Event::default().event("event").id(event.id.to_string()).data(json)
}

/// Somebody who is told what happens.
struct Following {
    handle: Handle,
    cluster: Option<String>,
    /// The last event that was told.
    last: u64,
    live: Option<Receiver<Event>>,
}

impl Following {
    async fn stored(&self) -> Result<Vec<Event>, Unanswered> {
        let (cluster, last) = (self.cluster.clone(), self.last);
        let wanted = move |event: &Event| is_wanted(event, cluster.as_deref(), last);
        let answer = ask(&self.handle, move |core, _| {
            core.events().into_iter().filter(|event| wanted(event)).cloned().collect()
        });
        answer.await
    }

    /// What is stored, and follows from here on. What was told meanwhile is in both, but for the events of clusters that are
    /// gone, which nobody stores.
    async fn catch_up(&mut self) -> Result<Vec<Event>, Unanswered> {
        let mut live = self.handle.follow();
        let stored = self.stored().await?;
        let mut events: BTreeMap<_, _> = stored.into_iter().map(|event| (event.id, event)).collect();
        while let Ok(event) = live.try_recv() {
            if self.wants(&event) {
                events.insert(event.id, event);
            }
        }
        self.last = events.keys().next_back().copied().unwrap_or(self.last);
        self.live = Some(live);
        Ok(events.into_values().collect())
    }

    /// Until nobody tells any more.
    fn coming(self) -> impl Stream<Item = Event> + Send {
        let batches = stream::unfold(self, async |mut following| {
            let events = following.next().await?;
            Some((stream::iter(events), following))
        });
        batches.flatten()
    }

    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            match self.live.as_mut()?.recv().await {
                Ok(event) if self.wants(&event) => {
                    self.last = event.id;
                    return Some(vec![event]);
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return self.catch_up().await.ok(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        is_wanted(event, self.cluster.as_deref(), self.last)
    }
}

fn is_wanted(event: &Event, cluster: Option<&str>, after: u64) -> bool {
    event.id > after && cluster.is_none_or(|cluster| cluster == event.cluster)
}
