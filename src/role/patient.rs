//! A state directory on a disk that may be full.

use std::sync::Arc;
use std::time::Duration;

use base::events::Journal;
use base::log;
use base::time::{Backoff, BackoffPolicy};
use domain::state::State;
use domain::store::{Store, StoreError};
use ha::directory::DirectoryStore;
use scheduler::driver::facts::Fact;

/// Between two attempts to write a state to a disk that would not have it.
const WRITE_AGAIN: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(100), most: Duration::from_secs(5), jitter: 0.2 };

/// Writes again until the disk takes it: meanwhile nothing is sent to Mesos that depends on it, and jobs go on.
pub struct Patient {
    pub store: DirectoryStore,
    /// Why it cannot write, as long as that is so.
    pub trouble: Fact<Option<String>>,
    pub journal: Arc<Journal>,
    /// What is not done then, for the end of the line in the log.
    pub meanwhile: &'static str,
}

impl Store for Patient {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        self.store.load().await
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        let mut backoff = Backoff::new(WRITE_AGAIN);
        loop {
            match self.store.save(state).await {
                Err(error @ StoreError::File { .. }) => {
                    let why = log::chain(&error);
                    if self.trouble.borrow().as_ref() != Some(&why) {
                        let text = format!("{why}{}", self.meanwhile);
                        self.journal.warn("state_not_stored", text);
                        self.trouble.send_replace(Some(why));
                    }
                    tokio::time::sleep(backoff.failed(fastrand::f64())).await;
                }
                Ok(()) => {
                    if self.trouble.send_replace(None).is_some() {
                        self.journal.tell("state_stored", "the state can be stored again");
                    }
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What stays is the state of a framework that Mesos no longer has, which the next AppMaster notices.
    async fn clear(&mut self) -> Result<(), StoreError> {
        match self.store.clear().await {
            Err(error @ StoreError::File { .. }) => {
                self.journal.warn("state_not_removed", log::chain(&error));
                Ok(())
            }
            other => other,
        }
    }
}
