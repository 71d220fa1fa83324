//! What one port takes before it turns to others.

use std::time::Duration;

use base::descriptors;

/// Connections of one port: four for each of a thousand TaskManagers. One that is silent costs 1.5 kB.
const MAX_CONNECTIONS: usize = 4096;

/// Of the file descriptors that this process may have one port gets this share. There are three, so that a quarter is
/// left for Mesos, `ZooKeeper`, the JobManager and files, whatever happens on the ports.
const DESCRIPTORS_SHARE: usize = 4;

/// From the connection, or the end of the last answer, until the next request's head is there. Long against a slow
/// network; whoever asks more seldom than this connects anew.
const MAX_REQUEST_WAIT: Duration = Duration::from_secs(20);

/// Who takes less than [`MIN_TAKEN`] bytes of an answer in this time while there are more is dropped.
const MAX_SLOW: Duration = Duration::from_secs(30);

/// A kilobyte in a second: Flink would take three days.
const MIN_TAKEN: u64 = 32 << 10;

/// The limits of one port.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are open at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// How long a request's head may take to come, an idle connection's too.
    pub request_wait: Duration,
    pub reading: Pace,
}

/// How slowly the other end may read.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Of the answer, in each `within` in which more of it is there to be read.
    pub bytes: u64,
    pub within: Duration,
}

impl Default for Limits {
    /// As this process's limit of open files allows.
    fn default() -> Self {
        let share = usize::try_from(descriptors::limit()).unwrap_or(usize::MAX) / DESCRIPTORS_SHARE;
        Self {
            connections: MAX_CONNECTIONS.min(share),
            request_wait: MAX_REQUEST_WAIT,
            reading: Pace { bytes: MIN_TAKEN, within: MAX_SLOW },
        }
    }
}
