//! Against stock Flink: its memory model, its scripts, its processes.

mod cluster;
pub mod home;
mod memory;
mod scripts;
