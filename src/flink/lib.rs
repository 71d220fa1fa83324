//! How to run stock Flink without its scripts: the distribution, the memory model, the java command lines, the REST client.

#![forbid(unsafe_code)]

pub mod archive;
pub mod command;
pub mod distribution;
pub mod java;
pub mod manifest;
pub mod memory;
pub mod os_path;
pub mod pulse;
pub mod rest;
pub mod version;
