//! How the JobManager has ended, which init writes down before it stops the worker.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use init::status::Ended;

/// Flink's codes for an application that has come to an end: done or cancelled, and failed for good.
const CLUSTER_ENDED: [u8; 2] = [0, 163];

/// The longest wait status in decimal.
const STATUS_BYTES: usize = 16;

#[derive(Debug)]
pub struct JobManagerEnd(File);

/// What an order to stop means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The container is to stop; others go on with the cluster.
    Container,
    /// The JobManager has died; others go on with the cluster.
    JobManagerDied,
    /// The JobManager says that the cluster has ended.
    ClusterEnded,
}

impl JobManagerEnd {
    pub fn new(file: OwnedFd) -> Self {
        Self(file.into())
    }

    pub fn stop(&self) -> Stop {
        let mut bytes = [0; STATUS_BYTES];
        let length = self.0.read_at(&mut bytes, 0).unwrap_or_default();
        let text = str::from_utf8(&bytes[..length]).unwrap_or_default();
        let Ok(raw) = text.trim().parse() else { return Stop::Container };
        match Ended::from_raw(raw) {
            Some(Ended::Exited(code)) if CLUSTER_ENDED.contains(&code) => Stop::ClusterEnded,
            Some(Ended::Exited(_) | Ended::Killed { .. } | Ended::Unknown) | None => Stop::JobManagerDied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ha::memory;

    #[test]
    fn the_wait_status_tells_what_a_stop_means() {
        let cases = [
            ("", Stop::Container),
            ("0", Stop::ClusterEnded),
            ("41728", Stop::ClusterEnded),
            ("9", Stop::JobManagerDied),
            ("36608", Stop::JobManagerDied),
            ("256", Stop::JobManagerDied),
        ];
        for (text, expected) in cases {
            let file = File::from(memory::create().expect("a memory file"));
            file.write_all_at(text.as_bytes(), 0).expect("written");
            assert_eq!(JobManagerEnd(file).stop(), expected, "{text}");
        }
    }
}
