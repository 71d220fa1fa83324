//! `run`: jobs from the command line of a machine without Java, each submitted once, whoever dies meanwhile.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use flink::rest::Job;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::MEMORY;
use super::site::{Site, get, session};
use crate::cluster::application::jar_for;
use crate::cluster::harness::binary;
use crate::cluster::processes::{self, Part, Process};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// Other digits at the end of [`ID`].
fn id(number: u32) -> String {
    format!("{}{number:04}", &ID[..28])
}

fn run(site: &Site, words: &[&str]) -> (Option<i32>, String, String) {
    site.try_command(&[&["run"], words].concat())
}

/// Those that the session's JobManager knows, ended ones too.
async fn jobs(site: &Site, name: &str) -> Option<Vec<Job>> {
    site.flink(name).await?.jobs().await.ok()
}

async fn until_job_runs(site: &Site, name: &str, id: &str) {
    let runs = async || {
        let jobs = jobs(site, name).await?;
        let [only] = &jobs[..] else { return None };
        (only.jid == id && only.state == flink::rest::JobState::Running).then_some(())
    };
    site.program.until(&format!("job {id} runs in {name} alone"), runs).await;
}

async fn submission(site: &Site, name: &str, id: &str) -> Value {
    let url = format!("{}/v1/clusters/{name}/jobs/{id}", site.url());
    match get(&url).await {
        Some(answer) => answer.json().await.expect("JSON"),
        None => Value::Null,
    }
}

async fn until_submitted(site: &Site, name: &str, id: &str) {
    let is_so = async || (submission(site, name, id).await["state"] == "submitted").then_some(());
    site.program.until(&format!("it is stored that job {id} was submitted"), is_so).await;
}

async fn submit(site: &Site, name: &str, id: &str, uri: &str) {
    let url = format!("{}/v1/clusters/{name}/jobs/{id}", site.url());
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.put(url).json(&json!({"jarURI": uri, "entryClass": "Endless"})).send().await;
    assert_eq!(answer.expect("an answer").status(), 202);
}

/// As a person's shell starts it, with what it says first.
fn started(site: &Site, words: &[&str]) -> (Child, String, BufReader<std::process::ChildStdout>) {
    let mut child = Command::new(binary())
        .args(words)
        .env("FLINK_ON_MESOS_DISPATCHER", site.socket())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    (child, line, out)
}

#[tokio::test]
async fn jobs_run_in_sessions_of_two_versions() {
    let site = Site::start(&[]).await;
    site.apply(&[&session("old", "v1_20", MEMORY), &session("new", "v2_3", MEMORY)]);
    let jars = tempfile::tempdir().expect("a directory");
    for (name, version) in [("old", "1.20.5"), ("new", "2.3.0")] {
        let [count, endless, fail] =
            ["CountJob", "Endless", "FailJob"].map(|class| jar_for(version, class, jars.path()));
        // It waits for the AppMaster, and for a TaskManager.
        let words = ["--session", name, "--job-id", &id(1), "-c", "CountJob", &count, "1000"];
        let (code, out, err) = run(&site, &words);
        assert_eq!(code, Some(0), "{out}{err}\n{}", site.mesos.log_end());
        let told = format!("Job has been submitted with JobID {}\n", id(1));
        assert!(out.contains(&told) && out.contains("(count) has finished"), "{out}");
        // The same again is the same job, and under that id there is no other.
        let (code, out, err) = run(&site, &words);
        assert!(code == Some(0) && out.contains("(count) has finished"), "{out}{err}");
        assert_eq!(jobs(&site, name).await.expect("an answer").len(), 1);
        let (code, _, err) = run(&site, &["--session", name, "--job-id", &id(1), "-c", "Endless", &endless]);
        assert!(code == Some(3) && err.contains("was given another job"), "{err}");

        let (code, _, err) = run(&site, &["--session", name, "-c", "NoSuchClass", &count]);
        assert!(code == Some(3) && err.contains("NoSuchClass"), "{err}");
        let (code, out, _) = run(&site, &["--session", name, "-c", "FailJob", &fail]);
        assert!(code == Some(163) && out.contains("has failed"), "{code:?} {out}");

        // Whoever leaves comes back to it.
        let words = ["run", "--session", name, "--job-id", &id(2), "-c", "Endless", &endless];
        let (mut left, first, out) = started(&site, &words);
        assert_eq!(first.trim(), format!("job {}", id(2)));
        let line = out.lines().map_while(Result::ok).find(|line| line.contains("is running"));
        assert!(line.is_some_and(|line| line.contains("(Endless) is running")));
        kill(Pid::from_raw(left.id().cast_signed()), Signal::SIGINT).expect("signalled");
        assert_eq!(left.wait().expect("it ends").code(), Some(130));
        let (code, out, err) =
            run(&site, &["--session", name, "--job-id", &id(2), "-d", "-c", "Endless", &endless]);
        assert!(code == Some(0) && out.contains("has been submitted"), "{out}{err}");
        let (mut back, _, out) = started(&site, &words);
        let client = site.flink(name).await.expect("it answers");
        client.cancel_job(&id(2)).await.expect("canceled");
        let last = out.lines().map_while(Result::ok).last().unwrap_or_default();
        assert!(last.ends_with("(Endless) was canceled"), "{last}");
        assert_eq!(back.wait().expect("it ends").code(), Some(0));
    }
}

#[tokio::test]
async fn applications_run_to_their_end() {
    let site = Site::start(&[]).await;
    let jars = tempfile::tempdir().expect("a directory");
    let count = jar_for("2.3.0", "CountJob", jars.path());
    let memory = format!("{MEMORY}m");
    let size = ["--memory", &memory, "--jobmanager-memory", &memory, "--cpu", "0.5"];
    let words = |name: &'static str| {
        [&["--application", name], &size[..], &["-c", "CountJob", &count, "1000"]].concat()
    };
    let (code, out, err) = run(&site, &words("count"));
    assert!(code == Some(0) && out.contains("count is finished"), "{out}{err}\n{}", site.mesos.log_end());
    let (code, _, err) = run(&site, &words("count"));
    assert!(code == Some(3) && err.contains("exists already"), "{err}");
    let (code, _, err) = run(&site, &["--session", "none", "--memory", "1g", &count]);
    assert!(code == Some(64) && err.contains("--memory"), "{err}");
    let (code, _, err) = run(&site, &["--session", "none", "/no/such.jar"]);
    assert!(code == Some(66) && err.contains("/no/such.jar"), "{code:?} {err}");
    let (code, _, err) = run(&site, &["--session", "none", &count]);
    assert!(code == Some(4) && err.contains("there is no cluster none"), "{code:?} {err}");
}

/// Of the cluster that there is.
fn worker(site: &Site) -> Process {
    let [only] = site.mesos.parts(Part::Worker)[..] else { panic!("one worker is expected") };
    only
}

#[tokio::test]
async fn a_job_is_submitted_once_whoever_dies_meanwhile() {
    let mut site = Site::start(&[]).await;
    site.apply(&[&session("one", "v1_20", MEMORY)]);
    site.until_slots("one", 1).await;
    let jars = tempfile::tempdir().expect("a directory");
    let endless = jar_for("1.20.5", "Endless", jars.path());
    let uri = site.command(&["artifact", "push", &endless]).trim().to_owned();
    let words =
        |id: &str| ["run", "--session", "one", "--job-id", id, "-c", "Endless", &endless].map(str::to_owned);

    // The dispatcher, which has stored it and told nobody.
    let stopped = worker(&site);
    processes::signal(stopped, Signal::SIGSTOP);
    submit(&site, "one", &id(1), &uri).await;
    assert_eq!(submission(&site, "one", &id(1)).await["state"], "pending");
    site.kill_dispatcher().await;
    site.start_again().await;
    let (code, _, err) = site.try_command(&["artifact", "rm", &uri]);
    assert!(code == Some(3) && err.contains("cluster one"), "{err}");
    processes::signal(stopped, Signal::SIGCONT);
    until_job_runs(&site, "one", &id(1)).await;
    until_submitted(&site, "one", &id(1)).await;

    // The JobManager, which may have taken it or not.
    let jobmanager = site.jobmanager("one");
    processes::signal(jobmanager, Signal::SIGSTOP);
    submit(&site, "one", &id(2), &uri).await;
    assert_eq!(submission(&site, "one", &id(2)).await["state"], "pending");
    processes::signal(jobmanager, Signal::SIGKILL);
    until_job_runs(&site, "one", &id(2)).await;
    until_submitted(&site, "one", &id(2)).await;
    site.flink("one").await.expect("it answers").cancel_job(&id(2)).await.expect("canceled");

    // The command, which says the id before all else.
    let words = words(&id(3));
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (mut killed, first, _) = started(&site, &words);
    assert_eq!(first.trim(), format!("job {}", id(3)));
    killed.kill().expect("killed");
    killed.wait().expect("it ends");
    let (code, _, err) = run(&site, &[&words[1..5], &["-d"], &words[5..]].concat());
    assert_eq!(code, Some(0), "{err}");
    let jobs = jobs(&site, "one").await.expect("an answer");
    assert_eq!(jobs.iter().filter(|job| job.jid == id(3)).count(), 1);
    assert_eq!(jobs.len(), 2, "{jobs:?}");
}
