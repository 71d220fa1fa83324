//! Clusters with a job of their own.

use std::path::Path;

use super::site::{Site, session};
use crate::cluster::application::jar_for;
use crate::cluster::processes::Part;

/// What the first job counts to; only the jobs may be told it.
const ARGUMENT: &str = "1970042";

#[tokio::test]
async fn applications_end_with_their_jobs_and_never_run_twice() {
    let site = Site::start(&[]).await;
    let jars = tempfile::tempdir().expect("a directory");
    let endless = |more: &str| application("endless", ("v1_20", "1.20.5"), "Endless", more, jars.path());
    site.apply(&[
        &application("count", ("v1_20", "1.20.5"), "CountJob", "", jars.path()),
        &application("fail", ("v2_3", "2.3.0"), "FailJob", "", jars.path()),
        &endless(""),
    ]);
    for (name, state) in [("count", "finished"), ("fail", "failed"), ("endless", "running")] {
        site.until_state(name, state).await;
    }
    site.program.until("the endless job runs", async || (runs(&site).await?).then_some(())).await;
    assert_eq!(["count", "fail", "endless"].map(|name| site.attempts(name)), [[1], [1], [1]]);
    let ended = site.describe("fail").expect("it is there")["ended"]["code"].clone();
    assert_eq!(ended, 163, "{}", site.program.log_end());
    assert!(!site.state().await.contains(ARGUMENT), "Mesos tells it to everybody");

    site.apply(&[&endless("  restartNonce: 1\n")]);
    site.program.until("it begins anew", async || (site.attempts("endless") == [2, 1]).then_some(())).await;
    site.until_state("endless", "running").await;
    let attempts = site.describe("endless").expect("it is there")["attempts"].clone();
    let (ended, begun) = (attempts[1]["ended"].as_u64(), attempts[0]["since"].as_u64());
    // Mesos tells the time in seconds.
    assert!(ended.zip(begun).is_some_and(|(ended, begun)| ended / 1000 <= begun / 1000), "{attempts}");
    site.program.until("its job runs again", async || (runs(&site).await?).then_some(())).await;

    site.apply(&[&endless("  restartNonce: 1\n").replace("state: running", "state: suspended")]);
    site.until_state("endless", "suspended").await;
    site.until_nothing_runs().await;
    assert_eq!(site.attempts("endless"), [2, 1]);
    for name in ["count", "fail", "endless"] {
        site.command(&["delete", name]);
        site.until_gone(name).await;
    }
}

async fn runs(site: &Site) -> Option<bool> {
    let overview = site.flink("endless").await?.overview().await.ok()?;
    assert!(site.mesos.parts(Part::JobManager).len() <= 3, "one for each application at most");
    Some(overview.jobs_running == 1)
}

pub fn application(name: &str, version: (&str, &str), class: &str, more: &str, jars: &Path) -> String {
    let (word, release) = version;
    let jar = jar_for(release, class, jars);
    let job = format!(
        "  job: {{jarURI: \"local://{jar}\", entryClass: {class}, parallelism: 1, state: running, args: [\"{ARGUMENT}\"]}}\n"
    );
    session(name, word, super::MEMORY) + &job + more
}
