//! The Mesos v1 scheduler API: messages, framing, client.

#![forbid(unsafe_code)]

pub mod address;
pub mod answer;
pub mod call;
pub mod client;
pub mod detector;
pub mod event;
pub mod leader;
pub mod quota;
pub mod recordio;
pub mod report;
pub mod role;
pub mod session;
pub mod site;
pub mod teardown;
pub mod wire;
