//! Flink's configuration: reading, layers, rewriting.

mod entry;
pub mod environment;
mod legacy;
pub mod table;
mod yaml;
