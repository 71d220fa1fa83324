//! `config --check`: what keeps an AppMaster from starting is told without starting one, with the same code and the same words.

mod carried_over;
mod many;
mod secrets;
mod start;
mod written;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::cluster::harness::binary;
use crate::flink::home::flink_home;

const FLINKS: [&str; 3] = ["1.17.2", "1.20.5", "2.3.0"];
const FLINK: &str = "1.20.5";

/// What every cluster needs.
const BASE: &str = "mesos.master: m1:5050
jobmanager.rpc.address: 10.1.2.3
rest.address: 10.1.2.3
jobmanager.memory.process.size: 1600m
taskmanager.memory.process.size: 1728m
";

/// A configuration directory, the Flink that reads it, and an environment.
struct Site {
    directory: TempDir,
    flink: PathBuf,
    variables: Vec<(String, String)>,
}

/// How the program ended, and what it said.
#[derive(Debug)]
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Site {
    /// With `bytes` in the file of this `name`.
    fn new(flink: &str, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let conf = directory.path().join("conf");
        fs::create_dir(&conf).expect("a directory");
        fs::write(conf.join(name), bytes).expect("written");
        Self { directory, flink: flink_home(flink), variables: Vec::new() }
    }

    /// `lines` behind [`BASE`], in the file that this Flink reads.
    fn with(flink: &str, lines: &str) -> Self {
        let name = if flink.starts_with("1.17") { "flink-conf.yaml" } else { "config.yaml" };
        Self::new(flink, name, format!("{BASE}{lines}"))
    }

    /// In the old grammar.
    fn old(lines: &str) -> Self {
        Self::new(FLINK, "flink-conf.yaml", format!("{BASE}{lines}"))
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let output = Command::new(binary())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a PATH"))
            .env("TMPDIR", self.path())
            .env("FLINK_HOME", &self.flink)
            .env("FLINK_CONF_DIR", self.path().join("conf"))
            .env("FLINK_ON_MESOS_SOCKET", self.path().join("socket"))
            .envs(self.variables.iter().cloned())
            .output()
            .expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Outcome {
            code: output.status.code().expect("a code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// `config --check` with these properties.
    fn check(&self, properties: &[&str]) -> Outcome {
        self.config(&["--check"], properties)
    }

    fn config(&self, options: &[&str], properties: &[&str]) -> Outcome {
        let properties = properties.iter().flat_map(|property| ["-D", property]);
        let arguments: Vec<_> =
            ["config"].into_iter().chain(options.iter().copied()).chain(properties).collect();
        self.run(&arguments)
    }

    /// The value of `key` in the effective configuration.
    fn value(&self, key: &str) -> Option<String> {
        let outcome = self.config(&[], &[]);
        let line = outcome.stdout.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")))?;
        line.rsplit_once("  # ").map(|(value, _)| value.to_owned())
    }

    /// The java command line, one argument each.
    fn arguments(&self, process: &str) -> Vec<String> {
        let outcome = self.config(&["--command", process], &[]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stdout.lines().map(str::to_owned).collect()
    }
}

impl Outcome {
    /// Messages of a level, without time and place.
    fn messages(&self, level: &str) -> Vec<&str> {
        let lines = self.stderr.lines().filter_map(|line| line.split_once(&format!(" {level} ")));
        lines.map(|(_, rest)| rest.split_once(": ").map_or(rest, |(_, text)| text)).collect()
    }

    fn says(&self, text: &str) -> bool {
        self.stderr.contains(text)
    }
}
