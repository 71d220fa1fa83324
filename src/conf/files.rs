//! Finds and reads the configuration file that counts for a version of Flink.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::encoding::{self, Decoded};
use super::entry::{Entry, Remark};
use super::grammar::{Grammar, Version};
use super::table::Origin;
use super::warning::Warning;
use super::{legacy, yaml};
use base::exit::Exit;

/// Flink's own limit for YAML is 3 MiB; a real file has some kilobytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why the configuration file cannot be read; each text names the file, and the line if there is one.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read the configuration directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot read {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}:{line}: not UTF-8", path.display())]
    NotText { path: PathBuf, line: usize },
    #[error("{} is larger than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("{}:{line}: {text}", path.display())]
    Malformed { path: PathBuf, line: usize, text: String },
    #[error("no {expected} in {}{hint}", path.display())]
    Missing { path: PathBuf, expected: String, hint: String },
}

impl ReadError {
    /// 66 when there is nothing to read, 65 when it cannot be understood.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Directory { .. } | Self::File { .. } | Self::Missing { .. } => Exit::NoInput,
            Self::NotText { .. } | Self::TooLarge { .. } | Self::Malformed { .. } => Exit::Data,
        }
    }
}

/// A configuration file as read; nothing of it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfFile {
    pub path: PathBuf,
    pub grammar: Grammar,
    pub entries: Vec<Entry>,
    /// Skipped lines, each with file and line, and files that do not count.
    pub warnings: Vec<Warning>,
}

/// Reads the file in `directory` that a Flink of `version` would read.
pub fn read(directory: &Path, version: Version) -> Result<ConfFile, ReadError> {
    let names = names(directory)?;
    let there = |grammar: &Grammar| names.iter().any(|name| name == grammar.file_name());
    let Some(grammar) = Grammar::of(version).iter().copied().find(there) else {
        return Err(missing(directory, version, [Grammar::Legacy, Grammar::Yaml].into_iter().find(there)));
    };
    let path = directory.join(grammar.file_name());
    let Decoded { text, warning } = read_text(&path, grammar)?;
    let (entries, remarks) = match grammar {
        Grammar::Legacy => legacy::parse(&text),
        Grammar::Yaml => (yaml::parse(&text).map_err(|remark| malformed(&path, remark))?, Vec::new()),
    };
    let of_file = warning.map(|warning| format!("{} {warning}", path.display()));
    let mut warnings: Vec<_> = of_file.into_iter().map(Warning::from).collect();
    let of_line = |Remark { line, text }| Warning::of_line(Origin::File { path: path.clone(), line }, text);
    warnings.extend(remarks.into_iter().map(of_line));
    for other in [Grammar::Legacy, Grammar::Yaml] {
        if other != grammar && there(&other) {
            let unread = directory.join(other.file_name());
            warnings.push(format!("{} is not read: {}", unread.display(), rule(version)).into());
        }
    }
    Ok(ConfFile { path, grammar, entries, warnings })
}

fn names(directory: &Path) -> Result<Vec<std::ffi::OsString>, ReadError> {
    let error = |source| ReadError::Directory { path: directory.to_owned(), source };
    fs::read_dir(directory)
        .map_err(error)?
        .map(|entry| entry.map(|entry| entry.file_name()).map_err(error))
        .collect()
}

fn read_text(path: &Path, grammar: Grammar) -> Result<Decoded, ReadError> {
    let error = |source| ReadError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(error)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge { path: path.to_owned() });
    }
    encoding::decode(&bytes, grammar).map_err(|line| ReadError::NotText { path: path.to_owned(), line })
}

fn missing(directory: &Path, version: Version, other: Option<Grammar>) -> ReadError {
    let expected: Vec<_> = Grammar::of(version).iter().map(|grammar| grammar.file_name()).collect();
    let hint = other.map_or_else(String::new, |other| {
        format!("; the {} there is ignored: {}", other.file_name(), rule(version))
    });
    ReadError::Missing { path: directory.to_owned(), expected: expected.join(" or "), hint }
}

/// Which file counts, in words.
fn rule((major, minor): Version) -> String {
    match Grammar::of((major, minor)) {
        [only] => format!("Flink {major}.{minor} reads {} only", only.file_name()),
        [first, ..] => format!("Flink {major}.{minor} prefers {}", first.file_name()),
        [] => String::new(),
    }
}

fn malformed(path: &Path, remark: Remark) -> ReadError {
    ReadError::Malformed { path: path.to_owned(), line: remark.line, text: remark.text }
}
