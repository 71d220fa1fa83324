//! How each role of the binary is put together from the rooms.

mod application;
pub mod appmaster;
mod check;
pub mod children;
pub mod claim;
pub mod client;
pub mod clusters;
pub mod completions;
pub mod config;
pub mod console;
pub mod dispatcher;
pub mod error;
pub mod exec;
pub mod findings;
mod following;
mod handover;
mod job;
pub mod mesos;
pub mod operator;
mod patient;
mod plugins;
mod program;
pub mod rundir;
pub mod setup;
pub mod sockets;
mod task;
pub mod taskmanager;
mod terminal;
mod user;
mod variables;
pub mod worker;

use tokio::runtime::{Builder, Runtime};

use base::exit::Exit;
use conf::environment::Environment;

use crate::cli::run::RunOptions;
use error::{Fatal, fatal};

/// A job, wherever it is to run.
pub fn run(options: &RunOptions, environment: &Environment) -> Result<u8, Fatal> {
    options.check().map_err(|why| Fatal::new(Exit::Usage, why))?;
    match (&options.session, &options.application) {
        (Some(name), _) => clusters::run::in_session(name, options, environment),
        (None, Some(name)) => clusters::run::as_application(name, options, environment),
        (None, None) => operator::run::here(options, environment),
    }
}

/// The one-threaded runtime of every role that needs one.
fn runtime() -> Result<Runtime, Fatal> {
    Builder::new_current_thread().enable_all().build().map_err(fatal(Exit::Os))
}

/// How many processors this process may use.
#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 processors")]
fn available_cpus() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64)
}
