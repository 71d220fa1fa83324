//! Takes a cluster's directory: creates it, locks it, and finds what is wrong with it before anything is started.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base::directory::{self, DIRECTORY_MODE, DirectoryError, create, exists, own, unusable, writable};
use base::exit::Exit;
use domain::state::State;

use super::{FILE_MODE, LOCK, NEW, read, write_through};
use domain::store::StoreError;

/// The holder's text is one line.
const MAX_HOLDER_BYTES: u64 = 512;

/// A cluster's directory, locked against other AppMasters as long as the lock's descriptor is open.
#[derive(Debug)]
pub struct Hold {
    pub state: Option<State>,
    lock: File,
}

/// Why an AppMaster cannot keep its state there.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
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
            Self::State(_) | Self::Directory(_) | Self::Held { .. } => Exit::CannotCreate,
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
            return Err(DirectoryError::NoParent { path: base.to_owned(), parent: parent.to_owned() }.into());
        }
        return Ok(writable(parent)?);
    }
    if !exists(directory)? {
        return Ok(writable(base)?);
    }
    own(directory)?;
    writable(directory)?;
    read(directory)?;
    Ok(())
}

fn lock(path: &Path, holder: &str) -> Result<File, HoldError> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    let mut file = options.open(path).map_err(unusable("open", path))?;
    if !directory::lock(&file, path)? {
        let path = path.parent().unwrap_or(path).to_owned();
        return Err(HoldError::Held { path, holder: told_holder(&mut file) });
    }
    let written = file.set_len(0).and_then(|()| file.write_all(format!("{holder}\n").as_bytes()));
    written.and_then(|()| file.sync_all()).map_err(unusable("write", path))?;
    Ok(file)
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
    Ok(written.and(removed).map_err(unusable("write", &path))?)
}
