//! The whole: this binary, its embedded Mesos and stock Flink, and what becomes of them when parts are killed.

pub mod application;
mod crashes;
mod elastic;
pub mod ends;
pub mod harness;
pub mod masters;
pub mod owners;
pub mod processes;
mod start;
pub mod stop;
