//! The embedded Mesos: a master, and agents in its process or on other hosts, for the first minute with the project
//! and for tests.
//!
//! To a scheduler it is a real one: it is spoken to over HTTP, answers in the same words and order, and its
//! tasks are real processes. The cores ([`master`] and [`agent`]) know neither clock nor socket nor process;
//! [`cluster`] drives a master with the agents beside it, [`remote`] an agent elsewhere, [`link`] is between the
//! two. It differs from the real one on purpose in this: it listens on loopback unless it is told otherwise,
//! isolates nothing, and tasks end with their agent. What it can do and what can be made to go wrong, which is not in
//! releases: `docs/embedded-mesos.md`.

#![forbid(unsafe_code)]

pub mod agent;
pub mod cluster;
pub mod credentials;
#[cfg(feature = "faults")]
pub mod fault;
pub mod fetcher;
pub mod host;
pub mod http;
pub mod ids;
pub mod leadership;
pub mod link;
pub mod machine;
pub mod master;
pub mod message;
pub mod order;
pub mod prober;
pub mod processes;
pub mod reaper;
pub mod remote;
pub mod request;
pub mod resources;
pub mod sandboxes;
pub mod state;
pub mod timing;
pub mod tool;
