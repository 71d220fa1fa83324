//! High availability on real ZooKeeper servers.

mod application;
mod chaos;
mod crowd;
mod cuts;
mod election;
pub mod ensemble;
mod jobmanagers;
mod keys;
mod masters;
mod mishaps;
mod proxy;
mod records;
mod refusals;
mod removed;
mod security;
pub mod site;
mod steps;
mod storage;
mod store;
mod takeover;
