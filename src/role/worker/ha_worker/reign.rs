//! The scheduler of an AppMaster that leads, with what its predecessors have stored.

use tokio::sync::{mpsc, watch};

use crate::role::worker::Work;
use base::lease::Lease;
use domain::store::Store as _;
use ha::zookeeper::ZooKeeperStore;
use scheduler::driver::RunError;
use scheduler::driver::requests::Request;

/// Until the framework is torn down, by this one or by somebody else.
pub(super) async fn schedule(
    work: &Work,
    mut ending: watch::Receiver<Option<bool>>,
    mut store: ZooKeeperStore,
    lease: Lease,
    requests: mpsc::Receiver<Request>,
) -> Result<(), RunError> {
    let state = store.load().await?;
    let is_ending = ending.wait_for(Option::is_some).await.ok().and_then(|ending| *ending);
    if state.is_none() && is_ending == Some(true) {
        // Somebody else has torn it down.
        return Ok(());
    }
    if let Some(state) = &state {
        let (id, tasks) = (state.framework_id.as_deref().unwrap_or("none yet"), state.tasks.len());
        let text = format!("going on with the cluster framework={id} tasks={tasks}");
        work.lookout.journal.tell("goes_on", text);
    }
    work.schedule(store, state, lease, requests).await
}
