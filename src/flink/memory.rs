//! Flink's memory model: from the configured sizes to the heap, the direct memory and what is left outside of the JVM's limits.
//!
//! The same configuration gives the same bytes as Flink's own `BashJavaUtils`, in every release. That rests on details: fractions are
//! 32-bit floats widened to 64 bits, and products are decimal and truncated.

mod jobmanager;
mod legacy;
mod number;
mod options;
mod process;
mod resources;
mod size;
mod taskmanager;

use std::fmt;

pub use jobmanager::JobManagerMemory;
pub use size::MemorySize;
pub use taskmanager::TaskManagerMemory;

use crate::version::Version;
use conf::environment::Environment;
use conf::table::Table;

/// The memory of a JobManager. `environment` is asked for `FLINK_JM_HEAP`, which Flink 1.x honours.
pub fn jobmanager(
    table: &Table,
    environment: &Environment,
    version: Version,
) -> Result<JobManagerMemory, MemoryError> {
    let table = legacy::with_heap(table, environment, version, &legacy::JOBMANAGER)?;
    jobmanager::derive(&table)
}

/// The memory of a TaskManager. `environment` is asked for `FLINK_TM_HEAP`, which Flink 1.x honours.
pub fn taskmanager(
    table: &Table,
    environment: &Environment,
    version: Version,
) -> Result<TaskManagerMemory, MemoryError> {
    let table = legacy::with_heap(table, environment, version, &legacy::TASKMANAGER)?;
    taskmanager::derive(&table, version)
}

/// Why the configured sizes cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MemoryError {
    #[error("{key} is \"{value}\" ({origin}): expected {expected}")]
    Unreadable { key: String, value: String, origin: String, expected: &'static str },

    #[error("the memory of the {role} is not configured: set {process}, or {flink}, or {fine_grained}")]
    NothingConfigured {
        role: &'static str,
        process: &'static str,
        flink: &'static str,
        fine_grained: &'static str,
    },

    #[error("{min} is more than {max}")]
    MinAboveMax { min: Amount, max: Amount },

    #[error("{whole} is less than {parts}")]
    TooSmall { whole: Amount, parts: Sum },

    #[error("{whole} leaves no heap beside {off_heap}")]
    NoHeapLeft { whole: Amount, off_heap: Amount },

    #[error("{whole} is not {parts}")]
    NotTheSum { whole: Amount, parts: Sum },

    #[error("{derived}, which is what the other sizes leave, is not between {min} and {max}")]
    OutOfRange { derived: Amount, min: Amount, max: Amount },

    #[error("{derived}, which is what the other sizes leave, is not {configured}")]
    NotAsConfigured { derived: Amount, configured: Amount },

    #[error("{what} exceeds {max} bytes", max = i64::MAX)]
    Overflow { what: String },
}

/// A size with the key it is configured with, or the name of the part it was derived for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    pub name: String,
    pub size: MemorySize,
}

impl Amount {
    fn new(name: impl Into<String>, size: MemorySize) -> Self {
        Self { name: name.into(), size }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.name, self.size)
    }
}

/// Amounts that are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum(pub Vec<Amount>);

impl Sum {
    fn total(&self) -> Result<MemorySize, MemoryError> {
        self.0.iter().try_fold(MemorySize::ZERO, |total, part| {
            total.checked_add(part.size).ok_or_else(|| MemoryError::Overflow { what: self.to_string() })
        })
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let plus = if index == 0 { "" } else { " + " };
            write!(out, "{plus}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
