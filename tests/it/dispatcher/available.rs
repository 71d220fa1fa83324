//! With ZooKeeper: what a cluster keeps when its AppMaster dies.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::site::{Site, get, session};
use crate::cluster::application;
use crate::cluster::processes::{self, Part};
use crate::flink::jars::{JarRun, Jars as _};
use crate::ha::ensemble::Ensemble;

#[tokio::test]
async fn a_cluster_keeps_framework_taskmanagers_and_job_when_its_appmaster_dies() {
    let ensemble = Ensemble::start().await;
    let storage = tempfile::tempdir().expect("a directory");
    let site = Site::start(&[
        "high-availability: zookeeper".to_owned(),
        format!("high-availability.zookeeper.quorum: {}", ensemble.quorum()),
        "high-availability.zookeeper.client.session-timeout: 3000".to_owned(),
        format!("high-availability.storageDir: file://{}", storage.path().display()),
    ])
    .await;
    let checkpoints = format!("file://{}/checkpoints", storage.path().display());
    let manifest = session("kept", "v1_20", super::MEMORY).replace(
        "flinkConfiguration:\n",
        &format!("flinkConfiguration:\n    state.checkpoints.dir: \"{checkpoints}\"\n"),
    );
    site.apply(&[&manifest]);
    site.until_slots("kept", 1).await;
    let job = start_job(&site, storage.path()).await;
    let framework = site.framework("kept").await.expect("it is there")["id"].clone();
    let taskmanagers = site.mesos.parts(Part::TaskManager);
    assert_eq!(taskmanagers.len(), 1);

    let jobmanager = site.jobmanager("kept");
    processes::signal(site.init_of(jobmanager), Signal::SIGKILL);
    site.program
        .until("another attempt runs", async || (site.attempts("kept") == [2, 1]).then_some(()))
        .await;
    site.program
        .until("the job is restored", async || {
            let checkpoints = ask(&site, &format!("/jobs/{job}/checkpoints")).await?;
            let has_restored = checkpoints["latest"]["restored"]["id"].as_u64().is_some();
            let about = ask(&site, &format!("/jobs/{job}")).await?;
            (has_restored && about["state"] == "RUNNING").then_some(())
        })
        .await;
    assert_eq!(site.framework("kept").await.expect("it is there")["id"], framework);
    assert_eq!(site.mesos.parts(Part::TaskManager), taskmanagers);
    let (log, state) = (site.program.log(), site.describe("kept").expect("it is there"));
    assert_eq!(state["cluster"]["state"], "running", "{log}");

    site.command(&["suspend", "kept"]);
    site.until_state("kept", "suspended").await;
    site.until_nothing_runs().await;
    site.command(&["resume", "kept"]);
    site.program
        .until("the job goes on from its last checkpoint", async || {
            let restored = ask(&site, &format!("/jobs/{job}/checkpoints")).await?;
            let about = ask(&site, &format!("/jobs/{job}")).await?;
            let is_other = site.framework("kept").await?["id"] != framework;
            (is_other && restored["latest"]["restored"]["id"].is_u64() && about["state"] == "RUNNING")
                .then_some(())
        })
        .await;

    site.command(&["delete", "kept"]);
    site.until_gone("kept").await;
    site.until_nothing_runs().await;
    let client = zookeeper_client::Client::connect(&ensemble.quorum()).await.expect("a session");
    for path in ["/flink", "/flink/mesos-workers"] {
        let left = client.list_children(path).await.expect("a list");
        assert!(!left.iter().any(|name| name.starts_with("kept")), "{path}: {left:?}");
    }
}

/// One that has checkpoints; its id.
async fn start_job(site: &Site, directory: &std::path::Path) -> String {
    let jar = application::jar("Endless", directory);
    let flink = site.flink("kept").await.expect("it answers");
    let jar = flink.upload_jar(jar.as_ref()).await.expect("an upload");
    let run = JarRun { parallelism: Some(1), ..JarRun::default() };
    let job = flink.run_jar(&jar, &run).await.expect("a start");
    let has_some = async || {
        let counts = ask(site, &format!("/jobs/{job}/checkpoints")).await?;
        (counts["counts"]["completed"].as_u64()? >= 2).then_some(())
    };
    site.program.until("it has checkpoints", has_some).await;
    job
}

async fn ask(site: &Site, path: &str) -> Option<Value> {
    let framework = site.framework("kept").await?;
    let url = format!("{}{path}", framework["webui_url"].as_str()?);
    get(&url).await?.json().await.ok()
}
