//! High availability on real ZooKeeper servers.

mod election;
mod ensemble;
mod masters;
mod store;
mod takeover;
