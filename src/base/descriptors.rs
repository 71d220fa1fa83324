//! The file descriptors of this process: how many there may be, and when there are none left.

use std::io;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use tracing::warn;

/// The limits as they were inherited, once this process has raised its own.
static INHERITED: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Why no descriptor was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    #[error("all {limit} file descriptors of this process are in use (EMFILE)")]
    Process { limit: rlim_t },
    #[error("all file descriptors of this machine are in use (ENFILE)")]
    Machine,
}

impl Exhausted {
    /// Whether that is what `error` says.
    pub fn from(error: &io::Error) -> Option<Self> {
        match error.raw_os_error().map(Errno::from_raw)? {
            Errno::EMFILE => Some(Self::Process { limit: limit() }),
            Errno::ENFILE => Some(Self::Machine),
            _ => None,
        }
    }

    /// Whether there are none left at this moment, which libraries do not always say of what fails for it.
    pub fn now() -> Option<Self> {
        nix::unistd::dup(io::stderr()).err().and_then(|errno| Self::from(&errno.into()))
    }
}

/// Raises this process's soft limit to the hard one, as the JVM does too: 1,024 are gone with a few hundred connections.
/// What it starts inherits that, unless it is started [`as_inherited`].
pub fn raise() {
    if let Err(errno) = try_raise() {
        warn!("cannot raise the limit of open files (RLIMIT_NOFILE): {errno}");
    }
}

fn try_raise() -> Result<(), Errno> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        let _ = INHERITED.set((soft, hard));
    }
    Ok(())
}

/// With the limit that this process was started with: programs that use select() cannot live with a higher one. To be
/// called by a process of one thread.
pub fn as_inherited<T>(start: impl FnOnce() -> T) -> T {
    let Some((soft, hard)) = INHERITED.get() else { return start() };
    // What is refused here was allowed before.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard);
    let started = start();
    let _ = setrlimit(Resource::RLIMIT_NOFILE, *hard, *hard);
    started
}

/// How many this process may have.
pub fn limit() -> rlim_t {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}
