//! How the ports of this program take connections: whatever happens to one of them, the next is accepted, and what
//! connections took is given back when they are closed. A port takes no more connections than its limit, and keeps none
//! that does not ask or does not read.

#![forbid(unsafe_code)]

mod closing;
mod connection;
mod conversation;
mod file;
mod held;
mod http;
mod limits;
mod listening;
mod page;
mod secure;
mod supervision;
mod threads;
mod transport;

#[cfg(test)]
mod tests;

pub use closing::{Closing, Open};
pub use connection::Connection;
pub use file::{Outbox, Part, Section, body};
pub use held::{answered, held};
pub use http::{Certificate, Credentials, Peer, Port, guarded, serve, whole};
pub use limits::{Limits, Pace};
pub use listening::{Accept, Listening, asynchronous, asynchronous_unix};
pub use page::Page;
pub use secure::TlsListener;
pub use supervision::keep;
pub use threads::{Threads, on_own_thread, on_own_threads};
