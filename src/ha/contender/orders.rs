//! What one that takes part in the election is ordered.

use tokio::sync::oneshot;

use super::Contender;
use zookeeper::NodeError;

#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("there is no session with ZooKeeper")]
    NoClient,
    #[error("ZooKeeper refused")]
    Node(#[source] NodeError),
}

pub(super) enum Order {
    Leave(Left, oneshot::Sender<()>),
    End(oneshot::Sender<Result<(), NodeError>>),
}

/// What remains of a cluster that an AppMaster leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Everything: others go on with it.
    Cluster,
    /// Nothing: the last in line removes the line too.
    Nothing,
}

impl Contender {
    /// Leaves the line at once, so that the next need not wait for the session's end.
    pub async fn leave(&self, left: Left) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Leave(left, done)).await.is_ok() {
            let _ = is_done.await;
        }
    }

    /// Tells all that are in line that the cluster shall end: the first tears it down, and then they leave.
    pub async fn order_end(&self) -> Result<(), OrderError> {
        let (done, is_done) = oneshot::channel();
        match self.orders.send(Order::End(done)).await {
            Ok(()) => is_done.await.map_err(|_| OrderError::NoClient)?.map_err(OrderError::Node),
            Err(_) => Err(OrderError::NoClient),
        }
    }
}
