//! The state in a directory, for clusters without ZooKeeper whose AppMaster is started again on the same host.
//!
//! A state is written to a file of its own, which takes the place of the older one only when all of it is on the disk:
//! whoever dies in the middle of a write leaves the older one in force.
//!
//! ```text
//! <mesos.state-dir>/<cluster>/
//!     state        a line with length and digest, then the record
//!     state.new    a write that has not finished
//!     lock         locked while an AppMaster has the cluster; its text says which one
//! ```

mod hold;
mod record_file;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base::directory::sync;
use domain::state::State;

use domain::record;
use domain::store::{Store, StoreError};

pub use hold::{Hold, HoldError, check};

const STATE: &str = "state";
const NEW: &str = "state.new";
const LOCK: &str = "lock";

/// Far above what 10,000 TaskManagers need, about 150 bytes each.
const MAX_BYTES: usize = 64 << 20;

/// The token secret is in the state.
const FILE_MODE: u32 = 0o600;

/// One cluster's directory, which this AppMaster has locked.
#[derive(Debug)]
pub struct DirectoryStore {
    files: Option<Files>,
}

impl DirectoryStore {
    /// `lock` comes from a [`Hold`] of this directory.
    pub fn new(directory: PathBuf, lock: OwnedFd) -> Self {
        Self { files: Some(Files { directory, lock: lock.into() }) }
    }

    /// A disk may take long to answer, which nobody else shall wait for.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(files) = self.files.take() else { return Err(StoreError::Abandoned) };
        let (files, worked) = tokio::task::spawn_blocking(move || {
            let worked = work(&files);
            (files, worked)
        })
        .await
        .map_err(|_| StoreError::Abandoned)?;
        self.files = Some(files);
        worked
    }
}

impl Store for DirectoryStore {
    async fn load(&mut self) -> Result<Option<State>, StoreError> {
        self.work(Files::read).await
    }

    async fn save(&mut self, state: &State) -> Result<(), StoreError> {
        let content = record::encode(state)?;
        self.work(move |files| files.write(&content)).await
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        self.work(Files::remove).await
    }
}

#[derive(Debug)]
struct Files {
    directory: PathBuf,
    lock: File,
}

impl Files {
    fn read(&self) -> Result<Option<State>, StoreError> {
        read(&self.directory)
    }

    fn write(&self, content: &[u8]) -> Result<(), StoreError> {
        if content.len() > MAX_BYTES {
            return Err(StoreError::TooLarge { bytes: content.len(), most: MAX_BYTES });
        }
        self.check_lock()?;
        let new = self.directory.join(NEW);
        let written = write_through(&new, &record_file::wrap(content));
        if written.is_err() {
            // On a full disk it would keep others from writing too.
            let _ = fs::remove_file(&new);
        }
        let state = self.directory.join(STATE);
        written.and_then(|()| fs::rename(&new, &state)).map_err(failed("write", &state))?;
        sync(&self.directory).map_err(failed("write", &state))
    }

    fn remove(&self) -> Result<(), StoreError> {
        self.check_lock()?;
        let state = self.directory.join(STATE);
        match fs::remove_file(&state) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &state)(error)),
            Ok(()) | Err(_) => sync(&self.directory).map_err(failed("remove", &state)),
        }
    }

    /// Whether the lock that others would meet is still ours.
    fn check_lock(&self) -> Result<(), StoreError> {
        let path = self.directory.join(LOCK);
        let (named, own) = fs::metadata(&path)
            .and_then(|named| Ok((named, self.lock.metadata()?)))
            .map_err(failed("find", &path))?;
        if (named.dev(), named.ino()) == (own.dev(), own.ino()) {
            Ok(())
        } else {
            Err(failed("keep", &path)(io::Error::other("another file has replaced it")))
        }
    }
}

/// What lies in the directory, if anything does.
fn read(directory: &Path) -> Result<Option<State>, StoreError> {
    let path = directory.join(STATE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed("read", &path))?,
    };
    let content = record_file::unwrap(&bytes);
    let state = content.and_then(record::decode);
    state.map(Some).map_err(|source| StoreError::Node { path: path.display().to_string(), source })
}

/// A new file with this content, which is on the disk when this returns.
fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that an interrupted write has left may be anything, even a link.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { doing, path, source }
}

#[cfg(test)]
mod tests;
