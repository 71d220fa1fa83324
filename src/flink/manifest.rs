//! What the image tells about itself, so that its user need not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where an image keeps its manifest.
pub const PATH: &str = "/etc/flink-on-mesos.toml";

/// Where things are in the image. Everything may be missing.
///
/// ```toml
/// java-home = "/opt/java"
/// flink-home = "/opt/flink"
///
/// [cds-archives]
/// jobmanager = "/opt/cds/jobmanager.jsa"
/// taskmanager = "/opt/cds/taskmanager.jsa"
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Manifest {
    pub java_home: Option<PathBuf>,
    pub flink_home: Option<PathBuf>,
    pub cds_archives: CdsArchives,
}

/// Archives of loaded classes, which shorten the JVM's start; a stale one only costs speed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct CdsArchives {
    pub jobmanager: Option<PathBuf>,
    pub taskmanager: Option<PathBuf>,
}

impl Manifest {
    /// Reads the manifest; no file is an empty manifest.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(ManifestError::Unreadable { path: path.to_owned(), cause }),
        };
        toml::from_str(&text)
            .map_err(|cause| ManifestError::Malformed { path: path.to_owned(), cause: Box::new(cause) })
    }
}

/// Why the manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("cannot read the manifest {path}", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },

    #[error("the manifest {path} is malformed", path = path.display())]
    Malformed {
        path: PathBuf,
        #[source]
        cause: Box<toml::de::Error>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("manifest.toml");
        assert_eq!(Manifest::read(&path).unwrap(), Manifest::default());
        fs::write(&path, "java-home = '/opt/java'\n[cds-archives]\njobmanager = '/opt/jm.jsa'\n").unwrap();
        let manifest = Manifest::read(&path).unwrap();
        assert_eq!(manifest.java_home.as_deref(), Some(Path::new("/opt/java")));
        assert_eq!(manifest.cds_archives.jobmanager.as_deref(), Some(Path::new("/opt/jm.jsa")));
        assert_eq!(manifest.flink_home, None);
        fs::write(&path, "java_home = '/opt/java'\n").unwrap();
        let error = Manifest::read(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("the manifest {} is malformed", path.display()));
    }
}
