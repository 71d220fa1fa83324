//! The constants of time of the real Mesos, in one place so that a test can shorten them all.

use std::time::Duration;

use base::time::BackoffPolicy;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Between two HEARTBEATs on a stream.
    pub heartbeat: Duration,
    /// Between two regular allocations; also the shortest life of a filter.
    pub allocation_interval: Duration,
    /// A filter without a time of its own.
    pub default_refusal: Duration,
    /// After which an unanswered offer is taken back; `None` waits for ever, as `--offer_timeout` by default.
    pub offer_timeout: Option<Duration>,
    /// Until an unacknowledged update is sent again.
    pub update_retry: BackoffPolicy,
    /// Between SIGTERM and SIGKILL when neither the task nor the call says.
    pub kill_grace: Duration,
    /// The same when a framework is removed.
    pub shutdown_grace: Duration,
    /// Between two pings of an agent, and how long it has to answer.
    pub agent_ping: Duration,
    /// Pings missed in a row that make an agent unreachable.
    pub agent_pings_missed_most: u32,
    /// How long a new master waits for the agents of the old one.
    pub agent_reregister: Duration,
    /// Between two attempts of an agent to register.
    pub registration_retry: BackoffPolicy,
}

impl Timing {
    pub const REAL: Self = Self {
        heartbeat: Duration::from_secs(15),
        allocation_interval: Duration::from_secs(1),
        default_refusal: Duration::from_secs(5),
        offer_timeout: None,
        update_retry: BackoffPolicy {
            first: Duration::from_secs(10),
            most: Duration::from_secs(600),
            jitter: 0.0,
        },
        kill_grace: Duration::from_secs(3),
        shutdown_grace: Duration::from_secs(5),
        agent_ping: Duration::from_secs(15),
        agent_pings_missed_most: 5,
        agent_reregister: Duration::from_secs(600),
        registration_retry: BackoffPolicy {
            first: Duration::from_secs(1),
            most: Duration::from_secs(60),
            jitter: 0.0,
        },
    };

    /// Without a ping for so long an agent takes the master for gone and registers again.
    pub fn agent_silence(&self) -> Duration {
        self.agent_ping.saturating_mul(self.agent_pings_missed_most)
    }
}
