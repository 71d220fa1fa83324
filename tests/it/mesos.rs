//! The Mesos API against what a real master sent and answered.

mod recorded;
mod traffic;
