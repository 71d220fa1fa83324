//! Flink's configuration: reading, layers, rewriting.

mod entry;
pub mod environment;
pub mod files;
pub mod grammar;
mod legacy;
pub mod problem;
mod properties;
pub mod redact;
pub mod table;
mod yaml;
