//! How each role of the binary is put together from the rooms.

pub mod error;
pub mod exec;
pub mod rundir;
pub mod sockets;
