//! Records in one file of a directory, for a writer that is alone.
//!
//! The file is a database of redb. The directory is locked as long as it is in use, and a new file gets its name only when
//! all of it is on the disk. Every page is checked when the file is opened: one that is damaged is refused.
//!
//! ```text
//! <directory>/
//!     records        the root and all records
//!     records.new    a file whose creation has not finished
//! ```

mod file;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::change::{Change, Revision, check_size};
use crate::error::{CommitError, FileError, LoadError, OpenError, PurgeError};
use crate::key::Key;
use crate::{Loaded, Records};
use file::Store;

/// The directory of one instance, which this process has locked.
#[derive(Debug)]
pub struct DirectoryRecords {
    directory: PathBuf,
    store: Arc<Mutex<Store>>,
    /// Not while a commit is under way, which goes on when nobody waits for it any more.
    is_loaded: bool,
}

impl DirectoryRecords {
    /// Creates what is not there, but no more than one directory.
    pub async fn open(directory: &Path, instance: &str) -> Result<Self, OpenError> {
        let (path, instance) = (directory.to_owned(), instance.to_owned());
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, &instance)).await;
        let store = opened.map_err(|_| abandoned(directory))??;
        let store = Arc::new(Mutex::new(store));
        Ok(Self { directory: directory.to_owned(), store, is_loaded: false })
    }

    /// A disk may take long to answer, which nobody else shall wait for.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, FileError> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || store.lock().ok().map(|mut store| work(&mut store)));
        done.await.ok().flatten().ok_or_else(|| abandoned(&self.directory))
    }
}

impl Records for DirectoryRecords {
    async fn load(&mut self, below: Option<&Key>) -> Result<Loaded, LoadError> {
        let wanted = below.cloned();
        let loaded = self.work(move |store| store.load(wanted.as_ref())).await??;
        self.is_loaded |= below.is_none();
        Ok(loaded)
    }

    async fn commit(&mut self, changes: &[Change]) -> Result<Revision, CommitError> {
        check_size(changes)?;
        if !self.is_loaded {
            return Err(CommitError::NotLoaded);
        }
        self.is_loaded = false;
        let changes = changes.to_vec();
        let done = self.work(move |store| store.commit(&changes)).await?;
        self.is_loaded = matches!(done, Ok(_) | Err(CommitError::Conflict { .. }));
        done
    }

    async fn purge(self) -> Result<(), PurgeError> {
        self.work(Store::purge).await?
    }
}

fn abandoned(directory: &Path) -> FileError {
    FileError::Abandoned { path: directory.join(file::NAME) }
}

#[cfg(test)]
mod tests;
