//! What a task finds in its sandbox: checked against the digest that the AppMaster named, then unpacked.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::bundle;

/// One file that was fetched before the task began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Its name in the sandbox.
    pub name: String,
    /// SHA-256 in hexadecimal digits.
    pub digest: String,
}

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("cannot read {path}, which Mesos should have fetched", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path} is not what the AppMaster serves: it was cut off or changed on the way (SHA-256 {found}, expected {expected})",
        path = path.display()
    )]
    Different { path: PathBuf, expected: String, found: String },
    #[error("cannot unpack {path} to {target}", path = path.display(), target = target.display())]
    Unpack {
        path: PathBuf,
        target: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Delivered {
    pub fn check(&self, sandbox: &Path) -> Result<PathBuf, DeliveryError> {
        let path = sandbox.join(&self.name);
        let found = bundle::digest_of(&path)
            .map_err(|source| DeliveryError::Unreadable { path: path.clone(), source })?;
        if found == self.digest {
            Ok(path)
        } else {
            Err(DeliveryError::Different { path, expected: self.digest.clone(), found })
        }
    }

    /// Unpacks an archive to `target` and removes it.
    pub fn unpack(&self, sandbox: &Path, target: &Path) -> Result<(), DeliveryError> {
        let path = self.check(sandbox)?;
        let unpack = || {
            let mut archive = tar::Archive::new(File::open(&path)?);
            archive.set_preserve_permissions(true);
            archive.unpack(target)?;
            fs::remove_file(&path)
        };
        unpack().map_err(|source| DeliveryError::Unpack {
            path: path.clone(),
            target: target.to_owned(),
            source,
        })
    }
}

impl FromStr for Delivered {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, digest)) if !name.contains('/') => {
                Ok(Self { name: name.to_owned(), digest: digest.to_owned() })
            }
            Some(_) | None => Err("expected NAME=DIGEST".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bundle::BundlePlan;
    use super::*;

    #[tokio::test]
    async fn a_directory_arrives_as_it_was_and_nothing_else_does() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("lib")).expect("created");
        let jar = root.path().join("lib/a.jar");
        fs::write(&jar, "content").expect("written");
        let bundle = BundlePlan::directory("flink.tar", root.path(), &["lib"])
            .and_then(BundlePlan::read)
            .expect("bundled");
        let sent = serve::body(bundle.parts(0..bundle.length()), None);
        let whole = axum::body::to_bytes(sent, 1 << 20).await.expect("read").to_vec();
        let sandbox = tempfile::tempdir().expect("a directory");
        let (archive, target) = (sandbox.path().join("flink.tar"), sandbox.path().join("flink"));
        let delivered: Delivered = format!("flink.tar={}", bundle.digest()).parse().expect("understood");

        let mut changed = whole.clone();
        changed[600] ^= 1;
        for wrong in [&whole[..whole.len() - 1], &changed] {
            fs::write(&archive, wrong).expect("written");
            let error = delivered.unpack(sandbox.path(), &target).expect_err("refused").to_string();
            assert!(error.contains("cut off or changed on the way"), "{error}");
            assert!(!target.exists());
        }

        fs::write(&archive, &whole).expect("written");
        delivered.unpack(sandbox.path(), &target).expect("unpacked");
        let arrived = fs::metadata(target.join("lib/a.jar")).expect("there");
        let modified = |metadata: &fs::Metadata| std::os::unix::fs::MetadataExt::mtime(metadata);
        assert_eq!(modified(&arrived), modified(&fs::metadata(&jar).expect("there")));
        assert!(!archive.exists());
    }
}
