//! The main job: from one command to slots, a job to its end, and the end of the cluster.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use flink::rest::JobState;

use super::harness::{Cluster, Start};
use super::stop::{self, picture};
use flink::rest::JarRun;

const GIB: u64 = 1 << 30;

#[tokio::test]
async fn flink_1_17_from_one_command_to_sigterm() {
    let remap = ("FLINK_ON_MESOS_REMAP", "143=0");
    stop::by_sigterm(three_taskmanagers("1.17.2", &[remap]).await, 0).await;
}

#[tokio::test]
async fn flink_1_20_from_one_command_over_a_job_to_its_rest_api() {
    let cluster = three_taskmanagers("1.20.5", &[]).await;
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
    stop::by_rest(cluster).await;
}

#[tokio::test]
async fn flink_2_3_from_one_command_to_teardown() {
    stop::by_teardown(three_taskmanagers("2.3.0", &[]).await).await;
}

/// Whatever happens meanwhile, the user's configuration stays as it was.
async fn three_taskmanagers(version: &str, more: &[(&str, &str)]) -> Cluster {
    let asked = [("_CLIENT_TM_COUNT", "3"), ("_SLOTS", "2"), ("_CLIENT_TM_MEMORY", "1024")];
    let cluster =
        Cluster::start(&Start { flink: version, variables: &[&asked, more].concat(), ..Start::default() });
    fs::set_permissions(cluster.conf(), Permissions::from_mode(0o555)).expect("no longer writable");
    let before = picture(&cluster.conf());
    cluster.until_slots(3, 6).await;
    assert_eq!(cluster.flink.overview().await.expect("an answer").flink_version, version);
    for taskmanager in cluster.flink.taskmanagers().await.expect("an answer") {
        let memory = taskmanager.memory_configuration.total_process_memory;
        assert_eq!((taskmanager.slots_number, memory), (2, Some(GIB)), "{}", taskmanager.id);
    }
    assert_eq!(picture(&cluster.conf()), before);
    cluster
}
