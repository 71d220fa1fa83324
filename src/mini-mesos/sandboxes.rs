//! What is in the sandboxes of agents, of tasks that run and of those that have ended. Nothing else can be named, not even
//! through a link.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// As much as the real agent gives in one answer: 16 pages.
pub const MAX_READ_BYTES: u64 = 16 * 4096;

/// What is on the way from a work directory to a sandbox, each followed by an id.
const WAY: [&str; 4] = ["slaves", "frameworks", "executors", "runs"];

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("404 Not Found.")]
    NotFound,
    #[error("Cannot {verb} a directory.\n")]
    Directory { verb: &'static str },
    #[error("Failed to open file: {0}.\n")]
    Io(#[from] io::Error),
}

/// Of one agent, or of those in one process.
#[derive(Clone, Debug)]
pub struct Sandboxes {
    work_dirs: Arc<[PathBuf]>,
}

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Of the whole file.
    pub size: u64,
    pub data: Vec<u8>,
}

impl Sandboxes {
    pub fn new(work_dirs: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { work_dirs: work_dirs.into_iter().collect() }
    }

    /// By path, each with the path under which it was asked for.
    pub async fn list(&self, path: &str) -> Result<Vec<(String, Metadata)>, FilesError> {
        let mut entries = match fs::read_dir(self.resolve(path).await?).await {
            Ok(entries) => entries,
            // The real agent lists nothing then.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut listed = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            let name = Path::new(path).join(entry.file_name()).to_string_lossy().into_owned();
            // What a link leads to, as far as it leads anywhere.
            if let Ok(metadata) = fs::metadata(entry.path()).await {
                listed.push((name, metadata));
            }
        }
        listed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(listed)
    }

    /// From `offset` on, and none where the file ends before; without a length as much as there is, up to the most.
    pub async fn read(&self, path: &str, offset: u64, length: Option<u64>) -> Result<Part, FilesError> {
        let (mut file, size) = self.open(path, "read").await?;
        let mut data = Vec::new();
        if offset < size {
            file.seek(io::SeekFrom::Start(offset)).await?;
            file.take(length.unwrap_or(u64::MAX).min(MAX_READ_BYTES)).read_to_end(&mut data).await?;
        }
        Ok(Part { size, data })
    }

    /// With its size. `verb`: what is done to it.
    pub async fn open(&self, path: &str, verb: &'static str) -> Result<(File, u64), FilesError> {
        let path = self.resolve(path).await?;
        let metadata = fs::metadata(&path).await?;
        if metadata.is_dir() {
            return Err(FilesError::Directory { verb });
        }
        if !metadata.is_file() {
            // A pipe has no end.
            return Err(FilesError::NotFound);
        }
        Ok((File::open(&path).await?, metadata.len()))
    }

    /// By framework, executors with the directories of their last runs.
    pub async fn executors(&self) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
        let mut found: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
        for work_dir in &*self.work_dirs {
            for agent in entries(&work_dir.join(WAY[0])).await {
                for framework in entries(&agent.join(WAY[1])).await {
                    let executors = found.entry(name(&framework)).or_default();
                    for executor in entries(&framework.join(WAY[2])).await {
                        let latest = executor.join(WAY[3]).join("latest");
                        if let Ok(directory) = fs::canonicalize(latest).await {
                            executors.insert(name(&executor), directory);
                        }
                    }
                }
            }
        }
        found
    }

    /// Of a path as `MESOS_SANDBOX` has it, or as `/frameworks/F/executors/E/runs/latest/…`.
    async fn resolve(&self, path: &str) -> Result<PathBuf, FilesError> {
        let named = Path::new(path);
        let has_steps_up = named.components().any(|part| part == Component::ParentDir);
        let Some(below_root) = named.strip_prefix("/").ok().filter(|_| !has_steps_up) else {
            return Err(FilesError::NotFound);
        };
        for work_dir in &*self.work_dirs {
            let mut candidates = Vec::new();
            if below_root.starts_with(WAY[1]) {
                let agents = entries(&work_dir.join(WAY[0])).await;
                candidates.extend(agents.iter().map(|agent| agent.join(below_root)));
            }
            candidates.push(named.to_owned());
            for candidate in candidates {
                if let Some(found) = within_a_sandbox(work_dir, &candidate).await {
                    return Ok(found);
                }
            }
        }
        Err(FilesError::NotFound)
    }
}

/// None where there is no such directory.
async fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(mut entries) = fs::read_dir(directory).await {
        while let Ok(Some(entry)) = entries.next_entry().await {
            found.push(entry.path());
        }
    }
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Where `path` leads, if that is the sandbox that it names or something in it.
async fn within_a_sandbox(work_dir: &Path, path: &Path) -> Option<PathBuf> {
    let parts: Vec<_> = path.strip_prefix(work_dir).ok()?.components().collect();
    let way = parts.iter().step_by(2).zip(WAY);
    if parts.len() < WAY.len() * 2 || !way.clone().all(|(part, name)| part.as_os_str() == name) {
        return None;
    }
    let sandbox: PathBuf = parts.iter().take(WAY.len() * 2).collect();
    let sandbox = fs::canonicalize(work_dir.join(sandbox)).await.ok()?;
    // `latest` leads to one of the runs beside it, and whatever is no sandbox is no task's.
    let runs: PathBuf = parts.iter().take(WAY.len() * 2 - 1).collect();
    let runs = fs::canonicalize(work_dir.join(runs)).await.ok()?;
    let found = fs::canonicalize(path).await.ok()?;
    (sandbox.parent() == Some(&runs) && found.starts_with(&sandbox)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Bench {
        directory: tempfile::TempDir,
        sandboxes: Sandboxes,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().expect("a directory");
            let sandboxes = Sandboxes::new(["one", "two"].map(|name| directory.path().join(name)));
            let bench = Self { directory, sandboxes };
            for (work_dir, task) in [("one", "t-1"), ("two", "t-2")] {
                let runs =
                    bench.work_dir(work_dir).join(format!("slaves/S/frameworks/F/executors/{task}/runs"));
                std::fs::create_dir_all(runs.join("c-1/sub")).expect("a sandbox");
                std::fs::write(runs.join("c-1/stdout"), format!("of {task}")).expect("written");
                symlink(runs.join("c-1"), runs.join("latest")).expect("a link");
            }
            std::fs::write(bench.work_dir("one").join("secret"), "secret").expect("written");
            bench
        }

        fn work_dir(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn sandbox(&self) -> PathBuf {
            self.work_dir("one").join("slaves/S/frameworks/F/executors/t-1/runs/c-1")
        }

        async fn read(&self, path: &str) -> Result<String, String> {
            let part = self.sandboxes.read(path, 0, None).await.map_err(|error| error.to_string())?;
            Ok(String::from_utf8(part.data).expect("text"))
        }
    }

    const LATEST: &str = "/frameworks/F/executors/t-1/runs/latest";

    #[tokio::test]
    async fn a_sandbox_has_two_paths() {
        let bench = Bench::new();
        let absolute = bench.sandbox().join("stdout").display().to_string();
        assert_eq!(bench.read(&absolute).await.as_deref(), Ok("of t-1"));
        assert_eq!(bench.read(&format!("{LATEST}/stdout")).await.as_deref(), Ok("of t-1"));
        let other = "/frameworks/F/executors/t-2/runs/latest/stdout";
        assert_eq!(bench.read(other).await.as_deref(), Ok("of t-2"));
        let listed = bench.sandboxes.list(LATEST).await.expect("listed");
        let paths: Vec<_> = listed.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [format!("{LATEST}/stdout"), format!("{LATEST}/sub")]);
    }

    #[tokio::test]
    async fn parts_are_read_from_an_offset_on() {
        let bench = Bench::new();
        let path = format!("{LATEST}/stdout");
        for (offset, length, data) in
            [(0, None, "of t-1"), (3, Some(2), "t-"), (6, None, ""), (99, Some(1), ""), (0, Some(0), "")]
        {
            let part = bench.sandboxes.read(&path, offset, length).await.expect("read");
            assert_eq!(part, Part { size: 6, data: data.into() }, "{offset}");
        }
        std::fs::write(bench.sandbox().join("large"), vec![b'x'; 100_000]).expect("written");
        let part = bench.sandboxes.read(&format!("{LATEST}/large"), 0, None).await.expect("read");
        assert_eq!((part.size, part.data.len()), (100_000, 65536));
    }

    #[tokio::test]
    async fn nothing_outside_a_sandbox_can_be_named() {
        let bench = Bench::new();
        let sandbox = bench.sandbox();
        symlink("/etc", sandbox.join("etc")).expect("a link");
        symlink(bench.work_dir("one").join("secret"), sandbox.join("above")).expect("a link");
        let other = bench.work_dir("two").join("slaves/S/frameworks/F/executors/t-2/runs/c-1");
        symlink(&other, sandbox.join("other")).expect("a link");
        // As if a task could replace what leads to its sandbox.
        symlink("/etc", sandbox.parent().expect("runs").join("c-2")).expect("a link");
        let below = |path: &str| bench.work_dir("one").join(path).display().to_string();
        for path in [
            "/etc/passwd".to_owned(),
            "etc/passwd".to_owned(),
            String::new(),
            "/".to_owned(),
            "/frameworks".to_owned(),
            below("secret"),
            below("slaves/S/frameworks/F/executors/t-1/runs"),
            below("slaves/S/frameworks/F/executors/t-1/runs/c-2/passwd"),
            format!("{LATEST}/etc/passwd"),
            format!("{LATEST}/above"),
            format!("{LATEST}/other/stdout"),
            format!("{LATEST}/../c-1/stdout"),
            format!("{LATEST}/../../../../../../../secret"),
            format!("{LATEST}/stdout\0"),
            "/frameworks/F/executors/t-3/runs/latest/stdout".to_owned(),
        ] {
            assert_eq!(bench.read(&path).await, Err("404 Not Found.".to_owned()), "{path}");
            assert!(bench.sandboxes.list(&path).await.is_err(), "{path}");
        }
        assert_eq!(bench.read(&format!("{LATEST}/sub")).await, Err("Cannot read a directory.\n".to_owned()));
    }
}
