//! Why an AppMaster with high availability ends.

use std::time::Duration;

#[derive(Debug, thiserror::Error)]
#[error("no session with ZooKeeper within {}", humantime::format_duration(*.within))]
pub struct NoSession {
    pub within: Duration,
    #[source]
    pub why: Why,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Why(pub String);

#[derive(Debug, thiserror::Error)]
#[error(
    "two JobManagers lead: this AppMaster's JobManager has not noticed that its node in Flink's leader election went with an old session; this AppMaster ends, and the other JobManager goes on"
)]
pub struct Deposed;
