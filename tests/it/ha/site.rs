//! A Mesos and an ensemble, and AppMasters with stock Flink on them that share a cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::ensemble::Ensemble;
use super::masters::Candidate;
use crate::cluster::application;
use crate::cluster::harness::{Cluster, FLINK, Program, Start};
use crate::cluster::masters::start_mesos;
use crate::cluster::processes::{Part, Process};
use crate::delivery::files_below;
use crate::ports::{free_ports, free_range};
use flink::rest::JarRun;

/// Of both sessions, ours and Flink's.
pub const SESSION: Duration = Duration::from_secs(3);
pub const TASKMANAGERS: u32 = 2;
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Everything that the AppMasters share.
pub struct Site {
    pub ensemble: Ensemble,
    pub mesos: Program,
    pub mesos_port: u16,
    pub flink: &'static str,
    /// Keeps the master's node.
    _master: Candidate,
    storage: tempfile::TempDir,
}

/// What a takeover must leave as it is.
#[derive(Debug, PartialEq)]
pub struct Kept {
    framework_id: String,
    pub taskmanagers: Vec<Process>,
    tasks: BTreeSet<String>,
}

/// How far a job has come.
#[derive(Debug)]
pub struct Progress {
    /// The last one that was completed.
    checkpoint: u64,
    /// Of the JobManager's execution of it, in milliseconds since 1970: another JobManager's is another one.
    started: u64,
}

impl Site {
    pub async fn open() -> Self {
        Self::open_with(FLINK).await
    }

    pub async fn open_with(flink: &'static str) -> Self {
        let [mesos_port] = free_ports();
        let mesos = start_mesos(mesos_port, &free_range(8)).await;
        let storage = tempfile::tempdir().expect("a directory");
        let ensemble = Ensemble::start().await;
        let master = Candidate::stand(&ensemble, "/mesos", "json.info", mesos_port).await;
        Self { ensemble, mesos, mesos_port, flink, _master: master, storage }
    }

    pub fn appmaster(&self) -> Cluster {
        self.appmaster_with(&[])
    }

    /// One with more properties.
    pub fn appmaster_with(&self, more: &[(&str, &str)]) -> Cluster {
        let quorum = self.ensemble.quorum();
        self.start(&quorum, &format!("zk://{quorum}/mesos"), more)
    }

    /// One that reaches ZooKeeper and Mesos by these addresses.
    pub fn appmaster_by(&self, quorum: &str, master: &str) -> Cluster {
        self.start(quorum, master, &[])
    }

    fn start(&self, quorum: &str, master: &str, more: &[(&str, &str)]) -> Cluster {
        let session = SESSION.as_millis().to_string();
        let storage = format!("file://{}", self.storage.path().display());
        let checkpoints = format!("{storage}/checkpoints");
        let own = [
            ("mesos.master", master),
            ("high-availability", "zookeeper"),
            ("high-availability.zookeeper.quorum", quorum),
            ("high-availability.zookeeper.client.session-timeout", &session),
            ("high-availability.storageDir", &storage),
            ("high-availability.cluster-id", "/test"),
            ("state.checkpoints.dir", &checkpoints),
        ];
        Cluster::start(&Start {
            flink: self.flink,
            command: &["appmaster"],
            variables: &[("_CLIENT_TM_COUNT", "2"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
            properties: &[&own[..], more].concat(),
            ..Start::default()
        })
    }

    pub async fn two_with_a_job(&self) -> (Cluster, Cluster) {
        let first = self.appmaster();
        first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
        let second = self.appmaster();
        until_standby(&second).await;
        start_job_for(self.flink, &first).await;
        (first, second)
    }

    pub fn kept(&self, cluster: &Cluster) -> Kept {
        Kept {
            framework_id: cluster.framework_id(),
            taskmanagers: self.mesos.parts(Part::TaskManager),
            tasks: cluster.running().expect("an answer"),
        }
    }

    /// Whatever was to happen has happened.
    pub async fn settled(&self, cluster: &Cluster, before: &Kept) {
        cluster
            .program
            .until("it knows the tasks", async || {
                (cluster.running()?.len() == before.tasks.len()).then_some(())
            })
            .await;
        assert_eq!(&self.kept(cluster), before, "{}", cluster.program.log_end());
    }

    /// The files in Flink's storage, relative to it.
    pub fn stored(&self) -> Vec<String> {
        let files = files_below(self.storage.path()).into_iter();
        let relative = files.filter_map(|file| Some(file.strip_prefix(self.storage.path()).ok()?.to_owned()));
        relative.map(|path| path.display().to_string()).collect()
    }

    pub fn remove_stored(&self, name: &str) {
        let path = self.storage.path().join(name);
        if path.exists() {
            std::fs::remove_dir_all(path).expect("removed");
        }
    }

    /// Below `path`; nothing if that is not there.
    pub async fn left(&self, path: &str) -> Vec<String> {
        let client = zookeeper_client::Client::connect(&self.ensemble.quorum()).await.expect("a session");
        match client.list_children(path).await {
            Err(zookeeper_client::Error::NoNode) => Vec::new(),
            found => found.expect("a list"),
        }
    }
}

/// Its JobManager answers too.
pub async fn until_standby(cluster: &Cluster) {
    cluster.program.until("it stands by", async || (role(cluster)? == "standby").then_some(())).await;
    cluster.until_slots(TASKMANAGERS, TASKMANAGERS).await;
}

pub fn role(cluster: &Cluster) -> Option<String> {
    Some(cluster.status()?["high_availability"]["role"].as_str()?.to_owned())
}

/// A job that has checkpoints; its id.
pub async fn start_job(cluster: &Cluster) -> String {
    start_job_for(FLINK, cluster).await
}

pub async fn start_job_for(flink: &str, cluster: &Cluster) -> String {
    let jar = application::jar_for(flink, "Endless", cluster.program.path());
    let jar_id = cluster.flink.upload_jar(jar.as_ref()).await.expect("an upload");
    let run = JarRun { parallelism: Some(TASKMANAGERS), ..JarRun::default() };
    let job = cluster.flink.run_jar(&jar_id, &run).await.expect("a start");
    cluster
        .program
        .until("it has checkpoints", async || {
            let counts = ask(cluster, &format!("/jobs/{job}/checkpoints")).await?;
            (counts["counts"]["completed"].as_u64()? >= 2).then_some(())
        })
        .await;
    job
}

pub async fn progress(cluster: &Cluster, job: &str) -> Progress {
    cluster.program.until("the job's progress is known", async || look(cluster, job).await?.2).await
}

/// Waits until the job goes on, and tells whether it did not even stop.
pub async fn goes_on(cluster: &Cluster, job: &str, before: &Progress) -> bool {
    cluster.program.until("the job goes on", async || goes_on_now(cluster, job, before).await).await
}

/// Whether the job did not even stop, once it runs and has made another checkpoint. It must not have begun anew.
pub async fn goes_on_now(cluster: &Cluster, job: &str, before: &Progress) -> Option<bool> {
    let (runs, restored, now) = look(cluster, job).await?;
    let now = now.filter(|now| runs && now.checkpoint > before.checkpoint)?;
    let is_same = now.started == before.started;
    let is_restored = restored.is_some_and(|restored| restored >= before.checkpoint);
    assert!(is_same || is_restored, "{before:?}, then {now:?} from {restored:?}");
    Some(is_same && !is_restored)
}

/// Whether all of it runs, and from which checkpoint it was restored last.
async fn look(cluster: &Cluster, job: &str) -> Option<(bool, Option<u64>, Option<Progress>)> {
    let about = ask(cluster, &format!("/jobs/{job}")).await?;
    let checkpoints = ask(cluster, &format!("/jobs/{job}/checkpoints")).await?;
    let vertices = about["vertices"].as_array()?;
    let runs = about["state"] == "RUNNING" && vertices.iter().all(|vertex| vertex["status"] == "RUNNING");
    let latest = &checkpoints["latest"];
    let progress = latest["completed"]["id"].as_u64().zip(about["start-time"].as_u64());
    let progress = progress.map(|(checkpoint, started)| Progress { checkpoint, started });
    Some((runs, latest["restored"]["id"].as_u64(), progress))
}

pub async fn ask(cluster: &Cluster, path: &str) -> Option<Value> {
    let url = format!("{}{path}", cluster.rest_url());
    // A JobManager that stands by hands questions on to one that is dead, until it knows better.
    let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build().expect("a client");
    let answer = client.get(url).send().await.ok()?.error_for_status().ok()?;
    answer.json().await.ok()
}
