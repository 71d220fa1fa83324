//! The embedded Mesos, as a process of its own that is spoken to over sockets.

mod bad_input;
mod checks;
mod client;
mod compare;
mod driven;
mod embedded;
mod faults;
mod fetches;
mod life;
mod operator;
mod own_client;
mod placement;
mod pymesos;
mod recorded;
mod remote;
mod replay;
mod sandboxes;
mod scheduler;
mod tasks;
mod tls;
mod users;
