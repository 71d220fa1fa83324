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
    "two JobManagers lead: this one's place in Flink's election went with an old session, which it has not noticed; it \
     ends, and the other one goes on"
)]
pub struct Deposed;
