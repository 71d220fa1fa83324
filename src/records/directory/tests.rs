use std::fs;
use std::path::PathBuf;

use super::*;
use crate::suite;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("dispatcher")
    }
}

impl suite::Place for Directory {
    type Records = DirectoryRecords;

    async fn open(&mut self, instance: &str) -> Result<DirectoryRecords, OpenError> {
        DirectoryRecords::open(&self.path(), instance).await
    }
}

#[tokio::test]
async fn the_directory_passes_the_suite() {
    let mut directory = Directory::new();
    suite::all(&mut directory).await;
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it stays").collect();
    assert!(left.is_empty(), "{left:?}");
}
