//! What many connections cost, and what they keep others from.

mod descriptors;
mod limits;
mod memory;
mod network;
mod site;
