//! The Mesos v1 scheduler API: messages, framing, client.

pub mod call;
pub mod event;
pub mod wire;
