//! The directory that one run may write to: effective configuration, logs, temporary files. `init` removes it.

use std::io;
use std::path::{Path, PathBuf};

use crate::conf::environment::Environment;

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
    /// In the Mesos sandbox if there is one, else where temporary files go.
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

    /// Leaves the directory to somebody else.
    pub fn keep(self) -> PathBuf {
        self.directory.keep()
    }
}

/// Where temporary things go.
pub fn base(environment: &Environment) -> PathBuf {
    let named = ["MESOS_SANDBOX", "TMPDIR"].iter().find_map(|name| environment.text(name));
    PathBuf::from(named.unwrap_or("/tmp"))
}
