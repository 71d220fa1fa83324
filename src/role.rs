//! How each role of the binary is put together from the rooms.

pub mod error;
pub mod exec;
pub mod operator;
pub mod rundir;
pub mod sockets;

use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;

use error::{Fatal, fatal};

/// The one-threaded runtime of every role that needs one.
fn runtime() -> Result<Runtime, Fatal> {
    Builder::new_current_thread().enable_all().build().map_err(fatal(Exit::Os))
}
