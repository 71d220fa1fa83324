//! The whole: this binary, its embedded Mesos and stock Flink, and what becomes of them when parts are killed.

pub mod application;
mod clues;
mod crashes;
mod elastic;
pub mod ends;
pub mod harness;
mod kill;
pub mod masters;
mod neighbours;
pub mod owners;
pub mod processes;
pub mod stand_in;
mod start;
mod state_dir;
pub mod stop;
mod unheard;
