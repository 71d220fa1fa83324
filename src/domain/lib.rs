//! The nouns that several rooms speak of: what a TaskManager needs and where it may run, how many there shall be, what is
//! stored of a cluster, and who leads and follows.

#![forbid(unsafe_code)]

pub mod constraint;
pub mod demand;
pub mod leadership;
pub mod need;
pub mod record;
pub mod state;
pub mod store;
pub mod succession;
