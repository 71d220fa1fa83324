//! What is left in `high-availability.storageDir` when a cluster has ended: as docs/high-availability.md says.

use super::site::{Site, TASKMANAGERS, start_job};

/// Flink's own names: of a job that ran when the cluster was ended, of jobs that have ended, and of checkpoints.
const SUBMITTED: &str = "test/submittedJobGraph";
const COMPLETED: &str = "test/completedCheckpoint";
const RESULTS: &str = "job-result-store/test/";
const CHECKPOINTS: &str = "checkpoints/";

#[tokio::test]
async fn what_an_ended_cluster_leaves_in_storage_is_what_is_documented() {
    let site = Site::open().await;
    let mut cluster = site.appmaster();
    cluster.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    start_job(&cluster).await;
    assert!(site.stored().iter().any(|path| path.starts_with(SUBMITTED)), "{:?}", site.stored());
    cluster.flink.shut_down().await.expect("an answer");
    assert_eq!(cluster.program.end().await.code(), Some(0), "{}", cluster.program.log_end());
    assert_only(&site, &[SUBMITTED, COMPLETED, RESULTS, CHECKPOINTS]);
    // By hand, as the page says: nobody uses it any more.
    site.remove_stored("test");

    let mut cluster = site.appmaster();
    cluster.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    start_job(&cluster).await;
    cluster.order(&["teardown", "--force"]);
    assert_eq!(cluster.program.end().await.code(), Some(0), "{}", cluster.program.log_end());
    assert_only(&site, &[SUBMITTED, COMPLETED, RESULTS, CHECKPOINTS]);
}

fn assert_only(site: &Site, expected: &[&str]) {
    let left = site.stored();
    println!("{left:#?}");
    let other = left.iter().find(|path| !expected.iter().any(|begin| path.starts_with(begin)));
    assert_eq!(other, None, "{left:?}");
}
