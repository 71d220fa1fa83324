//! Watches the scheduler at work: what it notes, how long it takes, and when a new picture of it is worth taking.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts};
use tokio::sync::Notify;

use base::events::Journal;
use scheduler::Note;
use scheduler::driver::Observer;

/// From a step on numbers alone to a store in an ensemble far away, in seconds.
const BUCKETS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// One for each worker, however often it begins to lead.
pub struct Lookout {
    pub journal: Arc<Journal>,
    pub rounds: Histogram,
    pub store_writes: Histogram,
    pub(super) changed: Notify,
}

impl Default for Lookout {
    fn default() -> Self {
        Self {
            journal: Arc::default(),
            rounds: histogram(
                "flink_on_mesos_scheduler_round_seconds",
                "Time that a round of the scheduler takes, from an event to the last call that follows from it.",
            ),
            store_writes: histogram(
                "flink_on_mesos_store_write_seconds",
                "Time that a write of the scheduler's state takes.",
            ),
            changed: Notify::new(),
        }
    }
}

impl Lookout {
    /// Waits until the scheduler has handled something since the last time. There is one who waits.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Observer for Lookout {
    fn noted(&self, note: &Note) {
        self.journal.add(note.kind(), note.task(), note.level(), note.to_string());
    }

    fn handled(&self, took: Duration) {
        self.rounds.observe(took.as_secs_f64());
        self.changed.notify_one();
    }

    fn stored(&self, took: Duration) {
        self.store_writes.observe(took.as_secs_f64());
    }
}

fn histogram(name: &str, help: &str) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
    Histogram::with_opts(options).expect("name and buckets are constants")
}
