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

pub const OLDEST: &str = "1.17.2";
const NEWEST: &str = "2.3.0";

/// Another version in its place, for scripts/client-test.
const INSTEAD: &str = "CLIENT_TEST_FLINK";

fn newest() -> String {
    std::env::var(INSTEAD).unwrap_or_else(|_| NEWEST.to_owned())
}

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

    /// What a test is about is in its output.
    fn flink(&self, words: &[&str]) -> Said {
        println!("$ flink {}", words.join(" "));
        let output = Command::new(self.directory.path().join("bin/flink"))
            .args(words)
            .env("FLINK_ON_MESOS_DISPATCHER", &self.dispatcher)
            .env("FLINK_CONF_DIR", self.directory.path().join("conf"))
            .env("JVM_ARGS", self.arguments)
            .env_remove("FLINK_HOME")
            .output()
            .expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let said = Said { code: output.status.code(), text: text.concat() };
        println!("{}[{:?}]\n", said.text, said.code);
        said
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

pub fn library() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/client");
    let output = Command::new(&script).output().expect("scripts/client starts");
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a path").trim_end().into()
}

/// A dispatcher that has this Flink, if it is none of those that it always has.
pub async fn site(version: &str) -> Site {
    let word = word(version);
    let more = match word.trim_start_matches('v').replace('_', ".").as_str() {
        "1.20" | "2.3" => vec![],
        other => vec![format!("dispatcher.flink.{other}: {}", home::flink_home(version).display())],
    };
    Site::start(&more).await
}

/// As manifests name it.
fn word(version: &str) -> String {
    let mut numbers = version.split('.');
    let mut number = || numbers.next().expect("a number");
    format!("v{}_{}", number(), number())
}

/// What a job of the cluster began with.
async fn restored(site: &Site, cluster: &str, job: &str) -> Value {
    let framework = site.framework(cluster).await.expect("it is registered");
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
async fn the_oldest_flink_runs_and_stops_jobs_of_sessions() {
    jobs_of_a_session(OLDEST).await;
}

#[tokio::test]
async fn the_newest_flink_runs_and_stops_jobs_of_sessions() {
    jobs_of_a_session(&newest()).await;
}

/// Run to its end, run detached, listed, stopped with a savepoint, resumed from that, saved, and canceled.
async fn jobs_of_a_session(version: &str) {
    let site = site(version).await;
    let files = tempfile::tempdir().expect("a directory");
    let [count, endless] = ["CountJob", "Endless"].map(|class| jar_for(version, class, files.path()));
    let client = Distribution::of(version, &site);
    let target = ["-t", "mesos-session", "-Dmesos.cluster-id=one"];
    let flink = |verb: &str, more: &[&str]| client.succeeds(&[&[verb], &target[..], more].concat());

    let said = client.flink(&["list", "-t", "mesos-session", "-Dmesos.cluster-id=none"]);
    assert!(said.code != Some(0) && said.text.contains("there is no cluster none"), "{}", said.text);
    let said = client.flink(&["list", "-t", "mesos-session"]);
    assert!(said.code != Some(0) && said.text.contains("-Dmesos.cluster-id=NAME"), "{}", said.text);

    site.apply(&[&session("one", &word(version), super::MEMORY)]);
    site.until_slots("one", 1).await;
    let text = flink("run", &[&count, "1000"]);
    assert!(text.contains("Program execution finished"), "{text}");

    let text = flink("run", &["-d", &endless]);
    let first = after(&text, "Job has been submitted with JobID ").to_owned();
    runs(&site, &client, &target, &first).await;
    let savepoint = stopped(&client, &target, &first, files.path());
    assert!(!flink("list", &["-r"]).contains(&first));

    let text = flink("run", &["-d", "-s", &savepoint, &endless]);
    let second = after(&text, "Job has been submitted with JobID ").to_owned();
    runs(&site, &client, &target, &second).await;
    assert_eq!(restored(&site, "one", &second).await, savepoint);
    let text = flink("savepoint", &[&second, &savepoints(files.path())]);
    assert!(text.contains("Savepoint completed. Path: file:"), "{text}");
    let text = flink("cancel", &[&second]);
    assert!(text.contains(&format!("Cancelled job {second}.")), "{text}");
    assert!(!flink("list", &["-r"]).contains(&second));
}

#[tokio::test]
async fn the_oldest_flink_submits_applications_and_talks_to_their_jobs() {
    applications(OLDEST).await;
}

#[tokio::test]
async fn the_newest_flink_submits_applications_and_talks_to_their_jobs() {
    applications(&newest()).await;
}

/// Run to its end, run detached, refused as it is there, listed, stopped with a savepoint, resumed from that, and canceled.
async fn applications(version: &str) {
    let site = site(version).await;
    let files = tempfile::tempdir().expect("a directory");
    let [count, endless] = ["CountJob", "Endless"].map(|class| jar_for(version, class, files.path()));
    let client = Distribution::of(version, &site);
    let verb = if version.starts_with("1.") { "run-application" } else { "run" };
    let target =
        |name: &str| ["-t".to_owned(), "mesos-application".to_owned(), format!("-Dmesos.cluster-id={name}")];
    let run = |name: &str, more: &[&str]| {
        let target = target(name);
        let sizes = ["-Djobmanager.memory.process.size=1g", "-Dtaskmanager.memory.process.size=1g"];
        let own =
            [&[verb][..], &target.each_ref().map(|word| &**word), &sizes, &["-Drestart-strategy.type=none"]];
        client.flink(&[&own.concat(), more].concat())
    };
    let taken = |name: &str, more: &[&str]| {
        let said = run(name, more);
        assert_eq!(said.code, Some(0), "{}", said.text);
        assert!(said.text.contains(&format!("application {name}")), "{}", said.text);
    };

    // One by its path, which is pushed, and one that agents have.
    let local = format!("local://{count}");
    taken("counts", &[if version == OLDEST { &count } else { &local }, "1000"]);
    taken("first", &["-d", &endless]);
    let said = run("first", &["-d", &endless]);
    assert!(said.code != Some(0) && said.text.contains("cluster first exists already"), "{}", said.text);
    let spec = site.describe("first").expect("it is there")["manifest"]["spec"].clone();
    let uri = spec["job"]["jarURI"].as_str().expect("a URI").to_owned();
    assert!(uri.starts_with("artifact://") && uri.ends_with("/Endless.jar"), "{uri}");
    site.until_state("counts", "finished").await;

    let of_first = target("first");
    let of_first = of_first.each_ref().map(|word| &**word);
    let first = job_of(&site, &client, &of_first).await;
    let savepoint = stopped(&client, &of_first, &first, files.path());
    site.until_state("first", "finished").await;

    taken("second", &["-d", "-s", &savepoint, &endless]);
    let of_second = target("second");
    let of_second = of_second.each_ref().map(|word| &**word);
    let second = job_of(&site, &client, &of_second).await;
    assert_eq!(restored(&site, "second", &second).await, savepoint);
    client.succeeds(&[&["cancel"], &of_second[..], &[&second]].concat());
    site.until_state("second", "finished").await;
}

/// The only job that runs.
async fn job_of(site: &Site, client: &Distribution, target: &[&str]) -> String {
    let running = async || {
        let text = client.flink(&[&["list", "-r"], target].concat()).text;
        let line = text.lines().find(|line| line.ends_with("Endless (RUNNING)"))?;
        Some(line.split(" : ").nth(1)?.to_owned())
    };
    site.program.until("its job is in the list", running).await
}

async fn runs(site: &Site, client: &Distribution, target: &[&str], job: &str) {
    let is_running = async || (job_of(site, client, target).await == job).then_some(());
    site.program.until("the list has the job that runs", is_running).await;
}

/// Where its savepoint is.
fn stopped(client: &Distribution, target: &[&str], job: &str, files: &Path) -> String {
    let text = client.succeeds(&[&["stop"], target, &["-p", &savepoints(files), job]].concat());
    after(&text, "Savepoint completed. Path: ").to_owned()
}

fn savepoints(files: &Path) -> String {
    format!("file://{}", files.join("savepoints").display())
}
