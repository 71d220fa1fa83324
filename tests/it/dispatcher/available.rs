//! With ZooKeeper: what a cluster keeps when its AppMaster dies.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::applications::application;
use super::site::{Site, get, session};
use crate::cluster::application as jobs;
use crate::cluster::processes::{self, Part};
use crate::ha::ensemble::Ensemble;
use flink::rest::JarRun;

#[tokio::test]
async fn a_cluster_keeps_framework_taskmanagers_and_job_when_its_appmaster_dies() {
    let ensemble = Ensemble::start().await;
    let storage = tempfile::tempdir().expect("a directory");
    let site = Site::start(&with_zookeeper(&ensemble, storage.path())).await;
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
            let checkpoints = ask(&site, "kept", &format!("/jobs/{job}/checkpoints")).await?;
            let has_restored = checkpoints["latest"]["restored"]["id"].as_u64().is_some();
            let about = ask(&site, "kept", &format!("/jobs/{job}")).await?;
            (has_restored && about["state"] == "RUNNING").then_some(())
        })
        .await;
    assert_eq!(site.framework("kept").await.expect("it is there")["id"], framework);
    assert_eq!(site.mesos.parts(Part::TaskManager), taskmanagers);
    let (log, state) = (site.program.log(), site.describe("kept").expect("it is there"));
    assert_eq!(state["cluster"]["state"], "running", "{log}");

    site.command(&["suspend", "kept", "--force"]);
    site.until_state("kept", "suspended").await;
    site.until_nothing_runs().await;
    site.command(&["resume", "kept"]);
    site.program
        .until("the job goes on from its last checkpoint", async || {
            let restored = ask(&site, "kept", &format!("/jobs/{job}/checkpoints")).await?;
            let about = ask(&site, "kept", &format!("/jobs/{job}")).await?;
            let is_other = site.framework("kept").await?["id"] != framework;
            (is_other && restored["latest"]["restored"]["id"].is_u64() && about["state"] == "RUNNING")
                .then_some(())
        })
        .await;

    site.command(&["delete", "kept", "--force"]);
    site.until_gone("kept").await;
    site.until_nothing_runs().await;
    let client = zookeeper_client::Client::connect(&ensemble.quorum()).await.expect("a session");
    for path in ["/flink", "/flink/mesos-workers"] {
        let left = client.list_children(path).await.expect("a list");
        assert!(!left.iter().any(|name| name.starts_with("kept")), "{path}: {left:?}");
    }
}

#[tokio::test]
async fn an_application_that_keeps_its_state_goes_on_from_its_last_checkpoint() {
    let ensemble = Ensemble::start().await;
    let storage = tempfile::tempdir().expect("a directory");
    let site = Site::start(&with_zookeeper(&ensemble, storage.path())).await;
    let directory = format!("file://{}/checkpoints", storage.path().display());
    let manifest = application("steady", ("v1_20", "1.20.5"), "Endless", "", storage.path())
        .replace("parallelism: 1", "parallelism: 1, upgradeMode: last-state")
        .replace(
            "flinkConfiguration:\n",
            &format!("flinkConfiguration:\n    state.checkpoints.dir: \"{directory}\"\n"),
        );
    site.apply(&[&manifest]);
    let completed = async |restored: bool| {
        let jobs = ask(&site, "steady", "/jobs").await?;
        let job = jobs["jobs"].as_array()?.iter().find(|job| job["status"] == "RUNNING")?["id"].clone();
        let told = ask(&site, "steady", &format!("/jobs/{}/checkpoints", job.as_str()?)).await?;
        let has_some = told["counts"]["completed"].as_u64()? >= 1;
        (has_some && told["latest"]["restored"]["id"].is_u64() == restored).then_some(())
    };
    site.program.until("it has checkpoints", async || completed(false).await).await;
    site.command(&["suspend", "steady"]);
    site.until_state("steady", "suspended").await;
    site.until_nothing_runs().await;
    let other = manifest.replace("parallelism: 1", "parallelism: 2");
    assert!(site.refused(&other).contains("spec.job.parallelism of application steady cannot be changed"));
    site.command(&["resume", "steady"]);
    site.program.until("it is restored", async || completed(true).await).await;
    site.command(&["delete", "steady"]);
    site.until_gone("steady").await;
    site.until_nothing_runs().await;
}

pub fn with_zookeeper(ensemble: &Ensemble, storage: &std::path::Path) -> [String; 4] {
    [
        "high-availability: zookeeper".to_owned(),
        format!("high-availability.zookeeper.quorum: {}", ensemble.quorum()),
        "high-availability.zookeeper.client.session-timeout: 3000".to_owned(),
        format!("high-availability.storageDir: file://{}", storage.display()),
    ]
}

/// One that has checkpoints; its id.
async fn start_job(site: &Site, directory: &std::path::Path) -> String {
    let jar = jobs::jar("Endless", directory);
    let flink = site.flink("kept").await.expect("it answers");
    let jar = flink.upload_jar(jar.as_ref()).await.expect("an upload");
    let run = JarRun { parallelism: Some(1), ..JarRun::default() };
    let job = flink.run_jar(&jar, &run).await.expect("a start");
    let has_some = async || {
        let counts = ask(site, "kept", &format!("/jobs/{job}/checkpoints")).await?;
        (counts["counts"]["completed"].as_u64()? >= 2).then_some(())
    };
    site.program.until("it has checkpoints", has_some).await;
    job
}

async fn ask(site: &Site, name: &str, path: &str) -> Option<Value> {
    let framework = site.framework(name).await?;
    let url = format!("{}{path}", framework["webui_url"].as_str()?);
    get(&url).await?.json().await.ok()
}
