//! What agents without Flink get from the AppMaster, and what nobody gets: on clusters with stock Flink.

mod again;
pub mod secrets;
mod secured;
pub mod stores;

use std::fs;
use std::path::{Path, PathBuf};

/// Of everything below `directory`.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // What ends meanwhile takes its files with it.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}

/// How often agents have fetched it from an AppMaster with this log.
pub fn fetched(log: &str, name: &str) -> usize {
    let name = format!("name={name} ");
    log.lines().filter(|line| line.contains("an agent fetches") && line.contains(&name)).count()
}
