//! The body of the answer to SUBSCRIBE: one record per event, each sent as soon as it is there.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use prost::Message as _;
use tokio::sync::mpsc;

use crate::cluster::{Input, Record};
use crate::master::StreamId;
use crate::request::MediaType;
use mesos::recordio;
use mesos::wire::event::Event;
use mesos::wire::network::NetworkProtocol;

/// Between half a record and the end of its connection.
const TEAR_AFTER: Duration = Duration::from_millis(5);

/// Tells the cluster when the body is dropped, which is when the client is gone.
pub struct Closing {
    pub stream: StreamId,
    pub cluster: mpsc::Sender<Input>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let closed = Input::StreamClosed(self.stream.clone());
        // A full inbox empties itself only while something runs, which a drop cannot wait for.
        if let Err(mpsc::error::TrySendError::Full(closed)) = self.cluster.try_send(closed) {
            let cluster = self.cluster.clone();
            tokio::spawn(async move {
                let _ = cluster.send(closed).await;
            });
        }
    }
}

pub fn records(
    events: mpsc::Receiver<Record>,
    media: MediaType,
    closing: Closing,
) -> impl Stream<Item = io::Result<Bytes>> {
    let state = BodyState { events: Some(events), closing, rest: Bytes::new(), chunk_most: usize::MAX };
    stream::unfold(state, move |mut state| async move {
        if state.rest.is_empty() {
            let Some(events) = &mut state.events else {
                // What came before is to be on its way when the connection breaks.
                tokio::time::sleep(TEAR_AFTER).await;
                return Some((Err(io::ErrorKind::ConnectionAborted.into()), state));
            };
            match events.recv().await? {
                Record::Whole(event) => state.rest = record(*event, media),
                #[cfg(feature = "faults")]
                Record::Split(event, bytes) => {
                    state.rest = record(*event, media);
                    state.chunk_most = bytes.get();
                }
                #[cfg(feature = "faults")]
                Record::Torn(event) => {
                    let whole = record(*event, media);
                    state.rest = whole.slice(..whole.len() / 2);
                    state.events = None;
                }
            }
        }
        let length = state.rest.len().min(state.chunk_most);
        Some((Ok(state.rest.split_to(length)), state))
    })
}

/// What the body is made of.
struct BodyState {
    /// None after a torn record.
    events: Option<mpsc::Receiver<Record>>,
    /// For what it does when it is dropped.
    #[expect(dead_code, reason = "kept to be dropped with the body")]
    closing: Closing,
    /// Of the record that is on its way.
    rest: Bytes,
    chunk_most: usize,
}

fn record(event: Event, media: MediaType) -> Bytes {
    let encoded = match media {
        MediaType::Protobuf => event.encode_to_vec(),
        MediaType::Json => serde_json::to_vec(&with_defaults(event)).unwrap_or_default(),
    };
    let mut bytes = BytesMut::new();
    recordio::encode(&encoded, &mut bytes);
    bytes.freeze()
}

/// Mesos writes unset fields that have a declared default into its JSON. In what goes to schedulers here that is
/// one.
fn with_defaults(mut event: Event) -> Event {
    let status = event.update.as_mut().and_then(|update| update.status.as_mut());
    let container = status.and_then(|status| status.container_status.as_mut());
    for network in container.into_iter().flat_map(|container| &mut container.network_infos) {
        for address in &mut network.ip_addresses {
            address.protocol.get_or_insert(NetworkProtocol::Ipv4 as i32);
        }
    }
    event
}

#[cfg(all(test, feature = "faults"))]
mod tests {
    use std::num::NonZeroUsize;

    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_record_comes_whole_in_pieces_or_half() {
        let (sender, events) = mpsc::channel(3);
        let (cluster, _inputs) = mpsc::channel(1);
        let event = || Box::new(Event { r#type: Some(1), ..Event::default() });
        for record in
            [Record::Whole(event()), Record::Split(event(), NonZeroUsize::MIN), Record::Torn(event())]
        {
            assert!(sender.try_send(record).is_ok());
        }
        let closing = Closing { stream: StreamId("s".to_owned()), cluster };
        let pieces: Vec<_> = records(events, MediaType::Protobuf, closing).take(8).collect().await;
        let pieces: Vec<_> = pieces.iter().map(|piece| piece.as_deref().ok()).collect();
        let expected: [Option<&[u8]>; 8] = [
            Some(b"2\n\x08\x01"),
            Some(b"2"),
            Some(b"\n"),
            Some(b"\x08"),
            Some(b"\x01"),
            Some(b"2"),
            Some(b"\n"),
            None,
        ];
        assert_eq!(pieces, expected);
    }
}
