//! Servers that are started again when they end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use base::events::Journal;
use base::log;
use base::time::{Backoff, BackoffPolicy};

/// Between the end of a server and its next start.
const RESTART: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(250), most: Duration::from_secs(30), jitter: 0.0 };

/// A server that ran for so long is no longer one that fails at its start.
const LASTED: Duration = Duration::from_secs(60);

/// Runs the server over and over, and says each time that it has ended.
pub async fn keep(
    name: &str,
    journal: Arc<Journal>,
    mut serve: impl AsyncFnMut() -> io::Result<Infallible>,
) -> Infallible {
    let mut backoff = Backoff::new(RESTART);
    loop {
        let begin = Instant::now();
        let Err(error) = serve().await;
        if begin.elapsed() >= LASTED {
            backoff = Backoff::new(RESTART);
        }
        let wait = backoff.failed(0.0);
        let why = log::chain(&error);
        journal.warn("server_ended", format!("{name} has ended and starts again in {wait:?}: {why}"));
        sleep(wait).await;
    }
}
