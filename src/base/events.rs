//! What happens: told here once, for the log, for those who look later and for those who follow.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tracing::{info, warn};
use utoipa::ToSchema;

/// As many as a person scrolls through; older ones are in the log.
pub const MAX_EVENTS: usize = 500;

/// Who is so far behind is told to begin anew.
const MAX_BACKLOG: usize = 256;

/// How an event weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    /// A person may want to look at it.
    Warn,
}

/// Something that has happened; the log has a line with the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows from event to event, over a restart of the worker too.
    pub id: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// `launched`, `running`, `ended`, `leads`, …
    pub kind: String,
    /// The task that it is about.
    pub task_id: Option<String>,
    pub level: Level,
    pub text: String,
}

/// Keeps the last [`MAX_EVENTS`] events and hands on each new one.
pub struct Journal {
    kept: Mutex<VecDeque<Event>>,
    live: broadcast::Sender<Event>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { kept: Mutex::default(), live: broadcast::Sender::new(MAX_BACKLOG) }
    }
}

impl Journal {
    /// A change of state.
    pub fn tell(&self, kind: &str, text: impl Into<String>) {
        self.add(kind, None, Level::Info, text.into());
    }

    /// What a person may want to look at.
    pub fn warn(&self, kind: &str, text: impl Into<String>) {
        self.add(kind, None, Level::Warn, text.into());
    }

    pub fn add(&self, kind: &str, task_id: Option<&str>, level: Level, text: String) {
        match level {
            Level::Warn => warn!(event.kind = kind, event.task_id = task_id, "{text}"),
            Level::Info => info!(event.kind = kind, event.task_id = task_id, "{text}"),
        }
        let at = since_1970_ms();
        let mut kept = self.kept();
        let id = kept.back().map_or(at, |last| at.max(last.id + 1));
        let event = Event { id, at, kind: kind.to_owned(), task_id: task_id.map(str::to_owned), level, text };
        if kept.len() == MAX_EVENTS {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Under the lock, so that who subscribes misses none and gets none twice.
        let _ = self.live.send(event);
    }

    /// Those after the one with this id.
    pub fn after(&self, id: u64) -> Vec<Event> {
        later(&self.kept(), id)
    }

    /// Those after the one with this id, and all that will come.
    pub fn follow(&self, id: u64) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let kept = self.kept();
        (later(&kept, id), self.live.subscribe())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(kept: &VecDeque<Event>, id: u64) -> Vec<Event> {
    let first = kept.partition_point(|event| event.id <= id);
    kept.range(first..).cloned().collect()
}

pub fn since_1970_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_ones_under_growing_ids() {
        let journal = Journal::default();
        (0..MAX_EVENTS + 3).for_each(|number| journal.add("n", None, Level::Info, number.to_string()));
        let events = journal.after(0);
        assert_eq!(events.len(), MAX_EVENTS);
        assert_eq!(events[0].text, "3");
        assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(journal.after(events[MAX_EVENTS - 2].id), events[MAX_EVENTS - 1..]);
    }

    #[test]
    fn who_follows_gets_each_once() {
        let journal = Journal::default();
        journal.add("n", None, Level::Info, "before".to_owned());
        let (before, mut live) = journal.follow(0);
        journal.add("n", Some("t"), Level::Warn, "after".to_owned());
        assert_eq!(before.iter().map(|event| event.text.as_str()).collect::<Vec<_>>(), ["before"]);
        assert_eq!(live.try_recv().expect("one").text, "after");
        assert!(live.try_recv().is_err());
    }
}
