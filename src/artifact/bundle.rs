//! What agents fetch besides configurations: files and directories, addressed by the SHA-256 of what goes over the wire.
//!
//! A directory travels as a tar archive that is made while it is sent. It is the same bytes each time, so the address
//! outlives a restart of the AppMaster, and an agent that has it in its cache does not fetch it again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use base::digest::{Sha256, hexadecimal};

/// A Flink has a hundred files, a JDK a thousand.
const MOST_FILES: usize = 20_000;
/// Deeper than anybody nests; ends a link that leads back to its own directory.
const MOST_DEEP: usize = 24;
/// Read at once: small against what one connection may hold, large against a system call.
const CHUNK: usize = 256 << 10;
/// Of a tar archive.
const BLOCK: u64 = 512;

/// Something to fetch.
#[derive(Clone, Debug)]
pub struct Bundle {
    source: Source,
    digest: String,
    length: u64,
}

/// Something to fetch that has been looked for, and not been read.
#[derive(Clone, Debug)]
pub struct Source {
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
    #[error("{root} has more than {MOST_FILES} files or {MOST_DEEP} levels", root = root.display())]
    TooMuch { root: PathBuf },
}

impl Source {
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
        let mut length = 0;
        for part in &self.parts {
            let mut reader = Reader { parts: vec![part.clone()].into_iter(), open: None };
            let path = match part {
                Part::Bytes(_) => Path::new(""),
                Part::File { path, .. } => path,
            };
            while let Some(bytes) = reader.next().map_err(unreadable(path))? {
                length += bytes.len() as u64;
                hash.update(&bytes);
            }
        }
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
        format!("/{}/{}", self.digest, self.name())
    }

    /// The content. It breaks off when a file has become shorter.
    pub fn stream(&self) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        let reader = Reader { parts: self.source.parts.clone().into_iter(), open: None };
        stream::unfold(Some(reader), async |reader| {
            let mut reader = reader?;
            match reader.next() {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// The SHA-256 of a file.
pub fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::begin();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finish())),
            count => hash.update(&buffer[..count]),
        }
    }
}

struct Reader {
    parts: std::vec::IntoIter<Part>,
    /// The file that is being read, and how much of it is left.
    open: Option<(File, u64)>,
}

impl Reader {
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some((file, left)) = &mut self.open
                && *left > 0
            {
                let most = usize::try_from(*left).unwrap_or(CHUNK).min(CHUNK);
                let mut buffer = vec![0; most];
                file.read_exact(&mut buffer)?;
                *left -= most as u64;
                return Ok(Some(buffer.into()));
            }
            self.open = None;
            match self.parts.next() {
                None => return Ok(None),
                Some(Part::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Part::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Part::File { path, length }) => self.open = Some((File::open(path)?, length)),
            }
        }
    }
}

/// What cannot be opened is told before anything is started.
fn open(path: &Path) -> Result<fs::Metadata, BundleError> {
    File::open(path).and_then(|file| file.metadata()).map_err(unreadable(path))
}

fn collect(root: &Path, directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), BundleError> {
    for entry in sorted(directory)? {
        // A link that leads nowhere is nothing that anybody needs.
        let Ok(metadata) = fs::metadata(&entry) else { continue };
        if depth > MOST_DEEP || files.len() >= MOST_FILES {
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
    use futures_util::TryStreamExt as _;

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
        let source = Source::directory("flink.tar", root.path(), &["lib", "opt"]);
        source.and_then(Source::read).expect("bundled")
    }

    async fn content(bundle: &Bundle) -> io::Result<Vec<u8>> {
        bundle.stream().try_fold(Vec::new(), async |all, bytes| Ok([all, bytes.to_vec()].concat())).await
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
    async fn what_has_changed_is_not_sent_as_if_it_had_not() {
        let root = tree();
        let path = root.path().join("LICENSE");
        let bundle = Source::file("license", &path).and_then(Source::read).expect("bundled");
        assert_eq!(content(&bundle).await.expect("read"), b"l");
        assert_eq!(digest_of(&path).expect("read"), bundle.digest());
        fs::write(&path, "").expect("written");
        content(&bundle).await.expect_err("it is shorter now");
    }

    #[test]
    fn a_link_to_its_own_directory_is_refused() {
        let root = tree();
        std::os::unix::fs::symlink(".", root.path().join("lib/loop")).expect("linked");
        let error = Source::directory("x.tar", root.path(), &["lib"]).expect_err("endless");
        assert!(error.to_string().contains("levels"), "{error}");
    }
}
