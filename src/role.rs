//! What the program does, one file per role.

pub mod exec;
pub mod mesos;
