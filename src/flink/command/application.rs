//! The one job of an application cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::flink::distribution::Distribution;

use super::CommandError;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Paths or URLs, from Flink 1.19 on; otherwise the jar is in `usrlib` or `lib`.
    pub jars: Vec<String>,
    pub job_classname: Option<String>,
    /// 32 hexadecimal digits.
    pub job_id: Option<String>,
    pub from_savepoint: Option<String>,
    pub unrestored_state: UnrestoredState,
    /// The job's own arguments.
    pub arguments: Vec<OsString>,
}

/// What to do with state of a savepoint that no operator of the job claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnrestoredState {
    #[default]
    Refuse,
    Allow,
}

/// Why no JobManager would find the job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("cannot read {path}, which --jars names", path = path.display())]
    Jar {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },

    #[error("there is no job: {usrlib} holds no jar, and --jars and --job-classname are not given", usrlib = usrlib.display())]
    NoJob { usrlib: PathBuf },
}

impl Application {
    /// Whether the job can be there. What other file systems hold and which classes a jar has is Flink's to find out.
    pub fn check(&self, distribution: &Distribution) -> Result<(), JobError> {
        for path in self.jars.iter().filter_map(|jar| local_path(jar)) {
            fs::metadata(path).map_err(|cause| JobError::Jar { path: path.to_owned(), cause })?;
        }
        let usrlib = distribution.usrlib();
        if self.jars.is_empty() && self.job_classname.is_none() && !holds_jar(&usrlib) {
            return Err(JobError::NoJob { usrlib });
        }
        Ok(())
    }

    /// `--jars` takes every plain argument that follows, so it comes first and an option behind it.
    pub(super) fn options(&self, distribution: &Distribution) -> Result<Vec<OsString>, CommandError> {
        let version = distribution.version;
        let mut args: Vec<OsString> = vec![];
        if !self.jars.is_empty() {
            if !version.at_least(1, 19) {
                return Err(CommandError::NoJarsOption { version, usrlib: distribution.usrlib() });
            }
            args.extend(["--jars".into(), self.jars.join(",").into()]);
        }
        for (option, value) in [
            ("--job-classname", &self.job_classname),
            ("--job-id", &self.job_id),
            ("--fromSavepoint", &self.from_savepoint),
        ] {
            if let Some(value) = value {
                args.extend([option.into(), value.into()]);
            }
        }
        match self.unrestored_state {
            UnrestoredState::Refuse => {}
            UnrestoredState::Allow => args.push("--allowNonRestoredState".into()),
        }
        Ok(args)
    }
}

/// Of what is not on another file system.
fn local_path(jar: &str) -> Option<&Path> {
    let path = match jar.split_once(':') {
        Some(("file" | "local", path)) => Path::new(path.strip_prefix("//").unwrap_or(path)),
        Some(_) => return None,
        None => Path::new(jar),
    };
    Some(path)
}

fn holds_jar(directory: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(directory) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "jar")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_jars_can_be_looked_for() {
        assert_eq!(local_path("file:///a.jar"), Some(Path::new("/a.jar")));
        assert_eq!(local_path("file:/a.jar"), Some(Path::new("/a.jar")));
        assert_eq!(local_path("a.jar"), Some(Path::new("a.jar")));
        assert_eq!(local_path("local:///opt/a.jar"), Some(Path::new("/opt/a.jar")));
        assert_eq!(local_path("s3://bucket/a.jar"), None);
    }
}
