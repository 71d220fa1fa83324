//! TaskManagers that come with the jobs that need them, and go when nobody does.

use flink::rest::JobState;

use super::harness::{Cluster, Start};
use crate::flink::home;
use flink::rest::JarRun;

#[tokio::test]
async fn flink_1_20_gets_taskmanagers_for_its_jobs() {
    come_and_go("1.20.5", &[]).await;
}

#[tokio::test]
async fn flink_2_3_gets_taskmanagers_for_its_jobs() {
    come_and_go("2.3.0", &[]).await;
}

/// Its jobs run with what is there, and say what they could use.
#[tokio::test]
async fn the_adaptive_scheduler_gets_taskmanagers_too() {
    let at_once = ("jobmanager.adaptive-scheduler.resource-stabilization-timeout", "100 ms");
    come_and_go("1.20.5", &[("jobmanager.scheduler", "adaptive"), at_once]).await;
}

async fn come_and_go(version: &str, more: &[(&str, &str)]) {
    let own = [
        ("mesos.scaling", "demand"),
        ("mesos.scaling.maximum", "4"),
        ("resourcemanager.taskmanager-timeout", "8 s"),
        ("web.refresh-interval", "500"),
    ];
    let cluster = Cluster::start(&Start {
        flink: version,
        variables: &[("_SLOTS", "2"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[&own, more].concat(),
        ..Start::default()
    });
    let jar = upload(&cluster, version).await;
    assert_eq!(cluster.flink.overview().await.expect("an answer").taskmanagers, 0, "nobody needs one");

    let first = run(&cluster, &jar, 6).await;
    until_running(&cluster, &first).await;
    cluster.until_slots(3, 6).await;
    let three = cluster.running().expect("an answer");
    assert_eq!(three.len(), 3);
    cancel(&cluster, &first).await;

    // They are still there, and Flink may take a slot of each of two.
    let second = run(&cluster, &jar, 2).await;
    until_running(&cluster, &second).await;
    let some_have_gone = async || {
        let overview = cluster.flink.overview().await.ok()?;
        (overview.taskmanagers < 3).then_some(overview.taskmanagers)
    };
    let used = cluster.program.until("those that it does not use have gone", some_have_gone).await;
    assert!(used > 0);
    until_running(&cluster, &second).await;
    let rest = cluster.running().expect("an answer");
    assert!(rest.is_subset(&three), "{rest:?} of {three:?}");
    cancel(&cluster, &second).await;

    let third = run(&cluster, &jar, 12).await;
    let explanation = cluster
        .program
        .until("the job asks for more than it may get", async || {
            let text = String::from_utf8(cluster.command(&["explain"]).stdout).expect("UTF-8");
            text.contains("more than the 4").then_some(text)
        })
        .await;
    assert!(
        explanation.contains("6 TaskManagers, more than the 4 that mesos.scaling.maximum allows"),
        "{explanation}"
    );
    cluster.until_slots(4, 8).await;
    let refused = cluster.command(&["scale", "9"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("follows the jobs"), "{refused:?}");
    cancel(&cluster, &third).await;
    cluster.until_slots(0, 0).await;
    assert!(!cluster.program.log().contains("TASK_FAILED"), "{}", cluster.program.log_end());
}

pub async fn upload(cluster: &Cluster, version: &str) -> String {
    let jar = cluster.program.path().join("endless.jar");
    let lib = home::flink_home(version).join("lib/*");
    home::job_jar("tests/java/Endless.java", lib.to_str().expect("UTF-8"), &jar);
    cluster.program.until("the JobManager answers", async || cluster.flink.overview().await.ok()).await;
    cluster.flink.upload_jar(&jar).await.expect("an upload")
}

pub async fn run(cluster: &Cluster, jar: &str, parallelism: u32) -> String {
    let run = JarRun { parallelism: Some(parallelism), ..JarRun::default() };
    cluster.flink.run_jar(jar, &run).await.expect("a start")
}

/// All of its tasks.
pub async fn until_running(cluster: &Cluster, id: &str) {
    let is_there = async || {
        let job = cluster.flink.jobs().await.ok()?.into_iter().find(|job| job.jid == id)?;
        assert!(
            matches!(job.state, JobState::Initializing | JobState::Created | JobState::Running),
            "{job:?}"
        );
        (job.tasks.total > 0 && job.tasks.running == job.tasks.total).then_some(())
    };
    cluster.program.until("the job runs", is_there).await;
}

/// The same after a failure of it.
pub async fn until_tasks_run(cluster: &Cluster, id: &str) {
    let run = async || {
        let job = cluster.flink.jobs().await.ok()?.into_iter().find(|job| job.jid == id)?;
        (job.state == JobState::Running && job.tasks.total > 0 && job.tasks.running == job.tasks.total)
            .then_some(())
    };
    cluster.program.until("the job runs again", run).await;
}

async fn cancel(cluster: &Cluster, id: &str) {
    let url = format!("{}/jobs/{id}", cluster.rest_url());
    let answer = reqwest::Client::new().patch(url).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let has_ended = async || {
        let job = cluster.flink.jobs().await.ok()?.into_iter().find(|job| job.jid == id)?;
        job.state.has_ended().then_some(())
    };
    cluster.program.until("the job has ended", has_ended).await;
}
