//! What people type at Flink's own command line, with the library that tells it of Mesos.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::site::{Site, get, session};
use crate::cluster::application::jar_for;
use crate::cluster::harness::binary;
use crate::flink::home;

const OLDEST: &str = "1.17.2";

/// Flink before 1.18 does not say by itself what it opens in Java 17.
const OPENS: &str = "--add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED";

/// A distribution with the library in it, as users have one.
struct Distribution {
    directory: TempDir,
    dispatcher: String,
    /// For the JVM of the command line.
    arguments: &'static str,
}

struct Said {
    code: Option<i32>,
    text: String,
}

impl Distribution {
    fn of(version: &str, site: &Site) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let stock = home::flink_home(version);
        // A script that is a link takes the directory that it leads to for its own.
        for name in ["bin", "conf"] {
            copy(&stock.join(name), &directory.path().join(name));
        }
        fs::create_dir(directory.path().join("lib")).expect("a directory");
        for jar in fs::read_dir(stock.join("lib")).expect("a directory") {
            let jar = jar.expect("an entry");
            symlink(jar.path(), directory.path().join("lib").join(jar.file_name())).expect("a link");
        }
        let arguments = if version == OLDEST { OPENS } else { "" };
        let distribution = Self { directory, dispatcher: site.url(), arguments };
        let library = library();
        let jar = library.to_str().expect("UTF-8");
        let mut install = Command::new(binary());
        install.args(["client", "install", "--jar", jar]).arg(distribution.directory.path());
        let output = install.output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        distribution
    }

    fn flink(&self, words: &[&str]) -> Said {
        let output = Command::new(self.directory.path().join("bin/flink"))
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", &self.dispatcher)
            .env("FLINK_CONF_DIR", self.directory.path().join("conf"))
            .env("JVM_ARGS", self.arguments)
            .env_remove("FLINK_HOME")
            .output()
            .expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Said { code: output.status.code(), text: text.concat() }
    }

    /// What it says where it must succeed.
    fn succeeds(&self, words: &[&str]) -> String {
        let said = self.flink(words);
        assert_eq!(said.code, Some(0), "{words:?}: {}", said.text);
        said.text
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn library() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/client");
    let output = Command::new(&script).output().expect("scripts/client starts");
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a path").trim_end().into()
}

/// The oldest Flink, as the dispatcher is told where it is.
fn oldest() -> String {
    format!("dispatcher.flink.1.17: {}", home::flink_home(OLDEST).display())
}

/// What a job of the cluster began with.
async fn restored(site: &Site, job: &str) -> Value {
    let framework = site.framework("one").await.expect("it is registered");
    let url = format!("{}/jobs/{job}/checkpoints", framework["webui_url"].as_str().expect("a URL"));
    let checkpoints: Value = get(&url).await.expect("an answer").json().await.expect("JSON");
    checkpoints["latest"]["restored"]["external_path"].clone()
}

/// What follows a mark, up to the end of its word.
fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no '{mark}' in: {text}"));
    rest.split_whitespace().next().unwrap_or_default()
}

#[tokio::test]
async fn flink_1_17_runs_and_stops_jobs_of_sessions() {
    jobs_of_a_session("v1_17", OLDEST).await;
}

#[tokio::test]
async fn flink_1_20_runs_and_stops_jobs_of_sessions() {
    jobs_of_a_session("v1_20", "1.20.5").await;
}

#[tokio::test]
async fn flink_2_3_runs_and_stops_jobs_of_sessions() {
    jobs_of_a_session("v2_3", "2.3.0").await;
}

/// Run to its end, run detached, listed, stopped with a savepoint, resumed from that, saved, and canceled.
async fn jobs_of_a_session(word: &str, version: &str) {
    let site = Site::start(&[oldest()]).await;
    let files = tempfile::tempdir().expect("a directory");
    let [count, endless] = ["CountJob", "Endless"].map(|class| jar_for(version, class, files.path()));
    let client = Distribution::of(version, &site);
    let target = ["-t", "mesos-session", "-Dmesos.cluster-id=one"];
    let flink = |verb: &str, more: &[&str]| client.succeeds(&[&[verb], &target[..], more].concat());

    let said = client.flink(&["list", "-t", "mesos-session", "-Dmesos.cluster-id=none"]);
    assert!(said.code != Some(0) && said.text.contains("there is no cluster none"), "{}", said.text);
    let said = client.flink(&["list", "-t", "mesos-session"]);
    assert!(said.code != Some(0) && said.text.contains("-Dmesos.cluster-id=NAME"), "{}", said.text);

    site.apply(&[&session("one", word, super::MEMORY)]);
    site.until_slots("one", 1).await;
    let text = flink("run", &[&count, "1000"]);
    assert!(text.contains("Program execution finished"), "{text}");

    let text = flink("run", &["-d", &endless]);
    let first = after(&text, "Job has been submitted with JobID ").to_owned();
    let runs = async |job: &str| {
        let is_running =
            async || flink("list", &["-r"]).contains(&format!("{job} : Endless (RUNNING)")).then_some(());
        site.program.until("the list has the job that runs", is_running).await;
    };
    runs(&first).await;
    let directory = format!("file://{}", files.path().join("savepoints").display());
    let savepoint = {
        let text = flink("stop", &["-p", &directory, &first]);
        after(&text, "Savepoint completed. Path: ").to_owned()
    };
    assert!(!flink("list", &["-r"]).contains(&first));

    let text = flink("run", &["-d", "-s", &savepoint, &endless]);
    let second = after(&text, "Job has been submitted with JobID ").to_owned();
    runs(&second).await;
    assert_eq!(restored(&site, &second).await, savepoint);
    let text = flink("savepoint", &[&second, &directory]);
    assert!(text.contains("Savepoint completed. Path: file:"), "{text}");
    let text = flink("cancel", &[&second]);
    assert!(text.contains(&format!("Cancelled job {second}.")), "{text}");
    assert!(!flink("list", &["-r"]).contains(&second));
}

#[tokio::test]
async fn flink_submits_applications_and_talks_to_their_jobs() {
    let site = Site::start(&[oldest()]).await;
    let files = tempfile::tempdir().expect("a directory");
    let versions = [
        ("oldest", OLDEST, "run-application"),
        ("old", "1.20.5", "run-application"),
        ("new", "2.3.0", "run"),
    ];
    for (name, version, verb) in versions {
        let local = jar_for(version, "Endless", files.path());
        // One by its path, which is pushed, and one that agents have.
        let jar = if name == "new" { format!("local://{local}") } else { local };
        let client = Distribution::of(version, &site);
        let target = ["-t", "mesos-application", &format!("-Dmesos.cluster-id={name}")];
        let sizes = ["jobmanager", "taskmanager"].map(|part| format!("-D{part}.memory.process.size=1g"));
        let own = ["-Drestart-strategy.type=none", "-c", "Endless", &jar];
        let text =
            client.succeeds(&[&[verb], &target[..], &sizes.each_ref().map(|size| &**size), &own].concat());
        assert!(text.contains(&format!("application {name}")), "{text}");
        let said = client.flink(&[&[verb], &target[..], &own].concat());
        assert!(
            said.code != Some(0) && said.text.contains(&format!("cluster {name} exists already")),
            "{}",
            said.text
        );

        let spec = site.describe(name).expect("it is there")["manifest"]["spec"].clone();
        let uri = spec["job"]["jarURI"].as_str().expect("a URI").to_owned();
        assert_eq!(uri.starts_with("artifact://") && uri.ends_with("/Endless.jar"), name != "new", "{uri}");
        site.until_slots(name, 1).await;
        let running = async || {
            let text = client.flink(&[&["list", "-r"], &target[..]].concat()).text;
            let line = text.lines().find(|line| line.ends_with("Endless (RUNNING)"))?;
            Some(line.split(" : ").nth(1)?.to_owned())
        };
        let job = site.program.until("its job is in the list", running).await;
        client.succeeds(&[&["cancel"], &target[..], &[&*job]].concat());
        site.until_state(name, "finished").await;
    }
}
