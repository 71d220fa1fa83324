//! High availability on real ZooKeeper servers.

mod application;
mod chaos;
mod cuts;
mod election;
mod ensemble;
mod masters;
mod proxy;
mod refusals;
mod steps;
mod store;
mod takeover;
