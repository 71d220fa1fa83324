//! The Mesos API against what a real master sent and answered.

mod calls;
mod client;
mod master;
mod misbehaviour;
mod recorded;
mod traffic;
