//! The worker without high availability: nobody could go on with its cluster, so an order to stop is one to end it.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{Instant, sleep_until};

use base::lease::Lease;
use domain::store::Store;

use super::farewell::{self, Ended};
use super::{Reception, Work};

pub struct Alone<'a> {
    pub work: &'a Work,
    pub reception: Reception,
    pub term: &'a mut Signal,
    /// For TEARDOWN, from the order to stop.
    pub within: Duration,
}

impl Alone<'_> {
    /// Until the framework is torn down, or cannot be. `ending` says what else it ends of.
    pub async fn run(self, mut store: impl Store, ending: impl Future<Output = Ended>) -> Result<(), Ended> {
        let Self { work, reception, term, within } = self;
        let requests = reception.doorkeeper.admit();
        let ordered = reception.end_at_once();
        let state = store.load().await.map_err(|error| Ended::from(super::RunError::from(error)))?;
        let scheduling = work.schedule(store, state, Lease::unlimited(), requests);
        tokio::pin!(scheduling, ending);
        let mut deadline = None;
        loop {
            tokio::select! {
                ended = &mut scheduling => return ended.map_err(Ended::from),
                ended = &mut ending => return Err(ended),
                Some(()) = term.recv() => {
                    deadline.get_or_insert_with(|| Instant::now() + within);
                    ordered.send_replace(true);
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Err(farewell::without_master(within));
                }
            }
        }
    }
}
