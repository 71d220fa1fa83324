//! What every room may use: time, exit codes, log, events and other small things that know nothing of the rest.

#![forbid(unsafe_code)]

pub mod addresses;
pub mod descriptors;
pub mod digest;
pub mod directory;
pub mod events;
pub mod exit;
pub mod lease;
pub mod log;
pub mod passwd;
pub mod public;
pub mod random;
pub mod time;
