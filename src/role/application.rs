//! The job of an application, as a dispatcher hands it to the AppMaster that it launches: with the configuration and not with
//! the task's arguments, which everybody may read who may look at Mesos.

use std::path::{Path, PathBuf};

use manifest::{ArtifactUri, Job};
use serde::{Deserialize, Serialize};

use domain::job::Rules;
use flink::command::{Application, UnrestoredState};

/// Among the files of the configuration.
pub const FILE: &str = "flink-on-mesos-job.json";

/// Where Flink's own images have it.
const HOME_IN_IMAGES: &str = "/opt/flink/";

/// What a Python program follows on the command line.
const PYTHON_PROGRAM: [&str; 2] = ["-py", "--python"];

/// Where a jar is.
pub enum Source<'a> {
    /// At the dispatcher.
    Artifact(ArtifactUri),
    Server {
        url: &'a str,
        rules: &'a Rules,
    },
}

impl<'a> Source<'a> {
    /// None where the jar need not be fetched before Flink sees it.
    pub fn of(jar: &'a str, rules: &'a Rules) -> Option<Self> {
        if let Ok(uri) = jar.parse() {
            return Some(Self::Artifact(uri));
        }
        let is_on_server = jar.starts_with("http://") || jar.starts_with("https://");
        is_on_server.then_some(Self::Server { url: jar, rules })
    }

    /// As far as it is plain.
    pub fn file_name(&self) -> Option<String> {
        match self {
            Self::Artifact(uri) => uri.name.clone(),
            Self::Server { url, .. } => manifest::file_name(url),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedJob {
    jar: Option<String>,
    class: Option<String>,
    arguments: Vec<String>,
    from_savepoint: Option<String>,
    allow_non_restored_state: bool,
    /// By which a jar is fetched from elsewhere than the dispatcher.
    #[serde(default)]
    rules: Rules,
    #[serde(default)]
    uris: Vec<String>,
}

impl HandedJob {
    pub fn of(job: &Job, uris: &[String], rules: &Rules) -> Self {
        Self {
            jar: job.jar_uri.clone(),
            class: job.entry_class.clone(),
            arguments: job.args.clone(),
            from_savepoint: job.initial_savepoint_path.clone(),
            allow_non_restored_state: job.allow_non_restored_state,
            rules: rules.clone(),
            uris: uris.to_vec(),
        }
    }

    /// What is to be fetched into the working directory.
    pub fn files(&self) -> impl Iterator<Item = Source<'_>> {
        self.uris.iter().filter_map(|uri| Source::of(uri, &self.rules))
    }

    /// Where the jar is to be fetched before the job can run.
    pub fn source(&self) -> Option<Source<'_>> {
        Source::of(self.jar.as_ref()?, &self.rules)
    }

    /// The files are in `directory`. Flink's driver of Python programs starts those somewhere else, so it is told the whole path.
    pub fn placed(&mut self, directory: &Path) {
        let names: Vec<_> = self.files().filter_map(|file| file.file_name()).collect();
        let mut is_program = false;
        for argument in &mut self.arguments {
            if is_program && names.contains(argument) {
                *argument = directory.join(&argument).display().to_string();
            }
            is_program = PYTHON_PROGRAM.contains(&argument.as_str());
        }
    }

    /// The jar is this file.
    pub fn found(&mut self, path: &Path) {
        self.jar = Some(format!("local://{}", path.display()));
    }

    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("all keys are texts")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Manifests name jars where images have them; with a Flink from elsewhere they are below its `home`.
    pub fn application(self, home: Option<&Path>) -> Application {
        let led_home = |jar: String| {
            let there = jar.strip_prefix("local://").and_then(|path| in_home(home, path));
            there.map_or(jar, |path| format!("local://{}", path.display()))
        };
        Application {
            jars: self.jar.map(led_home).into_iter().collect(),
            job_classname: self.class,
            job_id: None,
            from_savepoint: self.from_savepoint,
            unrestored_state: UnrestoredState::allowed_if(self.allow_non_restored_state),
            arguments: self.arguments.into_iter().map(Into::into).collect(),
        }
    }
}

/// Where a file of an image is in a Flink from elsewhere.
pub fn in_home(home: Option<&Path>, path: &str) -> Option<PathBuf> {
    home.zip(path.strip_prefix(HOME_IN_IMAGES))
        .map(|(home, rest)| home.join(rest))
        .filter(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed(jar: &str) -> HandedJob {
        let (jar, arguments) = (Some(jar.to_owned()), vec!["--input".to_owned()]);
        let rules = Rules::default();
        HandedJob {
            jar,
            class: None,
            arguments,
            from_savepoint: None,
            allow_non_restored_state: true,
            rules,
            uris: vec![],
        }
    }

    #[test]
    fn a_jar_of_an_image_is_found_in_a_flink_from_elsewhere() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(home.path().join("examples")).expect("created");
        std::fs::write(home.path().join("examples/a.jar"), "").expect("written");
        let jars = |jar: &str| handed(jar).application(Some(home.path())).jars;
        let found = format!("local://{}/examples/a.jar", home.path().display());
        assert_eq!(jars("local:///opt/flink/examples/a.jar"), [found]);
        for elsewhere in ["local:///opt/flink/b.jar", "local:///opt/a.jar", "https://host/opt/flink/a.jar"] {
            assert_eq!(jars(elsewhere), [elsewhere]);
        }
    }

    #[test]
    fn a_python_program_that_was_fetched_is_found_from_anywhere() {
        let mut job = handed("local:///a.jar");
        job.uris = vec!["https://h/a/count.py?b".to_owned()];
        job.arguments = ["-py", "count.py", "--input", "count.py"].map(ToOwned::to_owned).to_vec();
        job.placed(Path::new("/sandbox"));
        assert_eq!(job.arguments, ["-py", "/sandbox/count.py", "--input", "count.py"]);
        job.arguments = ["--python", "other.py"].map(ToOwned::to_owned).to_vec();
        job.placed(Path::new("/sandbox"));
        assert_eq!(job.arguments, ["--python", "other.py"]);
    }

    #[test]
    fn what_is_handed_over_is_the_whole_job() {
        let job = handed("local:///a.jar");
        assert_eq!(HandedJob::decode(&job.encode()).expect("read"), job);
        let application = job.application(None);
        assert_eq!(application.arguments, ["--input"]);
        assert_eq!(application.unrestored_state, UnrestoredState::Allow);
    }
}
