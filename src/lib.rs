//! Runs stock Apache Flink on Apache Mesos. ARCHITECTURE.md tells which room does what and which walls hold.

#![forbid(unsafe_code)]

pub mod cli;
pub mod role;
