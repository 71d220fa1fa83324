//! The whole: this binary, its embedded Mesos and stock Flink, and what becomes of them when parts are killed.

pub mod application;
mod crashes;
mod elastic;
mod ends;
pub mod harness;
pub mod masters;
mod owners;
pub mod processes;
mod start;
pub mod stop;
mod unheard;
