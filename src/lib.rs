//! Runs stock Apache Flink on Apache Mesos. ARCHITECTURE.md tells which room does what and which walls hold.

pub mod artifact;
pub mod claim;
pub mod cli;
pub mod conf;
pub mod descriptors;
pub mod digest;
pub mod domain;
pub mod events;
pub mod exit;
pub mod flink;
pub mod ha;
pub mod http;
pub mod init;
pub mod lease;
pub mod local;
pub mod log;
pub mod mesos;
pub mod passwd;
pub mod role;
pub mod scaling;
pub mod scheduler;
pub mod serve;
pub mod status;
pub mod time;
pub mod tls;
pub mod zookeeper;
