//! `appmaster-job`: a cluster that ends with its job, and the framework with it.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::harness::{Cluster, FLINK, Program, Start};
use super::masters::start_mesos;
use super::processes::Part;
use super::stop::AT_ONCE;
use crate::flink::home;
use crate::ports::{free_ports, free_range};

#[tokio::test]
async fn a_cluster_ends_with_its_job() {
    let jars = tempfile::tempdir().expect("a directory");
    let [count, fail] = ["CountJob", "FailJob"].map(|class| jar(class, jars.path()));
    let [port] = free_ports();
    let mut mesos = start_mesos(port, &free_range(4)).await;

    let finished = start(port, &[], &["--jars", &count, "1000"]);
    ends_with(finished, 0, &mesos).await;
    assert_eq!(completed_frameworks(port).await, 1);

    let failed = start(port, &[], &["--jars", &fail]);
    ends_with(failed, 163, &mesos).await;
    assert_eq!(completed_frameworks(port).await, 2);

    // The job's program fails before there is a job, which Flink takes for a failure of the JobManager.
    let misused = start(port, &[], &["--jars", &count, "--job-classname", "CountJob", "--", "many"]);
    ends_with(misused, 2, &mesos).await;

    let frameworks = completed_frameworks(port).await;
    let endless = i64::MAX.to_string();
    let stopped = start(port, &[], &["--jars", &count, &endless]);
    stopped.until_slots(1, 1).await;
    stopped.program.signal(Signal::SIGTERM);
    ends_with(stopped, 143, &mesos).await;
    assert_eq!(completed_frameworks(port).await, frameworks + 1);

    mesos.signal(Signal::SIGTERM);
    assert_eq!(mesos.end().await.code(), Some(0), "{}", mesos.log_end());
}

/// On the Mesos at `port`, with one TaskManager of one slot.
pub fn start(port: u16, more: &[(&str, &str)], job: &[&str]) -> Cluster {
    let master = format!("127.0.0.1:{port}");
    // What fails shall end it.
    let own = [("mesos.master", &*master), ("restart-strategy.type", "none")];
    Cluster::start(&Start {
        command: &["appmaster-job"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[&own, more].concat(),
        job,
        ..Start::default()
    })
}

pub async fn ends_with(mut cluster: Cluster, code: i32, mesos: &Program) {
    let status = cluster.program.end().await;
    assert_eq!(status.code(), Some(code), "{}", cluster.program.log_end());
    cluster.program.assert_nothing_left(AT_ONCE).await;
    mesos.until("no task is left", async || mesos.parts(Part::TaskManager).is_empty().then_some(())).await;
}

pub async fn completed_frameworks(port: u16) -> usize {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/state")).await.expect("an answer");
    let state: Value = answer.json().await.expect("JSON");
    state["completed_frameworks"].as_array().expect("a list").len()
}

pub fn jar(class: &str, directory: &Path) -> String {
    jar_for(FLINK, class, directory)
}

pub fn jar_for(flink: &str, class: &str, directory: &Path) -> String {
    let jar = directory.join(format!("{class}.jar"));
    let lib = home::flink_home(flink).join("lib/*");
    home::job_jar(&format!("tests/java/{class}.java"), lib.to_str().expect("UTF-8"), &jar);
    jar.to_str().expect("UTF-8").to_owned()
}
