//! Writes the effective configuration into a directory of its own, for Flink. The user's directory is never touched.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::grammar::Grammar;
use super::keys::flink;
use super::table::Table;
use base::exit::Exit;

/// A limit for what is copied beside the configuration: a `conf` directory holds kilobytes, and one that was
/// mounted wrongly (`/`) must not fill the disk.
const MAX_COPIED_BYTES: u64 = 64 << 20;

/// How deep directories are copied; ends loops of links.
const MAX_DEPTH: usize = 8;

/// `src/flink/client/Access.java` and `Targets.java`.
const OF_THE_CLIENT: [&str; 2] = ["mesos.dispatcher", "mesos.cluster-id"];

/// Why the effective configuration is not there; each text names the key or the file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("`{key}` ({origin}) cannot be written to {}: {reason}", grammar.file_name())]
    Inexpressible { key: String, origin: String, grammar: Grammar, reason: &'static str },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} holds more than {MAX_COPIED_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} is nested more than {MAX_DEPTH} deep", path.display())]
    TooDeep { path: PathBuf },
}

impl WriteError {
    /// The code with which the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Inexpressible { .. } => Exit::Config,
            Self::Read { .. } | Self::TooLarge { .. } | Self::TooDeep { .. } => Exit::NoInput,
            Self::Write { .. } => Exit::CannotCreate,
        }
    }
}

/// What Flink reads: without keys that only this program does, whose values Flink would write to its log.
pub fn for_flink(table: &Table) -> Table {
    let mut flinks = table.clone();
    let is_ours = |key: &str| {
        key.starts_with("mesos.")
            || key.starts_with(flink::MASTER_ENVIRONMENT)
            || key.starts_with(flink::TASK_MANAGER_ENVIRONMENT)
    };
    for (key, _) in table.iter().filter(|(key, _)| is_ours(key)) {
        flinks.remove(key);
    }
    flinks
}

/// The same for Flink's command line, whose library from us has keys of its own.
pub fn for_client(table: &Table) -> Table {
    let mut flinks = for_flink(table);
    for (key, setting) in table.iter().filter(|(key, _)| OF_THE_CLIENT.contains(key)) {
        flinks.set(key, &setting.value, setting.origin.clone());
    }
    flinks
}

/// The file's text, from which Flink and we read back exactly the values of `table`; the same bytes for the
/// same table.
pub fn render(table: &Table, grammar: Grammar) -> Result<String, WriteError> {
    let mut text = String::new();
    for (key, setting) in table.iter() {
        if let Some(reason) = grammar.inexpressible(key, &setting.value) {
            let origin = setting.origin.to_string();
            return Err(WriteError::Inexpressible { key: key.to_owned(), origin, grammar, reason });
        }
        grammar.write_entry(&mut text, key, &setting.value);
    }
    Ok(text)
}

/// Writes `table` into the existing directory `target`, and beside it all other files of the user's
/// directory `source` (log4j, logback, Hadoop's …), readable by the owner alone.
pub fn write(table: &Table, grammar: Grammar, source: &Path, target: &Path) -> Result<(), WriteError> {
    let text = render(table, grammar)?;
    let mut copier = Copier { left: MAX_COPIED_BYTES, root: source };
    copier.directory(source, target, 0)?;
    write_file(&target.join(grammar.file_name()), text.as_bytes())
}

struct Copier<'a> {
    /// Bytes that may still be copied.
    left: u64,
    root: &'a Path,
}

impl Copier<'_> {
    fn directory(&mut self, source: &Path, target: &Path, depth: usize) -> Result<(), WriteError> {
        if depth > MAX_DEPTH {
            return Err(WriteError::TooDeep { path: self.root.to_owned() });
        }
        let error = |error| WriteError::Read { path: source.to_owned(), source: error };
        for entry in fs::read_dir(source).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            let own = [Grammar::Legacy, Grammar::Yaml].iter().any(|grammar| name == grammar.file_name());
            // Kubernetes keeps the contents of a mount in `..data` and links to it from beside.
            if (depth == 0 && own) || name.as_bytes().starts_with(b"..") {
                continue;
            }
            self.entry(&source.join(&name), &target.join(&name), depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), WriteError> {
        let read = |source| WriteError::Read { path: from.to_owned(), source };
        // Links are followed; one that leads nowhere is left out, as is what is neither file nor directory.
        let kind = match fs::metadata(from) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(read(error)),
        };
        if kind.is_dir() {
            match fs::DirBuilder::new().mode(0o700).create(to) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(WriteError::Write { path: to.to_owned(), source: error });
                }
                Ok(()) | Err(_) => {}
            }
            return self.directory(from, to, depth + 1);
        }
        if kind.is_file() {
            let mut bytes = Vec::new();
            let file = File::open(from).map_err(read)?;
            file.take(self.left + 1).read_to_end(&mut bytes).map_err(read)?;
            let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                return Err(WriteError::TooLarge { path: self.root.to_owned() });
            };
            self.left = left;
            write_file(to, &bytes)?;
        }
        Ok(())
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .map_err(|source| WriteError::Write { path: path.to_owned(), source })
}
