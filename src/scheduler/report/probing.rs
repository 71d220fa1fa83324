//! What is told while TaskManagers fail at their start.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Scheduler;
use base::time::Moment;
use domain::group::GroupName;

use super::seconds;

/// One task at a time is tried, because those before failed at their start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbingReport {
    /// What one of them is called.
    #[serde(default = "taskmanager")]
    pub noun: String,
    /// Seconds since 1970.
    pub since: u64,
    pub since_s: u64,
    /// How many have failed.
    pub failures: u32,
    /// What the last one failed of, in the words of Mesos.
    pub cause: String,
    /// Keys of the configuration that this points to.
    pub keys: Vec<String>,
    /// Those that are being tried.
    pub tasks: Vec<String>,
    /// Until the next is tried; zero while one is, or while there is no room for it.
    pub left_ms: u64,
}

/// Of reports that name none.
fn taskmanager() -> String {
    "TaskManager".to_owned()
}

impl fmt::Display for ProbingReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = humantime::format_duration(Duration::from_secs(self.since_s));
        write!(
            out,
            "{} {}s failed at their start and none has registered for {since}, so one at a time is tried: ",
            self.failures, self.noun
        )?;
        match (&self.tasks[..], self.left_ms) {
            ([], 0) => write!(out, "the next as soon as there is room")?,
            ([], left) => write!(out, "the next in {} s", seconds(left))?,
            (tasks, _) => write!(out, "now trying {}", tasks.join(", "))?,
        }
        write!(out, "; the last failure: {}", self.cause)?;
        if self.keys.is_empty() { Ok(()) } else { write!(out, "; check {}", self.keys.join(", ")) }
    }
}

impl Scheduler {
    pub(super) fn probing_report(&self, name: &GroupName, now: Moment) -> Option<ProbingReport> {
        let group = self.groups.get(name)?;
        let probing = self.state.group(name).probing.as_ref()?;
        let left = group.try_at.map(|at| at.left(now)).unwrap_or_default();
        Some(ProbingReport {
            noun: group.spec.noun.to_owned(),
            since: probing.since,
            since_s: self.since_1970(now).saturating_sub(probing.since),
            failures: probing.failures,
            cause: probing.cause.clone(),
            keys: probing.keys.clone(),
            tasks: self.probes(name, now).cloned().collect(),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
