//! Against stock Flink: its memory model, its scripts, its processes.

mod home;
mod memory;
