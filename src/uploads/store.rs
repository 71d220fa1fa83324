//! The directory of artifacts: `DIGEST` has the content of one, `DIGEST.json` who uploaded it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::digest::Digest;
use base::directory::{self, DirectoryError};
use bytes::Bytes;
use domain::time::Timestamp;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::keeping::{About, Keeping, Limits, Listed, Refusal};
use super::part::{self, Part};

/// Of one upload, read and not yet written.
const CHUNKS_AHEAD: usize = 4;

/// Each takes a thread and some hundred kilobytes.
const MAX_UPLOADS: usize = 16;

/// Whoever sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

/// What nobody reads holds one of these.
const ABOUT: &str = "json";

/// What is wrong with the directory or a file in it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot keep artifacts")]
    Directory(#[from] DirectoryError),
    #[error("cannot {doing} artifacts in {}", directory.display())]
    Io {
        doing: &'static str,
        directory: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Why an upload is not kept. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("what was sent has the SHA-256 {found}, and {expected} was expected")]
    Different { expected: Digest, found: Digest },
    #[error("the upload was cut off after {bytes} bytes")]
    Cut { bytes: u64 },
    #[error("nothing was sent for {} s", SILENCE.as_secs())]
    Silent,
    #[error("too many uploads are under way: at most {MAX_UPLOADS}")]
    Busy,
    #[error(transparent)]
    File(#[from] FileError),
}

pub struct Store {
    directory: PathBuf,
    keeping: Mutex<Keeping>,
    /// Held while files get their names or lose them, and while it is looked which there are; never in an asynchronous function.
    names: Mutex<()>,
    uploads: Arc<Semaphore>,
    clock: fn() -> Timestamp,
}

/// What becomes of an upload.
pub enum Begun {
    /// It is there already.
    There(About),
    Comes(Coming),
}

/// Room for a file that may come.
pub struct Coming {
    store: Arc<Store>,
    digest: Digest,
    reserved: u64,
    /// Of the whole file, if it was told.
    length: Option<u64>,
}

enum Piece {
    Bytes(Bytes),
    /// There are no more. Without it something is missing.
    End,
}

impl Store {
    /// Nothing is read yet, nor created: see [`Self::refresh`].
    pub fn new(directory: PathBuf, limits: Limits, clock: fn() -> Timestamp) -> Self {
        Self {
            directory,
            keeping: Mutex::new(Keeping::new(limits)),
            names: Mutex::default(),
            uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
            clock,
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn limits(&self) -> Limits {
        self.keeping().limits()
    }

    /// Looks which artifacts there are. Without a directory there are none.
    pub async fn refresh(self: &Arc<Self>) -> Result<(), FileError> {
        self.blocking(|store| {
            let _names = store.names.lock().unwrap_or_else(PoisonError::into_inner);
            let found = store.scan().map_err(store.failed("look at"))?;
            store.keeping().handle_found(found, (store.clock)());
            Ok(())
        })
        .await
    }

    /// Removes what uploads have left that were cut by the end of their process, and looks what else there is.
    pub async fn begin_with(self: &Arc<Self>) -> Result<(), FileError> {
        self.blocking(|store| match part::sweep(&store.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(store.failed("tidy up")(error)),
            Ok(()) | Err(_) => Ok(()),
        })
        .await?;
        self.refresh().await
    }

    /// Whether specifications may refer to it, as far as was looked.
    pub fn has(&self, digest: &Digest) -> bool {
        self.keeping().get(digest).is_some()
    }

    pub fn list(&self) -> Vec<Listed> {
        self.keeping().list()
    }

    /// The content, where it is there.
    pub async fn open(self: &Arc<Self>, digest: Digest) -> Result<Option<(File, About)>, FileError> {
        if !self.has(&digest) {
            // Another dispatcher may have put it into a directory that both have.
            self.refresh().await?;
        }
        let Some(about) = self.keeping().get(&digest).cloned() else { return Ok(None) };
        self.blocking(move |store| match File::open(store.path(&digest)) {
            Ok(file) => {
                let size = file.metadata().map_err(store.failed("read"))?.size();
                Ok(Some((file, About { size, ..about })))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(store.failed("read")(error)),
        })
        .await
    }

    /// Whether it has to come, and may. `length`: of the whole file, where it was told.
    pub fn begin(self: &Arc<Self>, digest: Digest, length: Option<u64>) -> Result<Begun, Refusal> {
        let mut keeping = self.keeping();
        if let Some(about) = keeping.renew(&digest, (self.clock)())? {
            return Ok(Begun::There(about));
        }
        let reserved = length.unwrap_or_default();
        keeping.reserve(reserved, reserved, true)?;
        drop(keeping);
        Ok(Begun::Comes(Coming { store: Arc::clone(self), digest, reserved, length }))
    }

    /// What is not among these, which were known `late` ago at the latest, and had its grace: from now on it is not there, and
    /// [`Self::remove`] removes it.
    pub fn due(&self, referred: &BTreeSet<Digest>, late: Duration) -> Vec<Digest> {
        self.keeping().collect(referred, late, (self.clock)())
    }

    /// From now on it is not there, and [`Self::remove`] removes it. False where it was not.
    pub fn begin_removal(&self, digest: &Digest) -> bool {
        self.keeping().begin_removal(digest)
    }

    /// It stays.
    pub fn undo_removal(&self, digest: &Digest) {
        self.keeping().end_removal(digest, false);
    }

    /// What is being removed, to its end.
    pub async fn remove(self: &Arc<Self>, digest: Digest) -> Result<(), FileError> {
        self.blocking(move |store| {
            let _names = store.names.lock().unwrap_or_else(PoisonError::into_inner);
            // Without the other one it is an artifact of which nobody knows whose it was.
            let removed = [store.about_path(&digest), store.path(&digest)].iter().try_for_each(|path| {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                }
            });
            let removed = removed.and_then(|()| directory::sync(&store.directory));
            store.keeping().end_removal(&digest, removed.is_ok());
            removed.map_err(store.failed("remove"))
        })
        .await
    }

    fn scan(&self) -> io::Result<BTreeMap<Digest, About>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries?,
        };
        let mut found = BTreeMap::new();
        for entry in entries {
            let entry = entry?;
            let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()) else {
                continue;
            };
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                let told = fs::read(self.about_path(&digest)).ok();
                let told = told.and_then(|bytes| serde_json::from_slice::<About>(&bytes).ok());
                let at = Timestamp::of_seconds(metadata.mtime().max(0).cast_unsigned());
                let about = told.unwrap_or_else(|| About { at, ..About::default() });
                found.insert(digest, About { size: metadata.size(), ..about });
            }
        }
        Ok(found)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.to_string())
    }

    fn about_path(&self, digest: &Digest) -> PathBuf {
        self.path(digest).with_extension(ABOUT)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> FileError {
        let directory = self.directory.clone();
        move |source| FileError::Io { doing, directory, source }
    }

    fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let store = Arc::clone(self);
        let done = spawn_blocking(move || work(&store)).await;
        done.unwrap_or_else(|panic| Err(self.failed("work with")(io::Error::other(panic))))
    }
}

impl Coming {
    /// Reads the content to its end. It is on the disk when this answers.
    pub async fn keep<E: Error>(
        self,
        about: About,
        mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<About, UploadError> {
        let Ok(permit) = Arc::clone(&self.store.uploads).try_acquire_owned() else {
            return Err(UploadError::Busy);
        };
        let (pieces, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let directory = self.store.directory.clone();
        let writing = spawn_blocking(move || {
            let _permit = permit;
            self.write(about, receiver)
        });
        let mut is_silent = false;
        loop {
            let piece = match timeout(SILENCE, chunks.next()).await {
                Ok(Some(Ok(bytes))) => Piece::Bytes(bytes),
                Ok(None) => Piece::End,
                // Cut: the writer misses the end.
                Ok(Some(Err(_))) => break,
                Err(_elapsed) => {
                    is_silent = true;
                    break;
                }
            };
            let is_last = matches!(piece, Piece::End);
            // A writer that is gone says why.
            if pieces.send(piece).await.is_err() || is_last {
                break;
            }
        }
        drop(pieces);
        match writing.await {
            Ok(Err(UploadError::Cut { .. })) if is_silent => Err(UploadError::Silent),
            Ok(done) => done,
            Err(panic) => {
                let source = io::Error::other(panic);
                Err(FileError::Io { doing: "write", directory, source }.into())
            }
        }
    }

    fn write(mut self, about: About, mut pieces: mpsc::Receiver<Piece>) -> Result<About, UploadError> {
        let store = Arc::clone(&self.store);
        directory::create(&store.directory).map_err(FileError::from)?;
        let failed = |source| FileError::Io { doing: "write", directory: store.directory.clone(), source };
        let mut part = Part::create(&store.directory).map_err(failed)?;
        loop {
            match pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => {
                    self.cover(part.bytes() + bytes.len() as u64)?;
                    part.write(&bytes).map_err(failed)?;
                }
                Some(Piece::End) if self.length.is_none_or(|length| length == part.bytes()) => break,
                Some(Piece::End) | None => return Err(UploadError::Cut { bytes: part.bytes() }),
            }
        }
        let (bytes, found) = (part.bytes(), part.finish().map_err(failed)?);
        if found != self.digest {
            return Err(UploadError::Different { expected: self.digest, found });
        }
        let about = About { size: bytes, at: (store.clock)(), ..about };
        self.place(part, &about).map_err(failed)?;
        Ok(about)
    }

    fn cover(&mut self, bytes: u64) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.reserved);
        if more > 0 {
            self.store.keeping().reserve(more, bytes, false)?;
            self.reserved = bytes;
        }
        Ok(())
    }

    fn place(&mut self, part: Part, about: &About) -> io::Result<()> {
        let store = &self.store;
        let mut told = Part::create(&store.directory)?;
        told.write(&serde_json::to_vec(about)?)?;
        told.finish()?;
        let _names = store.names.lock().unwrap_or_else(PoisonError::into_inner);
        part.place(&store.path(&self.digest))?;
        told.place(&store.about_path(&self.digest))?;
        directory::sync(&store.directory)?;
        let mut keeping = store.keeping();
        keeping.release(self.reserved);
        self.reserved = 0;
        keeping.handle_stored(self.digest, about.clone(), (store.clock)());
        Ok(())
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.store.keeping().release(self.reserved);
    }
}
