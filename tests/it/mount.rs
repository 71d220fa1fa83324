//! A disk that can be filled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system that is there as long as this is.
pub struct Mount {
    at: PathBuf,
    kib: usize,
}

impl Mount {
    pub fn tmpfs(at: &Path, kib: usize) -> Self {
        let options = format!("size={kib}k,mode=700");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "states"]).arg(at).status();
        assert!(status.expect("mount starts").success(), "this test needs root");
        Self { at: at.to_owned(), kib }
    }

    /// Leaves no room; the file that takes it.
    pub fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let mut length = self.kib << 10;
        while length > 0 && fs::write(&path, vec![1; length]).is_err() {
            length -= 1 << 10;
        }
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}
