//! What agents keep of what they have fetched: a file for each URI, without an end, up to a limit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use base::digest::{Sha256, hexadecimal};

/// What the real agent keeps by default. What would exceed it is not kept.
const MAX_CACHE_BYTES: u64 = 2 << 30;

/// What is being brought into a cache: the next task that wants the same waits and then finds it there.
static UNDER_WAY: Mutex<BTreeMap<PathBuf, Arc<Turn<()>>>> = Mutex::new(BTreeMap::new());

pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub fn find(&self, url: &str) -> Option<PathBuf> {
        let file = self.file(url);
        file.is_file().then_some(file)
    }

    /// As long as this is held nobody else brings `url` into this cache.
    pub async fn turn(&self, url: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(under_way.entry(self.file(url)).or_default())
        };
        turn.lock_owned().await
    }

    /// Keeps a copy of `file`, if it is as large as announced and there is room. Answers where.
    pub fn keep(&self, url: &str, file: &Path, bytes: u64) -> Option<PathBuf> {
        let is_whole = fs::metadata(file).is_ok_and(|metadata| metadata.len() == bytes);
        if !is_whole || self.used().saturating_add(bytes) > MAX_CACHE_BYTES {
            return None;
        }
        let kept = self.file(url);
        fs::create_dir_all(&self.directory).ok()?;
        // Visible only when whole.
        let copy = tempfile::NamedTempFile::new_in(&self.directory).ok()?;
        fs::copy(file, copy.path()).ok()?;
        copy.persist(&kept).ok()?;
        Some(kept)
    }

    fn used(&self) -> u64 {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    fn file(&self, url: &str) -> PathBuf {
        self.directory.join(hexadecimal(&Sha256::of(url)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_whole_and_fits() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::new(directory.path().join("fetch"));
        let file = directory.path().join("file");
        fs::write(&file, "content").expect("written");
        assert_eq!(cache.find("http://h/a"), None);
        assert_eq!(cache.keep("http://h/a", &file, 8), None, "half a file");
        let kept = cache.keep("http://h/a", &file, 7).expect("room");
        assert_eq!(fs::read_to_string(&kept).expect("kept"), "content");
        assert_eq!((cache.find("http://h/a"), cache.find("http://h/b")), (Some(kept.clone()), None));
        // As large as all that may be kept, but without a block on the disk.
        fs::File::create(&file).and_then(|file| file.set_len(MAX_CACHE_BYTES)).expect("a hole");
        assert_eq!(cache.keep("http://h/b", &file, MAX_CACHE_BYTES), None, "no room");
    }
}
