//! Nodes that a person has removed, with stock Flink.

use std::time::Duration;

use zookeeper_client::Client;

use super::site::{Site, TASKMANAGERS, goes_on, progress, start_job};
use crate::ports::free_ports;

const LATCH: &str = "/flink/test/leader/latch";
/// In which nothing may be told over and over.
const LOOK: Duration = Duration::from_secs(20);
const MAX_LINES: usize = 5;

#[tokio::test]
async fn flinks_election_is_there_again_and_the_job_goes_on() {
    let site = Site::open().await;
    let [status] = free_ports();
    let cluster = site.appmaster_with(&[("mesos.status.port", &status.to_string())]);
    cluster.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let job = start_job(&cluster).await;
    let before = progress(&cluster, &job).await;
    let client = Client::connect(&site.ensemble.quorum()).await.expect("a session");

    let mut removal = client.new_multi_writer();
    for name in client.list_children(LATCH).await.expect("a list") {
        removal.add_delete(&format!("{LATCH}/{name}"), None).expect("a change");
    }
    removal.add_delete(LATCH, None).expect("a change");
    removal.commit().await.expect("removed");
    let log_before = cluster.program.log().lines().count();
    cluster.program.until_log("somebody has removed the nodes of Flink's leader election").await;
    tokio::time::sleep(LOOK).await;
    let log = cluster.program.log();
    let ours = log.lines().skip(log_before).filter(|line| line.contains(" worker: "));
    let lines = ours.filter(|line| line.contains("election")).count();
    assert!(lines <= MAX_LINES, "{lines} lines in {LOOK:?}\n{}", cluster.program.log_end());
    assert_eq!(site.left(LATCH).await.len(), 1, "the JobManager has its place");
    assert!(goes_on(&cluster, &job, &before).await, "the job has not even stopped");
    let ready = reqwest::get(format!("http://127.0.0.1:{status}/readyz")).await.expect("an answer");
    assert_eq!(ready.status(), 200);
}
