//! Which java runs Flink, and what it is, without starting it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A Java runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JavaHome {
    #[serde(with = "crate::os_path")]
    pub path: PathBuf,
    /// 8, 11, 17 …
    pub feature: u16,
    /// Names of its modules, when it says.
    pub modules: Option<BTreeSet<String>>,
}

/// Where to look; the first that is given decides, and must then be right.
#[derive(Clone, Copy, Debug, Default)]
pub struct JavaCandidates<'a> {
    /// The key `env.java.home`.
    pub configured: Option<&'a str>,
    /// The variable `JAVA_HOME`.
    pub variable: Option<&'a str>,
    /// The image's manifest.
    pub manifest: Option<&'a Path>,
    /// The variable `PATH`, in which `java` is looked for.
    pub search_path: Option<&'a OsStr>,
}

impl JavaHome {
    pub fn find(candidates: JavaCandidates<'_>) -> Result<Self, JavaError> {
        if let Some(home) = candidates.configured {
            return Self::open(Path::new(home), JavaOrigin::Configured);
        }
        if let Some(home) = candidates.variable {
            return Self::open(Path::new(home), JavaOrigin::Variable);
        }
        if let Some(home) = candidates.manifest {
            return Self::open(home, JavaOrigin::Manifest);
        }
        let home = candidates.search_path.and_then(find_in).ok_or(JavaError::NotFound)?;
        Self::open(&home, JavaOrigin::SearchPath)
    }

    pub fn program(&self) -> PathBuf {
        self.path.join("bin/java")
    }

    fn open(path: &Path, source: JavaOrigin) -> Result<Self, JavaError> {
        let program = path.join("bin/java");
        if !program.is_file() {
            return Err(JavaError::NoProgram { program, from: source });
        }
        let release = path.join("release");
        let text = fs::read_to_string(&release).map_err(|cause| JavaError::Release {
            path: release.clone(),
            from: source,
            cause,
        })?;
        let (feature, modules) = parse_release(&text).ok_or(JavaError::UnknownVersion { path: release })?;
        Ok(Self { path: path.to_owned(), feature, modules })
    }
}

/// Who said where java is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaOrigin {
    Configured,
    Variable,
    Manifest,
    SearchPath,
}

impl fmt::Display for JavaOrigin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Configured => "env.java.home",
            Self::Variable => "JAVA_HOME",
            Self::Manifest => "the image's manifest",
            Self::SearchPath => "PATH",
        })
    }
}

/// Why there is no java to run Flink with.
#[derive(Debug, thiserror::Error)]
pub enum JavaError {
    #[error("no java found: set JAVA_HOME or env.java.home, or put java into the PATH")]
    NotFound,

    #[error("{program} (from {from}) does not exist", program = program.display())]
    NoProgram { program: PathBuf, from: JavaOrigin },

    #[error("cannot read {path} (from {from})", path = path.display())]
    Release {
        path: PathBuf,
        from: JavaOrigin,
        #[source]
        cause: io::Error,
    },

    #[error("{path} has no JAVA_VERSION that can be read", path = path.display())]
    UnknownVersion { path: PathBuf },
}

/// The home of the `java` that a shell would run.
fn find_in(search_path: &OsStr) -> Option<PathBuf> {
    let directories = search_path.as_bytes().split(|byte| *byte == b':').map(OsStr::from_bytes);
    let program = directories.map(|dir| Path::new(dir).join("java")).find(|java| java.is_file())?;
    let program = fs::canonicalize(program).ok()?;
    Some(program.parent()?.parent()?.to_owned())
}

/// `JAVA_VERSION="17.0.15"` and `MODULES="java.base …"`, among other lines.
fn parse_release(text: &str) -> Option<(u16, Option<BTreeSet<String>>)> {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim().trim_matches('"'))
    };
    let feature = feature_version(value("JAVA_VERSION")?)?;
    let modules = value("MODULES").map(|names| names.split_whitespace().map(str::to_owned).collect());
    Some((feature, modules))
}

/// `17.0.15` is 17; up to Java 8 it is `1.8.0_402`.
fn feature_version(text: &str) -> Option<u16> {
    let text = text.strip_prefix("1.").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_release_file() {
        for (version, feature) in [
            ("17.0.15", Some(17)),
            ("1.8.0_402", Some(8)),
            ("21", Some(21)),
            ("25-ea", Some(25)),
            ("x", None),
        ] {
            let release = format!("IMPLEMENTOR=\"N/A\"\nJAVA_VERSION=\"{version}\"\n");
            assert_eq!(parse_release(&release).map(|(feature, _)| feature), feature, "{version}");
        }
        let (_, modules) = parse_release("JAVA_VERSION=\"17\"\nMODULES=\"java.base java.sql\"").unwrap();
        assert_eq!(modules.unwrap().into_iter().collect::<Vec<_>>(), ["java.base", "java.sql"]);
    }

    #[test]
    fn the_first_candidate_decides() {
        let right = java_home("17.0.1");
        let wrong = tempfile::tempdir().unwrap();
        let candidates = JavaCandidates {
            configured: wrong.path().to_str(),
            variable: right.path().to_str(),
            manifest: None,
            search_path: None,
        };
        let error = JavaHome::find(candidates).unwrap_err().to_string();
        assert_eq!(error, format!("{}/bin/java (from env.java.home) does not exist", wrong.path().display()));
        let java = JavaHome::find(JavaCandidates { configured: None, ..candidates }).unwrap();
        assert_eq!((java.path.as_path(), java.feature), (right.path(), 17));
    }

    #[test]
    fn follows_the_link_in_the_search_path() {
        let home = java_home("21");
        let links = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(home.path().join("bin/java"), links.path().join("java")).unwrap();
        let search_path = format!("/nonexistent:{}", links.path().display());
        let search_path = Some(OsStr::new(&search_path));
        let candidates = JavaCandidates { search_path, ..JavaCandidates::default() };
        let java = JavaHome::find(candidates).unwrap();
        assert_eq!(java.path, fs::canonicalize(home.path()).unwrap());
        assert!(matches!(JavaHome::find(JavaCandidates::default()), Err(JavaError::NotFound)));
    }

    fn java_home(version: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("bin")).unwrap();
        fs::write(home.path().join("bin/java"), "").unwrap();
        fs::write(home.path().join("release"), format!("JAVA_VERSION=\"{version}\"\n")).unwrap();
        home
    }
}
