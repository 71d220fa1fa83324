//! A Flink home: which version it is, and which jars make its class path.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::version::Version;

/// Deeper than anybody nests jars; keeps a strange directory from holding up the start.
const MAX_DEPTH: usize = 16;
/// A stock distribution has 14 jars in lib. More than this could not be a class path: the command line has a limit.
const MAX_JARS: usize = 4096;

/// An unpacked Flink, as its release or the official image lays it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    #[serde(with = "crate::os_path")]
    pub home: PathBuf,
    pub version: Version,
    /// In the order of the class path: bytewise, flink-dist last.
    #[serde(with = "crate::os_path::list")]
    pub jars: Vec<PathBuf>,
}

impl Distribution {
    pub fn open(home: &Path) -> Result<Self, DistributionError> {
        let lib = home.join("lib");
        let mut jars = vec![];
        collect_jars(&lib, 0, &mut jars).map_err(|error| {
            let is_lib = matches!(&error, DistributionError::Unreadable { path, .. } if *path == lib);
            // What is strange about the `lib` of something else is not what is wrong.
            match is_lib || jars.iter().any(|jar| is_flink_dist(jar)) {
                true => error,
                false => DistributionError::NoFlinkDist { lib: lib.clone() },
            }
        })?;
        jars.sort_by(|one, other| one.as_os_str().as_bytes().cmp(other.as_os_str().as_bytes()));
        let (mut dist, mut jars): (Vec<_>, Vec<_>) = jars.into_iter().partition(|jar| is_flink_dist(jar));
        let dist_jar = match dist.len() {
            0 => return Err(DistributionError::NoFlinkDist { lib }),
            1 => dist.remove(0),
            _ => return Err(DistributionError::ManyFlinkDists { lib, jars: dist }),
        };
        let version = dist_jar.file_name().and_then(|name| name.to_str()).and_then(Version::of_dist_jar);
        let Some(version) = version else { return Err(DistributionError::UnknownVersion { jar: dist_jar }) };
        jars.push(dist_jar);
        Ok(Self { home: home.to_owned(), version, jars })
    }

    pub fn lib(&self) -> PathBuf {
        self.home.join("lib")
    }

    pub fn plugins(&self) -> PathBuf {
        self.home.join("plugins")
    }

    pub fn opt(&self) -> PathBuf {
        self.home.join("opt")
    }

    /// A jar in `opt` whose name begins so.
    pub fn optional_jar(&self, name: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.opt()).ok()?;
        let jars = entries.flatten().map(|entry| entry.path());
        jars.filter(|jar| is_jar(jar, name)).min()
    }

    /// Where the jars of an application are; it need not exist.
    pub fn usrlib(&self) -> PathBuf {
        self.home.join("usrlib")
    }
}

/// Why a directory cannot be used as Flink home.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    #[error("cannot read {path} of the Flink distribution", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },

    #[error("{lib} has no flink-dist jar: this is not a Flink distribution", lib = lib.display())]
    NoFlinkDist { lib: PathBuf },

    #[error("{lib} has more than one flink-dist jar: {jars:?}", lib = lib.display())]
    ManyFlinkDists { lib: PathBuf, jars: Vec<PathBuf> },

    #[error("cannot tell Flink's version from the name of {jar}; expected a name such as flink-dist-1.20.5.jar", jar = jar.display())]
    UnknownVersion { jar: PathBuf },

    #[error("{lib} is nested deeper than {MAX_DEPTH} directories", lib = lib.display())]
    TooDeep { lib: PathBuf },

    #[error("{lib} has more than {MAX_JARS} jars", lib = lib.display())]
    TooManyJars { lib: PathBuf },
}

fn collect_jars(directory: &Path, depth: usize, jars: &mut Vec<PathBuf>) -> Result<(), DistributionError> {
    if depth > MAX_DEPTH {
        return Err(DistributionError::TooDeep { lib: directory.to_owned() });
    }
    let unreadable = |cause| DistributionError::Unreadable { path: directory.to_owned(), cause };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            collect_jars(&path, depth + 1, jars)?;
        } else if path.extension().is_some_and(|extension| extension == "jar") {
            jars.push(path);
        }
        if jars.len() > MAX_JARS {
            return Err(DistributionError::TooManyJars { lib: directory.to_owned() });
        }
    }
    Ok(())
}

/// Whether it is a jar whose name begins so.
pub fn is_jar(path: &Path, name: &str) -> bool {
    let file = path.file_name().map(OsStrExt::as_bytes);
    file.is_some_and(|file| file.starts_with(name.as_bytes()) && file.ends_with(b".jar"))
}

fn is_flink_dist(jar: &Path) -> bool {
    is_jar(jar, "flink-dist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_a_home_with_flink_dist_last() {
        let home = home(&["b.jar", "flink-dist-1.20.5.jar", "z/inner.jar", "a.jar", "Z.jar", "read.me"]);
        let distribution = Distribution::open(home.path()).unwrap();
        assert_eq!(distribution.version, Version::new(1, 20, 5));
        let lib = distribution.lib();
        let names: Vec<_> = distribution.jars.iter().map(|jar| jar.strip_prefix(&lib).unwrap()).collect();
        let expected = ["Z.jar", "a.jar", "b.jar", "z/inner.jar", "flink-dist-1.20.5.jar"];
        assert_eq!(names, expected.map(Path::new));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (files, expected) in [
            (vec!["a.jar"], "lib has no flink-dist jar: this is not a Flink distribution"),
            (
                vec!["flink-dist-1.20.5.jar", "flink-dist_2.12-1.13.6.jar"],
                "lib has more than one flink-dist jar: ",
            ),
            (vec!["flink-dist.jar"], "cannot tell Flink's version from the name of "),
        ] {
            let home = home(&files);
            let error = Distribution::open(home.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(home.path().to_str().unwrap()), "{error}");
        }
        let deep = home(&[]);
        fs::create_dir_all(deep.path().join("lib").join("d/".repeat(MAX_DEPTH + 1))).unwrap();
        assert!(matches!(Distribution::open(deep.path()), Err(DistributionError::NoFlinkDist { .. })));
        let error = Distribution::open(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/lib of the Flink distribution");
    }

    fn home(files: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for file in files {
            let path = home.path().join("lib").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        home
    }
}
