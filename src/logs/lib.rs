//! What tasks have written into their sandboxes: where it is, read from the agent, and followed through rotations to the task's
//! end. What is read next is pure ([`follow`], [`tail`]); [`reader`] asks master and agent.

#![forbid(unsafe_code)]

pub mod find;
pub mod follow;
pub mod name;
pub mod query;
pub mod reader;
pub mod tail;

#[cfg(test)]
mod tests;
