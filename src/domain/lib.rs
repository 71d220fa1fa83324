//! The nouns that several rooms speak of: what a task needs and where it may run, which groups of tasks there are and
//! how many of each, what is stored of a cluster, who leads and follows, and what came of orders.

#![forbid(unsafe_code)]

pub mod carried;
pub mod constraint;
pub mod demand;
pub mod group;
pub mod job;
pub mod leadership;
pub mod need;
pub mod record;
pub mod remains;
pub mod state;
pub mod store;
pub mod succession;
pub mod time;
pub mod view;
