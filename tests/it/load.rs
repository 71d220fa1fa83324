//! What many connections cost, and what they keep others from.

mod descriptors;
mod memory;
mod network;
mod site;
