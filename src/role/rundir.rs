//! The directory that one run may write to: effective configuration, logs, temporary files. `init` removes it.

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::conf::environment::Environment;

const SANDBOX: &str = "MESOS_SANDBOX";

#[derive(Debug, thiserror::Error)]
#[error("failed to create a directory for this run in {}", base.display())]
pub struct RunDirError {
    base: PathBuf,
    #[source]
    source: io::Error,
}

/// A fresh directory, readable by its owner only. Dropped before [`RunDir::keep`] it removes itself.
#[derive(Debug)]
pub struct RunDir {
    directory: tempfile::TempDir,
}

impl RunDir {
    /// In the Mesos sandbox if there is one that can be written to, else where temporary files go.
    pub fn create(environment: &Environment) -> Result<Self, RunDirError> {
        let base = base(environment);
        let directory = tempfile::Builder::new()
            .prefix("flink-on-mesos-")
            .tempdir_in(&base)
            .and_then(|directory| {
                for name in ["conf", "log", "tmp"] {
                    std::fs::create_dir(directory.path().join(name))?;
                }
                Ok(directory)
            })
            .map_err(|source| RunDirError { base, source })?;
        Ok(Self { directory })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The effective configuration.
    pub fn conf(&self) -> PathBuf {
        self.path().join("conf")
    }

    pub fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// `io.tmp.dirs` of the JVM: what it leaves there goes with the run.
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Links to Flink's plugins; not there unless somebody makes it.
    pub fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }

    /// Leaves the directory to somebody else.
    pub fn keep(self) -> PathBuf {
        self.directory.keep()
    }
}

/// What Mesos has fetched, and what is unpacked of it.
pub fn sandbox(environment: &Environment) -> PathBuf {
    environment.text(SANDBOX).map_or_else(|| temporary(environment), PathBuf::from)
}

/// Where temporary things go. The Docker containerizer's sandbox belongs to the task's user, which need not be the image's.
pub fn base(environment: &Environment) -> PathBuf {
    let sandbox = sandbox(environment);
    match access(&sandbox, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => sandbox,
        Err(_) => temporary(environment),
    }
}

fn temporary(environment: &Environment) -> PathBuf {
    PathBuf::from(environment.text("TMPDIR").unwrap_or("/tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_in_the_sandbox_if_that_can_be_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = directory.path().join("sandbox");
        let environment: Environment =
            [(SANDBOX, sandbox.as_path()), ("TMPDIR", directory.path())].into_iter().collect();
        // One without permissions would not keep root out.
        assert_eq!(base(&environment), directory.path());
        std::fs::create_dir(&sandbox).unwrap();
        assert_eq!(base(&environment), sandbox);
        assert_eq!(base(&Environment::default()), Path::new("/tmp"));
    }
}
