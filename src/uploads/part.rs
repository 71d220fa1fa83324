//! A file that is on its way into the directory. Until all of it is there it has another name, under which nobody looks for it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base::digest::{Digest, Sha256, hexadecimal};
use base::random;

const PREFIX: &str = ".coming-";

/// Artifacts may hold secrets of jobs.
const MODE: u32 = 0o600;

/// Where locks do not work, what is older than this is nobody's any more.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Removed unless it was put in its place.
pub struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
    is_placed: bool,
}

impl Part {
    pub fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!("{PREFIX}{}", hexadecimal(&random::bytes::<8>())));
        let file = File::options().write(true).create_new(true).mode(MODE).open(&path)?;
        // So that another process that starts sees that it is somebody's. Where there are no locks its age has to do.
        let _ = file.try_lock();
        Ok(Self { path, file, hash: Sha256::begin(), bytes: 0, is_placed: false })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all that was written, which is on the disk from now on.
    pub fn finish(&mut self) -> io::Result<Digest> {
        self.file.sync_all()?;
        Ok(std::mem::replace(&mut self.hash, Sha256::begin()).digest())
    }

    pub fn place(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_placed {
            // What stays goes with the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what processes have left that were killed.
pub fn sweep(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_part = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_part && is_abandoned(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_abandoned(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let modified = file.metadata().map_or(i64::MAX, |metadata| metadata.mtime());
            let now = SystemTime::UNIX_EPOCH.elapsed().map(|now| now.as_secs()).unwrap_or_default();
            now.saturating_sub(modified.max(0).cast_unsigned()) > ABANDONED_AFTER.as_secs()
        }
    }
}
