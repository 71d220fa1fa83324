//! What a failed test leaves for whoever reads only the end of CI's output: `scripts/test` repeats these lines.

use std::fs;
use std::path::{Path, PathBuf};

/// `scripts/test` looks for it.
const MARK: &str = "clue:";

/// Of each file with what tasks wrote.
const LINES_SHOWN: usize = 3;

const FILES_SHOWN: usize = 12;

/// How the machine is, and the last complaints of the tasks below `directory`.
pub fn tell(directory: &Path) {
    eprintln!("{MARK} {}", machine());
    let mut files = Vec::new();
    collect(directory, &mut files);
    files.sort_by_key(|file| fs::metadata(file).and_then(|data| data.modified()).ok());
    for file in files.iter().rev().take(FILES_SHOWN) {
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let complaints: Vec<_> = text.lines().filter(|line| complains(line)).collect();
        let last = &complaints[complaints.len().saturating_sub(LINES_SHOWN)..];
        for line in last {
            let task = file.parent().and_then(Path::parent).and_then(Path::parent).and_then(Path::file_name);
            eprintln!("{MARK} {}: {line}", task.unwrap_or_default().display());
        }
    }
}

fn complains(line: &str) -> bool {
    [" ERROR ", " WARN "].iter().any(|word| line.contains(word)) && !line.contains("org.apache")
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let load = read("/proc/loadavg");
    let memory = read("/proc/meminfo");
    let available = memory.lines().find(|line| line.starts_with("MemAvailable")).unwrap_or_default();
    let pressure = ["cpu", "io", "memory"].map(|of| {
        let text = read(&format!("/proc/pressure/{of}"));
        format!("{of} {}", text.lines().next().unwrap_or_default())
    });
    let disk = nix::sys::statvfs::statvfs(&std::env::temp_dir()).map(|disk| {
        format!("{} MiB free on the disk", (disk.blocks_available() * disk.fragment_size()) >> 20)
    });
    format!(
        "load {}, {available}, {}, {}",
        load.trim(),
        disk.unwrap_or_else(|error| error.to_string()),
        pressure.join(", ")
    )
}

/// Each `stderr` once, although links lead there too.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() && entry.file_name() == "stderr" => files.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}
