//! The whole: this binary, its embedded Mesos and stock Flink, and what becomes of them when parts are killed.

mod application;
mod crashes;
pub mod harness;
mod masters;
mod processes;
mod start;
mod stop;
