//! The main job: from one command to slots, and a job to its end.

use flink_on_mesos::flink::rest::{JarRun, JobState};

use super::harness::{Cluster, Start};

const GIB: u64 = 1 << 30;

#[tokio::test]
async fn flink_1_17_has_the_taskmanagers_asked_for() {
    three_taskmanagers("1.17.2").await;
}

#[tokio::test]
async fn flink_1_20_has_the_taskmanagers_asked_for_and_runs_a_job() {
    let cluster = three_taskmanagers("1.20.5").await;
    let jar_id = cluster.flink.upload_jar(&cluster.word_count_jar()).await.expect("an upload");
    let run = JarRun { parallelism: Some(6), ..JarRun::default() };
    let job_id = cluster.flink.run_jar(&jar_id, &run).await.expect("a start");
    cluster
        .program
        .until("the job finishes", async || {
            let jobs = cluster.flink.jobs().await.ok()?;
            jobs.into_iter().find(|job| job.jid == job_id && job.state == JobState::Finished)
        })
        .await;
}

#[tokio::test]
async fn flink_2_3_has_the_taskmanagers_asked_for() {
    three_taskmanagers("2.3.0").await;
}

async fn three_taskmanagers(version: &str) -> Cluster {
    let cluster = Cluster::start(&Start {
        flink: version,
        variables: &[("_CLIENT_TM_COUNT", "3"), ("_SLOTS", "2"), ("_CLIENT_TM_MEMORY", "1024")],
        ..Start::default()
    });
    cluster.until_slots(3, 6).await;
    assert_eq!(cluster.flink.overview().await.expect("an answer").flink_version, version);
    for taskmanager in cluster.flink.taskmanagers().await.expect("an answer") {
        let memory = taskmanager.memory_configuration.total_process_memory;
        assert_eq!((taskmanager.slots_number, memory), (2, Some(GIB)), "{}", taskmanager.id);
    }
    cluster
}
