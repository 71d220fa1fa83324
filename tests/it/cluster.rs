//! The whole: this binary, its embedded Mesos and stock Flink, and what becomes of them when parts are killed.

pub mod application;
mod crashes;
mod elastic;
pub mod ends;
pub mod harness;
mod kill;
pub mod masters;
pub mod owners;
pub mod processes;

pub mod stand_in;
mod start;
pub mod stop;
mod unheard;
