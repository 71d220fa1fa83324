//! The constants of time of the real Mesos, in one place so that a test can shorten them all.

use std::time::Duration;

use crate::time::BackoffPolicy;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Between two HEARTBEATs on a stream.
    pub heartbeat: Duration,
    /// Between two regular allocations; also the shortest life of a filter.
    pub allocation_interval: Duration,
    /// A filter without a time of its own.
    pub default_refusal: Duration,
    /// Until an unacknowledged update is sent again.
    pub update_retry: BackoffPolicy,
    /// Between SIGTERM and SIGKILL when neither the task nor the call says.
    pub kill_grace: Duration,
    /// The same when a framework is removed.
    pub shutdown_grace: Duration,
}

impl Timing {
    pub const REAL: Self = Self {
        heartbeat: Duration::from_secs(15),
        allocation_interval: Duration::from_secs(1),
        default_refusal: Duration::from_secs(5),
        update_retry: BackoffPolicy {
            first: Duration::from_secs(10),
            most: Duration::from_secs(600),
            jitter: 0.0,
        },
        kill_grace: Duration::from_secs(3),
        shutdown_grace: Duration::from_secs(5),
    };
}
