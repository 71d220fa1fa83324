//! Flink's configuration: reading, layers, rewriting.

pub mod environment;
pub mod table;
