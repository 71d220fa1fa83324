//! The Mesos v1 scheduler API: messages, framing, client.

pub mod address;
pub mod call;
pub mod event;
pub mod recordio;
pub mod wire;
