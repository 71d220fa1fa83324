//! The Mesos API against what a real master sent and answered.

mod client;
mod master;
mod recorded;
mod traffic;
