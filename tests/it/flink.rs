//! Against stock Flink: its memory model, its scripts, its processes.

mod cluster;
mod conf;
pub mod home;
mod memory;
mod scripts;
