//! How many TaskManagers there may and shall be.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// More than any cluster seen in the field; a larger number is a slip of the finger.
pub const MAX_TASKMANAGERS: u32 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked} TaskManagers are too many: at most {MAX_TASKMANAGERS}")]
pub struct TooMany {
    pub asked: u32,
}

/// What `scale N` may set the target to.
pub fn checked_target(asked: u32) -> Result<u32, TooMany> {
    if asked > MAX_TASKMANAGERS {
        return Err(TooMany { asked });
    }
    Ok(asked)
}

/// Between what the number follows the jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub least: u32,
    pub most: u32,
    /// The key that says so.
    pub most_by: Cow<'static, str>,
    /// Of one TaskManager; at least one.
    pub slots: u32,
    /// For how long a TaskManager has no used slot before it goes.
    pub idle: Duration,
}

/// For the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Fewer TaskManagers are too few.
    pub least: u32,
    /// More are too many, but none goes that is not idle.
    pub most: u32,
    /// Those of which as many may go as are too many.
    pub idle: BTreeSet<String>,
    pub asked: Asked,
}

/// What the jobs asked for last, and what they may get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    pub slots: u32,
    pub taskmanagers: u32,
    pub jobs_short: usize,
    pub least: u32,
    pub most: u32,
    pub most_by: Cow<'static, str>,
}

impl Asked {
    /// Whether the jobs want more than they may get.
    pub fn is_capped(&self) -> bool {
        self.taskmanagers > self.most
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slots, taskmanagers, jobs_short, least, most, most_by } = self;
        write!(out, "jobs need {slots} slots, ")?;
        match jobs_short {
            0 => write!(out, "no job lacks any: ")?,
            jobs => write!(out, "jobs that lack some: {jobs}; ")?,
        }
        write!(out, "{taskmanagers} TaskManagers, ")?;
        match self.is_capped() {
            true => write!(out, "more than the {most} that {most_by} allows"),
            false => write!(out, "within {least} to {most} ({most_by})"),
        }
    }
}
