//! What agents fetch besides configurations: files and directories, addressed by the SHA-256 of what goes over the wire.
//!
//! A directory travels as a tar archive that is made while it is sent. It is the same bytes each time, so the address
//! outlives a restart of the AppMaster, and an agent that has it in its cache does not fetch it again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use base::digest::{Sha256, hexadecimal};

/// A Flink has a hundred files, a JDK a thousand.
const MAX_FILES: usize = 20_000;
/// Deeper than anybody nests; ends a link that leads back to its own directory.
const MAX_DEPTH: usize = 24;
/// Read at once: large against a system call.
const CHUNK: usize = 256 << 10;
/// Of a tar archive.
const BLOCK: u64 = 512;

/// Something to fetch.
#[derive(Clone, Debug)]
pub struct Bundle {
    source: BundlePlan,
    digest: String,
    length: u64,
}

/// Something to fetch that has been looked for, and not been read.
#[derive(Clone, Debug)]
pub struct BundlePlan {
    name: String,
    parts: Vec<Part>,
}

/// What follows each other on the wire.
#[derive(Clone, Debug)]
enum Part {
    Bytes(Bytes),
    File { path: PathBuf, length: u64 },
}

/// Why something cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("cannot read {path}, one of the files that agents fetch", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{root} has more than {MAX_FILES} files or {MAX_DEPTH} levels", root = root.display())]
    TooMuch { root: PathBuf },
}

/// Below the address of whoever serves it.
pub fn path(digest: &str, name: &str) -> String {
    format!("/{digest}/{name}")
}

impl BundlePlan {
    /// One file as it is.
    pub fn file(name: &str, path: &Path) -> Result<Self, BundleError> {
        let length = open(path)?.len();
        Ok(Self { name: name.to_owned(), parts: vec![Part::File { path: path.to_owned(), length }] })
    }

    /// All files of the directories `parts` of `root`, and those of `root` itself. Links are followed.
    pub fn directory(name: &str, root: &Path, parts: &[&str]) -> Result<Self, BundleError> {
        let mut files = Vec::new();
        for entry in sorted(root)? {
            let is_wanted = entry.file_name().is_some_and(|name| parts.iter().any(|part| name == *part));
            let metadata = fs::metadata(&entry).map_err(unreadable(&entry))?;
            if metadata.is_dir() && is_wanted {
                collect(root, &entry, 1, &mut files)?;
            } else if metadata.is_file() {
                files.push(entry);
            }
        }
        let mut archive = Vec::new();
        for path in files {
            let metadata = open(&path)?;
            let below = path.strip_prefix(root).unwrap_or(&path);
            archive.push(Part::Bytes(header(below, &metadata).map_err(unreadable(&path))?));
            let length = metadata.len();
            archive.push(Part::File { path, length });
            let padding = length.next_multiple_of(BLOCK) - length;
            archive.push(Part::Bytes(zeros(padding)));
        }
        archive.push(Part::Bytes(zeros(2 * BLOCK)));
        Ok(Self { name: name.to_owned(), parts: archive })
    }

    /// The name that the file gets where it is fetched.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all of it.
    pub fn read(self) -> Result<Bundle, BundleError> {
        let mut hash = Sha256::begin();
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => hash.update(bytes),
                Part::File { path, length } => {
                    File::open(path)
                        .and_then(|file| hash_first(&mut hash, file, *length))
                        .map_err(unreadable(path))?;
                }
            }
        }
        let length = self.parts.iter().map(Part::length).sum();
        Ok(Bundle { source: self, digest: hexadecimal(&hash.finish()), length })
    }
}

impl Bundle {
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// SHA-256 in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Below the server's address.
    pub fn path(&self) -> String {
        path(&self.digest, self.name())
    }

    /// What a client may name the content by.
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.digest)
    }

    /// These bytes of the content. Each file is opened when it is its turn.
    pub fn parts(&self, wanted: Range<u64>) -> impl Iterator<Item = io::Result<serve::Part>> + Send + use<> {
        let mut begin = 0;
        self.source.parts.clone().into_iter().filter_map(move |part| {
            let end = begin + part.length();
            let here = wanted.start.max(begin)..wanted.end.min(end);
            let within = here.start.saturating_sub(begin)..here.end.saturating_sub(begin);
            begin = end;
            (!here.is_empty()).then(|| part.open(within))
        })
    }
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    fn open(self, within: Range<u64>) -> io::Result<serve::Part> {
        Ok(match self {
            Self::Bytes(bytes) => {
                let [start, end] =
                    [within.start, within.end].map(|at| usize::try_from(at).unwrap_or_default());
                serve::Part::Bytes(bytes.slice(start..end))
            }
            Self::File { path, .. } => serve::Part::File(serve::Section {
                file: Arc::new(File::open(path)?),
                offset: within.start,
                length: within.end - within.start,
            }),
        })
    }
}

/// Answers how many bytes there were.
fn hash_all(hash: &mut Sha256, mut content: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut length = 0;
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(length),
            count => {
                hash.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
}

fn hash_first(hash: &mut Sha256, file: File, length: u64) -> io::Result<()> {
    let found = hash_all(hash, file.take(length))?;
    if found < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// The SHA-256 of a file.
pub fn digest_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::begin();
    hash_all(&mut hash, File::open(path)?)?;
    Ok(hexadecimal(&hash.finish()))
}

/// What cannot be opened is told before anything is started.
fn open(path: &Path) -> Result<fs::Metadata, BundleError> {
    File::open(path).and_then(|file| file.metadata()).map_err(unreadable(path))
}

fn collect(root: &Path, directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), BundleError> {
    for entry in sorted(directory)? {
        // A link that leads nowhere is nothing that anybody needs.
        let Ok(metadata) = fs::metadata(&entry) else { continue };
        if depth > MAX_DEPTH || files.len() >= MAX_FILES {
            return Err(BundleError::TooMuch { root: root.to_owned() });
        }
        if metadata.is_dir() {
            collect(root, &entry, depth + 1, files)?;
        } else if metadata.is_file() {
            files.push(entry);
        }
    }
    Ok(())
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>, BundleError> {
    let entries = fs::read_dir(directory).map_err(unreadable(directory))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(unreadable(directory))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// With the modification time, which class archives are tied to, and without an owner.
fn header(path: &Path, metadata: &fs::Metadata) -> io::Result<Bytes> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_size(metadata.len());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_mode(if metadata.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

fn zeros(count: u64) -> Bytes {
    vec![0; usize::try_from(count).unwrap_or_default()].into()
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::Unreadable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for (name, content) in [("lib/b.jar", "bb"), ("lib/a.jar", "a"), ("log/x", "no"), ("LICENSE", "l")] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, content).expect("written");
        }
        std::os::unix::fs::symlink("b.jar", root.path().join("lib/c.jar")).expect("linked");
        std::os::unix::fs::symlink("nothing", root.path().join("lib/d.jar")).expect("linked");
        root
    }

    fn flink(root: &tempfile::TempDir) -> Bundle {
        let source = BundlePlan::directory("flink.tar", root.path(), &["lib", "opt"]);
        source.and_then(BundlePlan::read).expect("bundled")
    }

    async fn section(bundle: &Bundle, wanted: Range<u64>) -> Option<Vec<u8>> {
        let body = serve::body(bundle.parts(wanted), None);
        axum::body::to_bytes(body, 1 << 20).await.ok().map(Vec::from)
    }

    async fn content(bundle: &Bundle) -> Option<Vec<u8>> {
        section(bundle, 0..bundle.length()).await
    }

    #[tokio::test]
    async fn a_directory_is_an_archive_with_a_name_of_its_own() {
        let root = tree();
        let bundle = flink(&root);
        let sent = content(&bundle).await.expect("read");
        assert_eq!(bundle.length(), sent.len() as u64);
        assert_eq!(bundle.path(), format!("/{}/flink.tar", hexadecimal(&Sha256::of(&sent))));
        let mut archive = tar::Archive::new(sent.as_slice());
        let names: Vec<_> = archive
            .entries()
            .expect("an archive")
            .map(|entry| entry.expect("an entry").path().expect("a path").display().to_string())
            .collect();
        assert_eq!(names, ["LICENSE", "lib/a.jar", "lib/b.jar", "lib/c.jar"]);
        let again = flink(&root);
        assert_eq!(again.digest(), bundle.digest());
    }

    #[tokio::test]
    async fn any_part_of_an_archive_is_that_part_of_its_bytes() {
        let root = tree();
        let bundle = flink(&root);
        let whole = content(&bundle).await.expect("read");
        let length = whole.len();
        for start in [0, 1, 511, 512, 513, 1024, 1535, 1537, length - 1] {
            for end in [start + 1, start + 512, start + 1100, length].map(|end| end.min(length)) {
                let sent = section(&bundle, start as u64..end as u64).await.expect("read");
                assert_eq!(sent, whole[start..end], "{start}..{end}");
            }
        }
    }

    #[tokio::test]
    async fn what_has_changed_is_not_sent_as_if_it_had_not() {
        let root = tree();
        let path = root.path().join("LICENSE");
        let bundle = BundlePlan::file("license", &path).and_then(BundlePlan::read).expect("bundled");
        assert_eq!(content(&bundle).await.expect("read"), b"l");
        assert_eq!(digest_of(&path).expect("read"), bundle.digest());
        fs::write(&path, "").expect("written");
        assert_eq!(content(&bundle).await, None, "it is shorter now");
    }

    #[test]
    fn a_link_to_its_own_directory_is_refused() {
        let root = tree();
        std::os::unix::fs::symlink(".", root.path().join("lib/loop")).expect("linked");
        let error = BundlePlan::directory("x.tar", root.path(), &["lib"]).expect_err("endless");
        assert!(error.to_string().contains("levels"), "{error}");
    }
}
