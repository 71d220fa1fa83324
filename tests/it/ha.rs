//! High availability on real ZooKeeper servers.

mod application;
mod election;
mod ensemble;
mod masters;
mod refusals;
mod steps;
mod store;
mod takeover;
