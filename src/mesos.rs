//! The Mesos v1 scheduler API: messages, framing, client.

pub mod recordio;
pub mod wire;
