//! Where everything lies in ZooKeeper.
//!
//! Not below Flink's own node of the cluster: when a cluster ends, Flink deletes that with all that is below it, while
//! the framework is still there and its tasks still run.

/// ```text
/// /flink/mesos-workers/<cluster id>
///     /line/<name>-0000000012     an AppMaster that takes part in the election
///     /state                      everything but the tasks
///     /state/017                  some of the tasks
///     /ended                      somebody has said that the cluster shall end
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub base: String,
    pub line: String,
    pub state: String,
    pub ended: String,
}

impl Paths {
    /// Each part begins with a slash and does not end with one.
    pub fn new(root: &str, workers: &str, cluster_id: &str) -> Self {
        let base = format!("{root}{workers}{cluster_id}");
        let below = |name: &str| format!("{base}/{name}");
        Self { line: below("line"), state: below("state"), ended: below("ended"), base }
    }

    pub fn in_line(&self, name: &str) -> String {
        format!("{}/{name}", self.line)
    }

    pub fn shard(&self, name: &str) -> String {
        format!("{}/{name}", self.state)
    }
}
