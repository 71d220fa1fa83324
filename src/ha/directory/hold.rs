//! Takes a cluster's directory: creates it, locks it, and finds what is wrong with it before anything is started.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use nix::unistd::{AccessFlags, access, geteuid};

use base::exit::Exit;
use domain::state::State;

use super::{FILE_MODE, LOCK, NEW, read, sync, write_through};
use domain::store::StoreError;

const DIRECTORY_MODE: u32 = 0o700;

/// The holder's text is one line.
const MAX_HOLDER_BYTES: u64 = 512;

/// An AppMaster that was killed is gone with all its processes after a moment.
const LOCK_ATTEMPTS: u32 = 40;
const LOCK_POLL: Duration = Duration::from_millis(50);

/// A cluster's directory, locked against other AppMasters as long as the lock's descriptor is open.
#[derive(Debug)]
pub struct Hold {
    pub state: Option<State>,
    lock: File,
}

/// Why an AppMaster cannot keep its state there.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error("{} does not exist, and neither does {}: create the directory, or mount it", path.display(), parent.display())]
    NoParent { path: PathBuf, parent: PathBuf },
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("{} belongs to user {owner}, and this AppMaster runs as user {own}", path.display())]
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
    #[error(
        "another AppMaster uses {}: {holder}; end it, or choose another directory, another mesos.resourcemanager.framework.name or high-availability.cluster-id",
        path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error(transparent)]
    State(#[from] StoreError),
}

impl HoldError {
    pub fn exit(&self) -> Exit {
        match self {
            Self::State(StoreError::Node { .. }) => Exit::Data,
            Self::State(_)
            | Self::NoParent { .. }
            | Self::NotADirectory { .. }
            | Self::Foreign { .. }
            | Self::Unusable { .. }
            | Self::NoLocks { .. }
            | Self::Held { .. } => Exit::CannotCreate,
        }
    }
}

impl Hold {
    /// `directory` is the cluster's, its parent `mesos.state-dir`. `holder` says who has it from now on.
    pub fn take(directory: &Path, holder: &str) -> Result<Self, HoldError> {
        if let Some(base) = directory.parent() {
            create(base)?;
        }
        create(directory)?;
        own(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(DIRECTORY_MODE))
            .map_err(unusable("protect", directory))?;
        let lock = lock(&directory.join(LOCK), holder)?;
        probe(directory)?;
        let state = read(directory)?;
        Ok(Self { state, lock })
    }

    /// The lock, for whoever works with the directory.
    pub fn into_lock(self) -> OwnedFd {
        self.lock.into()
    }
}

/// Finds what [`Hold::take`] would fail with, as far as it can be seen without changing anything.
pub fn check(directory: &Path) -> Result<(), HoldError> {
    let base = directory.parent().unwrap_or(directory);
    if !exists(base)? {
        let parent = base.parent().unwrap_or(base);
        if !exists(parent)? {
            return Err(HoldError::NoParent { path: base.to_owned(), parent: parent.to_owned() });
        }
        return writable(parent);
    }
    if !exists(directory)? {
        return writable(base);
    }
    own(directory)?;
    writable(directory)?;
    read(directory)?;
    Ok(())
}

/// Only the last name of the path: a misspelt mount point shall not become a directory that goes with the container.
fn create(path: &Path) -> Result<(), HoldError> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync).map_err(unusable("create", path)),
        // Also where nothing could be created: what is there already is enough.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(HoldError::NotADirectory { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(HoldError::NoParent {
            path: path.to_owned(),
            parent: path.parent().unwrap_or(path).to_owned(),
        }),
        Err(error) => Err(unusable("create", path)(error)),
    }
}

fn own(directory: &Path) -> Result<(), HoldError> {
    let owner = fs::metadata(directory).map_err(unusable("access", directory))?.uid();
    let own = geteuid().as_raw();
    if owner == own { Ok(()) } else { Err(HoldError::Foreign { path: directory.to_owned(), owner, own }) }
}

fn exists(path: &Path) -> Result<bool, HoldError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(HoldError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unusable("access", path)(error)),
    }
}

fn writable(directory: &Path) -> Result<(), HoldError> {
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|errno| unusable("write to", directory)(errno.into()))
}

fn lock(path: &Path, holder: &str) -> Result<File, HoldError> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let mut file = options.open(path).map_err(unusable("open", path))?;
    let mut attempts = 0;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempts < LOCK_ATTEMPTS => {
                attempts += 1;
                std::thread::sleep(LOCK_POLL);
            }
            Err(TryLockError::WouldBlock) => {
                let path = path.parent().unwrap_or(path).to_owned();
                return Err(HoldError::Held { path, holder: told_holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(not_locked(path, source)),
        }
    }
    let written = file.set_len(0).and_then(|()| file.write_all(format!("{holder}\n").as_bytes()));
    written.and_then(|()| file.sync_all()).map_err(unusable("write", path))?;
    Ok(file)
}

fn not_locked(path: &Path, source: io::Error) -> HoldError {
    match source.raw_os_error() {
        Some(libc::ENOLCK | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => {
            HoldError::NoLocks { path: path.to_owned(), source }
        }
        Some(_) | None => unusable("lock", path)(source),
    }
}

fn told_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(MAX_HOLDER_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "its lock file does not say which".to_owned(),
    }
}

/// Whether a state could be written: better now than when Mesos waits for it.
fn probe(directory: &Path) -> Result<(), HoldError> {
    let path = directory.join(NEW);
    let written = write_through(&path, &[0; 4096]);
    let removed = fs::remove_file(&path);
    written.and(removed).map_err(unusable("write", &path))
}

fn unusable(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HoldError {
    let path = path.to_owned();
    move |source| HoldError::Unusable { doing, path, source }
}
