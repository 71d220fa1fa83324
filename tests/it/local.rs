//! The embedded Mesos, as a process of its own that is spoken to over sockets.

mod client;
mod compare;
mod embedded;
mod faults;
mod placement;
mod recorded;
mod replay;
mod scheduler;
mod tasks;
