//! Files with manifests.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base::exit::Exit;
use manifest::{MAX_BYTES, ReadError};

use crate::role::error::Fatal;

const STDIN: &str = "-";

#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is longer than the {MAX_BYTES} bytes that are read", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} is not UTF-8", path.display())]
    NotText { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Manifest { path: PathBuf, source: ReadError },
    #[error("{}: document {number} has no metadata.name", path.display())]
    NoName { path: PathBuf, number: usize },
}

impl FileError {
    fn fatal(self) -> Fatal {
        let exit = match &self {
            Self::Read { .. } => Exit::NoInput,
            Self::TooLarge { .. } | Self::NotText { .. } | Self::Manifest { .. } | Self::NoName { .. } => {
                Exit::Data
            }
        };
        Fatal::new(exit, self)
    }
}

/// What messages call it.
pub fn shown(path: &Path) -> String {
    if path == Path::new(STDIN) { "stdin".to_owned() } else { path.display().to_string() }
}

pub fn text(path: &Path) -> Result<String, Fatal> {
    read(path).map_err(FileError::fatal)
}

/// Of the clusters whose manifests are in it.
pub fn names(path: &Path) -> Result<Vec<String>, Fatal> {
    names_in(path, &text(path)?).map_err(FileError::fatal)
}

fn read(path: &Path) -> Result<String, FileError> {
    let place = || PathBuf::from(shown(path));
    let mut bytes = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    let outcome = if path == Path::new(STDIN) {
        io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    outcome.map_err(|source| FileError::Read { path: place(), source })?;
    if bytes.len() > MAX_BYTES {
        return Err(FileError::TooLarge { path: place() });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText { path: place() })
}

fn names_in(path: &Path, text: &str) -> Result<Vec<String>, FileError> {
    let place = || PathBuf::from(shown(path));
    let drafts = manifest::read(text).map_err(|source| FileError::Manifest { path: place(), source })?;
    let names = drafts.iter().enumerate().map(|(index, draft)| {
        let number = index + 1;
        draft.name().map(str::to_owned).ok_or_else(|| FileError::NoName { path: place(), number })
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &Path) -> (Exit, String) {
        let Fatal { exit, error } = names(path).expect_err("refused");
        (exit, error.to_string())
    }

    #[test]
    fn each_failure_names_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.yaml");
        let shown = path.display();
        assert_eq!(told(&path), (Exit::NoInput, format!("cannot read {shown}")));
        assert_eq!(told(directory.path()).0, Exit::NoInput);
        std::fs::write(&path, [b'a', 0xff]).expect("written");
        assert_eq!(told(&path), (Exit::Data, format!("{shown} is not UTF-8")));
        std::fs::write(&path, "").expect("written");
        assert_eq!(told(&path), (Exit::Data, format!("{shown}: there is no manifest in it")));
        std::fs::write(&path, "#".repeat(MAX_BYTES + 1)).expect("written");
        assert_eq!(
            told(&path),
            (Exit::Data, format!("{shown} is longer than the 4194304 bytes that are read"))
        );
        let one = "kind: FlinkDeployment\nmetadata: {name: a}\nspec: {flinkVersion: v1_20}\n";
        std::fs::write(&path, format!("{one}---\nkind: FlinkDeployment\nspec: {{}}\n")).expect("written");
        assert_eq!(told(&path), (Exit::Data, format!("{shown}: document 2 has no metadata.name")));
        std::fs::write(&path, one).expect("written");
        assert_eq!(names(&path).ok(), Some(vec!["a".to_owned()]));
    }
}
