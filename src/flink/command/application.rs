//! The one job of an application cluster.

use std::ffi::OsString;
use std::path::Path;

use crate::distribution::Distribution;

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

impl UnrestoredState {
    pub fn allowed_if(is_allowed: bool) -> Self {
        if is_allowed { Self::Allow } else { Self::Refuse }
    }
}

impl Application {
    /// Those of its jars that are files on this machine.
    pub fn local_jars(&self) -> impl Iterator<Item = &Path> {
        self.jars.iter().filter_map(|jar| local_path(jar))
    }

    /// `--jars` takes every plain argument that follows, so it comes first and an option behind it.
    pub(super) fn options(&self, distribution: &Distribution) -> Result<Vec<OsString>, CommandError> {
        let version = distribution.version;
        let mut args: Vec<OsString> = vec![];
        // What is in usrlib is on the class path, with or without being named.
        let usrlib = distribution.usrlib();
        let is_there = |jar: &String| local_path(jar).is_some_and(|path| path.parent() == Some(&usrlib));
        let is_named = !self.jars.is_empty() && (version.at_least(1, 19) || !self.jars.iter().all(is_there));
        if is_named {
            if !version.at_least(1, 19) {
                return Err(CommandError::NoJarsOption { version, usrlib });
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
