//! Directories in which something is kept: created, owned, and locked against others.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use nix::unistd::{AccessFlags, access, geteuid};

/// Nobody else's business.
pub const DIRECTORY_MODE: u32 = 0o700;

/// A process that was killed is gone with all its children after a moment.
const LOCK_ATTEMPTS: u32 = 40;
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Why nothing can be kept there.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("{} does not exist, and neither does {}: create the directory, or mount it", path.display(), parent.display())]
    NoParent { path: PathBuf, parent: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("{} belongs to user {owner}, and this process runs as user {own}", path.display())]
    Foreign { path: PathBuf, owner: u32, own: u32 },
    #[error("failed to {doing} {}", path.display())]
    Unusable {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the file system of {} does not support locks: choose a directory on a local disk", path.display())]
    NoLocks {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Only the last name of the path: a misspelt mount point shall not become a directory that goes with the container.
pub fn create(path: &Path) -> Result<(), DirectoryError> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync).map_err(unusable("create", path)),
        // Also where nothing could be created: what is there already is enough.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(DirectoryError::NotADirectory { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DirectoryError::NoParent {
            path: path.to_owned(),
            parent: path.parent().unwrap_or(path).to_owned(),
        }),
        Err(error) => Err(unusable("create", path)(error)),
    }
}

/// Whether it is this process's user's.
pub fn own(directory: &Path) -> Result<(), DirectoryError> {
    let owner = fs::metadata(directory).map_err(unusable("access", directory))?.uid();
    let own = geteuid().as_raw();
    if owner == own {
        Ok(())
    } else {
        Err(DirectoryError::Foreign { path: directory.to_owned(), owner, own })
    }
}

pub fn exists(path: &Path) -> Result<bool, DirectoryError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(DirectoryError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unusable("access", path)(error)),
    }
}

pub fn writable(directory: &Path) -> Result<(), DirectoryError> {
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| unusable("write to", directory)(errno.into()))
}

/// Locks an open file or directory for as long as it is open; false if another process keeps it locked.
pub fn lock(file: &File, path: &Path) -> Result<bool, DirectoryError> {
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::Error(source)) => return Err(not_locked(path, source)),
        }
    }
    Ok(false)
}

/// What was created, renamed or removed in it is so on the disk too.
pub fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub fn unusable(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Unusable { doing, path, source }
}

fn not_locked(path: &Path, source: io::Error) -> DirectoryError {
    match source.raw_os_error() {
        Some(libc::ENOLCK | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => {
            DirectoryError::NoLocks { path: path.to_owned(), source }
        }
        Some(_) | None => unusable("lock", path)(source),
    }
}
