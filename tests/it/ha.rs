//! High availability on real ZooKeeper servers.

mod election;
mod ensemble;
mod store;
mod takeover;
