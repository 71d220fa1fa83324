//! The directory that one run may write to: effective configuration, logs, temporary files. `init` removes it.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use conf::environment::Environment;
use flink::command::LogFile;
use init::guard;

/// Logs, heap dumps and temporary files hold what the configuration's secrets protect.
const OWNERS_ALONE: u32 = 0o700;

const SANDBOX: &str = "MESOS_SANDBOX";

/// As Flink's own scripts have it.
const LOG_DIR: &str = "FLINK_LOG_DIR";

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
        let create = || {
            let directory = tempfile::Builder::new()
                .prefix("flink-on-mesos-")
                .permissions(Permissions::from_mode(OWNERS_ALONE))
                .tempdir_in(&base)?;
            let path = directory.path().to_owned();
            Ok((directory, path))
        };
        let created = guard::create(create).and_then(|directory| {
            for name in ["conf", "log", "tmp"] {
                DirBuilder::new().mode(OWNERS_ALONE).create(directory.path().join(name))?;
            }
            Ok(directory)
        });
        let directory = created.map_err(|source| RunDirError { base, source })?;
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

/// Whether no program or library can be run from a directory.
pub fn is_noexec(directory: &Path) -> bool {
    statvfs(directory).is_ok_and(|found| found.flags().contains(FsFlags::ST_NOEXEC))
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

/// In the Mesos sandbox if there is one, so that it is there when the task has ended; but where somebody names a directory,
/// there.
pub fn log_file(environment: &Environment) -> LogFile {
    let writable = |name| {
        let path = environment.text(name).filter(|path| !path.is_empty()).map(PathBuf::from)?;
        access(&path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok().then_some(path)
    };
    match (writable(LOG_DIR), writable(SANDBOX)) {
        (Some(directory), _) => LogFile::KeptIn(directory),
        (None, Some(sandbox)) => LogFile::Kept(sandbox.join("flink.log")),
        (None, None) => LogFile::OfRun,
    }
}

fn temporary(environment: &Environment) -> PathBuf {
    PathBuf::from(environment.text("TMPDIR").unwrap_or("/tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_owners_alone_whatever_the_umask() {
        let directory = tempfile::tempdir().unwrap();
        let environment: Environment = [(SANDBOX, directory.path())].into_iter().collect();
        let before = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
        let run = RunDir::create(&environment);
        nix::sys::stat::umask(before);
        let run = run.unwrap();
        for path in [run.path(), &run.conf(), &run.log(), &run.tmp()] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", path.display());
        }
    }

    #[test]
    fn the_log_is_kept_where_somebody_looks_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let (sandbox, logs) = (directory.path().join("sandbox"), directory.path().join("logs"));
        let of = |names: &[&str]| {
            let named = [(SANDBOX, sandbox.as_path()), (LOG_DIR, logs.as_path())];
            log_file(&named.into_iter().filter(|(name, _)| names.contains(name)).collect())
        };
        assert_eq!(of(&[SANDBOX, LOG_DIR]), LogFile::OfRun, "neither is there");
        std::fs::create_dir(&sandbox).unwrap();
        assert_eq!(of(&[SANDBOX, LOG_DIR]), LogFile::Kept(sandbox.join("flink.log")));
        std::fs::create_dir(&logs).unwrap();
        assert_eq!(of(&[SANDBOX, LOG_DIR]), LogFile::KeptIn(logs.clone()));
        assert_eq!((of(&[LOG_DIR]), of(&[])), (LogFile::KeptIn(logs.clone()), LogFile::OfRun));
    }

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
