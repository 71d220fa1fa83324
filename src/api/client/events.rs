//! Events, as they come.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::ACCEPT;

use dispatcher::Event;

use super::{AskError, Dispatcher, MAX_LINE_BYTES, SILENCE};
use crate::events::EventsQuery;
impl Dispatcher {
    /// Those that are stored and all that come, until the dispatcher ends, which is an error.
    pub async fn follow(&self, query: &EventsQuery, mut tell: impl FnMut(Event)) -> Result<(), AskError> {
        let request = self.get(&["events"]).query(query).header(ACCEPT, "text/event-stream");
        let response = self.send(request.timeout(Duration::MAX)).await?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            let bytes = response.bytes().await.map_err(|source| self.no_answer(source))?;
            return Err(self.parsed::<Vec<Event>>(status, &bytes).err().unwrap_or_else(|| self.ended()));
        }
        let mut chunks = response.bytes_stream();
        let mut line = Vec::new();
        while let Ok(Some(Ok(chunk))) = tokio::time::timeout(SILENCE, chunks.next()).await {
            for byte in chunk {
                if byte != b'\n' {
                    line.push(byte);
                } else if let Some(json) = line.strip_prefix(b"data: ") {
                    tell(self.parsed(status, json)?);
                    line.clear();
                } else {
                    line.clear();
                }
            }
            if line.len() > MAX_LINE_BYTES {
                break;
            }
        }
        Err(self.ended())
    }
}
