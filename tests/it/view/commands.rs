//! The commands of an operator, against a cluster that a job runs on.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::application;
use crate::cluster::harness::{Cluster, Start, binary, task_number};
use flink::rest::JarRun;

const PROPERTIES: [(&str, &str); 3] =
    [("mesos.initial-tasks", "1"), ("heartbeat.interval", "1000"), ("heartbeat.timeout", "8000")];

#[tokio::test]
async fn restart_and_teardown_spare_a_running_job() {
    let variables = [("FLINK_ON_MESOS_LOG_FORMAT", "json")];
    let mut cluster =
        Cluster::start(&Start { properties: &PROPERTIES, variables: &variables, ..Start::default() });
    cluster.until_slots(1, 2).await;
    cluster.program.until_log("registered task=").await;
    tables_say_what_json_does(&cluster);
    another_one_takes_over(&cluster).await;
    jobs_run_from_here(&cluster);
    it_is_asked_at_its_port(&cluster);
    run_endless_job(&cluster).await;

    let refused = cluster.command(&["teardown"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(
        text.contains("refused: 409 jobs run: ") && text.contains("insist with `force` (`--force`)"),
        "{text}"
    );
    no_taskmanagers_at_all(&cluster).await;
    said(&cluster, &["--force", "teardown"], "the cluster and its framework are being ended");
    assert_eq!(cluster.program.end().await.code(), Some(0));
    every_line_is_an_object(&cluster.program.log());
}

/// But for those of the JVMs, which begin with the time.
fn every_line_is_an_object(log: &str) {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<_> = lines.filter(Value::is_object).collect();
    for part in ["appmaster", "init", "mesos", "worker"] {
        assert!(lines.iter().any(|line| line["part"] == part), "{part}: {log}");
        assert!(!log.contains(&format!(" {part}: ")), "{part}: {log}");
    }
    let running = lines.iter().find(|line| line["event.kind"] == "running").expect("one runs");
    let id = running["event.task_id"].as_str().expect("an id");
    assert_eq!(task_number(id), 1);
    assert_eq!(running["message"], format!("running task={id} host=localhost"));
}

/// In the AppMaster that the socket leads to.
fn jobs_run_from_here(cluster: &Cluster) {
    let jar = application::jar("CountJob", cluster.program.path());
    let run = |words: &[&str]| {
        let output = cluster.command(&[&["run"], words].concat());
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), out, err)
    };
    let id = "0123456789abcdef".repeat(2);
    // What follows the jar is the job's own.
    for _ in 0..2 {
        let (code, out, err) =
            run(&["--job-id", &id, "-c", "CountJob", &jar, "1000", "-c", "x", "--detached"]);
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(out.contains(&format!("JobID {id}")) && out.contains("(count) has finished"), "{out}");
    }
    let (code, _, err) = run(&["-c", "NoSuchClass", &jar]);
    assert!(code == Some(3) && err.contains("NoSuchClass"), "{err}");
    let (code, _, err) = run(&["--detach", &jar]);
    assert!(code == Some(64) && err.contains("--detach"), "{code:?} {err}");
}

/// As from another machine, where there is no socket.
fn it_is_asked_at_its_port(cluster: &Cluster) {
    let log = cluster.program.log();
    let (_, port) = log.split_once("the status page listens on port ").expect("it is told");
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let ask = |words: &[&str]| {
        let mut command = Command::new(binary());
        let output = command.env_clear().args(words).output().expect("it starts");
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), out, err)
    };
    let address = format!("localhost:{port}");
    let elsewhere = ["--address", &*address];
    for words in [&["status"][..], &["explain"], &["events"]] {
        let (code, out, err) = ask(&[words, &elsewhere].concat());
        assert!(code == Some(0) && !out.is_empty(), "{words:?}: {out}{err}");
    }
    let jar = application::jar("CountJob", cluster.program.path());
    let (code, out, err) = ask(&[&["run"], &elsewhere[..], &["-c", "CountJob", &jar, "1000"]].concat());
    assert!(code == Some(0) && out.contains("(count) has finished"), "{out}{err}");
    // The Mesos of `local` is for its own host alone.
    let (code, _, err) = ask(&[&["logs", "--task", "taskmanager"], &elsewhere[..]].concat());
    assert!(code == Some(69) && err.contains("does not say which Mesos it is registered with"), "{err}");
    let (code, _, err) = ask(&[&["scale", "2"], &elsewhere[..]].concat());
    assert!(code == Some(64) && err.contains("--address"), "{code:?} {err}");
    let (code, _, err) = ask(&["status", "--address", "localhost:1"]);
    assert!(code == Some(69) && err.contains("no AppMaster answers at http://localhost:1"), "{err}");
}

fn tables_say_what_json_does(cluster: &Cluster) {
    let text = |words: &[&str]| {
        let output = cluster.command(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let status = text(&["status"]);
    assert!(status.contains("TaskManagers  1 of 1 run"), "{status}");
    assert!(status.contains("-00001  localhost  TASK_RUNNING"), "{status}");
    let lines = text(&["events", "--json"]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert!(kinds.contains(&"subscribed") && kinds.contains(&"running"), "{kinds:?}");
    assert_eq!(text(&["events"]).lines().count(), events.len());
    let task = cluster.running().and_then(|running| running.into_iter().next()).expect("one runs");
    let log = text(&["logs", "--task", &task, "--file", "flink.log"]);
    assert!(log.contains("Starting TaskManager"), "{log}");
    assert_eq!(text(&["logs", "--task", &task, "--tail", "2"]).lines().count(), 2);
    let own = cluster.command(&["logs"]);
    assert_eq!(own.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&own.stderr).contains("the JobManager is no Mesos task"), "{own:?}");
    let unknown = cluster.command(&["restart-taskmanager", "a/b"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no TaskManager a/b"), "{unknown:?}");
}

/// The order is carried out, and one line tells of it.
fn said(cluster: &Cluster, words: &[&str], expected: &str) {
    let output = cluster.command(words);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((output.status.code(), said.trim_end()), (Some(0), expected), "{words:?}");
}

/// Only where somebody insists, as a job runs.
async fn no_taskmanagers_at_all(cluster: &Cluster) {
    let refused = cluster.command(&["scale", "0"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(text.contains("refused: 409 jobs run: ") && text.contains("`--force`"), "{text}");
    said(cluster, &["scale", "1"], "the AppMaster will keep 1 TaskManager");
    said(cluster, &["scale", "0", "--force"], "the AppMaster will keep 0 TaskManagers");
    let none = async || cluster.running().is_some_and(|running| running.is_empty()).then_some(());
    cluster.program.until("none runs", none).await;
}

/// At no time fewer run than wanted.
async fn another_one_takes_over(cluster: &Cluster) {
    let begin = Instant::now();
    let first = cluster.running().and_then(|running| running.into_iter().next()).expect("one runs");
    said(cluster, &["restart-taskmanager", &first], &format!("TaskManager {first} is being replaced"));
    cluster
        .program
        .until("the other one runs alone", async || {
            let running = cluster.running_numbers()?;
            assert!(!running.is_empty(), "{}", cluster.program.log_end());
            (running == [2].into()).then_some(())
        })
        .await;
    // The JobManager says when the other one has registered; nobody waits for a time to be over.
    assert!(
        begin.elapsed() < Duration::from_secs(55),
        "{:?}\n{}",
        begin.elapsed(),
        cluster.program.log_end()
    );
}

async fn run_endless_job(cluster: &Cluster) {
    let jar = application::jar("Endless", cluster.program.path());
    let id = cluster.flink.upload_jar(jar.as_ref()).await.expect("uploaded");
    cluster.flink.run_jar(&id, &JarRun::default()).await.expect("started");
}
