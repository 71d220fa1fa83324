//! `mesos.state-dir`: an AppMaster without ZooKeeper is killed, stopped, started twice and started again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::harness::{Cluster, FLINK, Program, Start, binary};
use super::masters::start_mesos;
use super::processes::{self, Part, Process};
use super::stop;
use crate::mount::Mount;
use crate::ports::{free_ports, free_range};

/// Of the disk that can be filled.
const STATES_KIB: usize = 64;

/// A Mesos and a directory, and the ports that each AppMaster of the cluster has.
struct Site {
    mesos: Program,
    mesos_port: u16,
    ports: [u16; 2],
    states: TempDir,
    flink: &'static str,
}

/// What a restart must leave as it is.
#[derive(Debug, PartialEq)]
struct Kept {
    framework_id: String,
    tasks: BTreeSet<String>,
    taskmanagers: BTreeSet<Process>,
}

impl Site {
    async fn open(flink: &'static str) -> Self {
        let [mesos_port, rest, rpc] = free_ports();
        let mesos = start_mesos(mesos_port, &free_range(8)).await;
        let states = tempfile::tempdir().expect("a directory");
        Self { mesos, mesos_port, ports: [rest, rpc], states, flink }
    }

    fn base(&self) -> PathBuf {
        self.states.path().join("states")
    }

    /// The only cluster's.
    fn file(&self, name: &str) -> PathBuf {
        let entries = fs::read_dir(self.base()).expect("a directory").flatten();
        let mut directories = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        directories.next().expect("a cluster's directory").join(name)
    }

    fn appmaster(&self) -> Cluster {
        self.appmaster_with(&[])
    }

    fn appmaster_with(&self, more: &[(&str, &str)]) -> Cluster {
        let (master, base) = (format!("127.0.0.1:{}", self.mesos_port), self.base());
        let own = [
            ("mesos.master", &*master),
            ("mesos.state-dir", base.to_str().expect("UTF-8")),
            ("heartbeat.interval", "1000"),
            ("heartbeat.timeout", "6000"),
            ("taskmanager.host", "127.0.0.1"),
        ];
        Cluster::start(&Start {
            flink: self.flink,
            command: &["appmaster"],
            variables: &[("_CLIENT_TM_COUNT", "2"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
            properties: &[&own[..], more].concat(),
            ports: Some(self.ports),
            ..Start::default()
        })
    }

    fn kept(&self, cluster: &Cluster) -> Kept {
        Kept {
            framework_id: cluster.framework_id(),
            tasks: cluster.running().expect("an answer"),
            taskmanagers: self.mesos.parts(Part::TaskManager).into_iter().collect(),
        }
    }

    /// Waits until all TaskManagers have registered, and tells what there is then.
    async fn until_all(&self, cluster: &Cluster) -> Kept {
        cluster.until_slots(2, 2).await;
        let both = async || (cluster.running()?.len() == 2).then_some(());
        cluster.program.until("both tasks run", both).await;
        self.kept(cluster)
    }

    async fn until_no_taskmanager(&self) {
        let gone = async || self.mesos.parts(Part::TaskManager).is_empty().then_some(());
        self.mesos.until("no TaskManager is left", gone).await;
    }
}

async fn kill(mut cluster: Cluster) {
    cluster.program.kill().await;
}

/// Killed, and told to stop: the next one has the same framework, tasks and processes. Torn down, none of them.
async fn takes_over(flink: &'static str) {
    let site = Site::open(flink).await;
    let first = site.appmaster();
    let kept = site.until_all(&first).await;
    kill(first).await;

    let begin = Instant::now();
    let second = site.appmaster();
    assert_eq!(site.until_all(&second).await, kept, "{}", second.program.log_end());
    println!("Flink {flink}: all registered again {:.1} s after a kill", begin.elapsed().as_secs_f64());
    assert!(second.program.log().contains("tasks=2"), "{}", second.program.log_end());
    assert!(!second.program.log().contains("launched"), "{}", second.program.log_end());

    stop::by_sigterm(second, 143).await;
    let begin = Instant::now();
    let third = site.appmaster();
    assert_eq!(site.until_all(&third).await, kept, "{}", third.program.log_end());
    println!("Flink {flink}: all registered again {:.1} s after SIGTERM", begin.elapsed().as_secs_f64());
    // It still counts on from there.
    third.order(&["scale", "1"]);
    third.until_slots(1, 1).await;
    stop::by_teardown(third).await;
    site.until_no_taskmanager().await;
    assert!(!site.file("state").exists(), "the cluster has ended");

    let fresh = site.appmaster();
    let new = site.until_all(&fresh).await;
    assert_ne!(new.framework_id, kept.framework_id);
    stop::by_teardown(fresh).await;
}

#[tokio::test]
async fn the_next_appmaster_takes_framework_and_taskmanagers_over() {
    takes_over(FLINK).await;
}

#[tokio::test]
async fn flink_1_17_registers_again() {
    takes_over("1.17.2").await;
}

#[tokio::test]
async fn flink_2_3_registers_again() {
    takes_over("2.3.0").await;
}

#[tokio::test]
async fn a_second_appmaster_is_refused_even_while_the_first_is_stopped() {
    let site = Site::open(FLINK).await;
    let first = site.appmaster();
    site.until_all(&first).await;
    let everything = first.program.everything();
    for process in everything.iter().rev() {
        processes::signal(*process, Signal::SIGSTOP);
    }
    let mut second = site.appmaster();
    assert_eq!(second.program.end().await.code(), Some(73), "{}", second.program.log_end());
    let log = second.program.log();
    let directory = site.file("").display().to_string();
    let directory = directory.trim_end_matches('/');
    for told in ["mesos.state-dir", "another AppMaster uses", directory, "process ", "on host "] {
        assert!(log.contains(told), "no '{told}' in\n{log}");
    }
    let own_pid = everything.iter().any(|process| log.contains(&format!("process {} ", process.pid)));
    assert!(own_pid, "the holder's pid: {log}");
    second.program.assert_nothing_left(Duration::ZERO).await;
    for process in &everything {
        processes::signal(*process, Signal::SIGCONT);
    }
    site.until_all(&first).await;
    stop::by_teardown(first).await;
}

#[tokio::test]
async fn taskmanagers_of_another_configuration_are_ended_and_the_framework_goes_on() {
    let site = Site::open(FLINK).await;
    let first = site.appmaster();
    let kept = site.until_all(&first).await;
    stop::by_sigterm(first, 143).await;
    let second = site
        .appmaster_with(&[("taskmanager.numberOfTaskSlots", "3"), ("mesos.resourcemanager.tasks.cpus", "1")]);
    second.program.until_log("the configuration of TaskManagers has changed: replacing the 2").await;
    second.until_slots(2, 6).await;
    assert_eq!(second.framework_id(), kept.framework_id);
    assert!(second.running().expect("an answer").is_disjoint(&kept.tasks));
    stop::by_teardown(second).await;
}

#[tokio::test]
async fn a_framework_that_mesos_no_longer_has_is_replaced() {
    let site = Site::open(FLINK).await;
    let first = site.appmaster();
    let kept = site.until_all(&first).await;
    kill(first).await;
    let url = format!("http://127.0.0.1:{}/teardown", site.mesos_port);
    let body = format!("frameworkId={}", kept.framework_id);
    let answer = reqwest::Client::new().post(url).body(body).send().await.expect("an answer");
    assert!(answer.status().is_success());
    site.until_no_taskmanager().await;
    let second = site.appmaster();
    let new = site.until_all(&second).await;
    assert_ne!(new.framework_id, kept.framework_id);
    assert!(
        fs::read_to_string(site.file("state")).expect("a state").contains(&kept.framework_id),
        "archived"
    );
    stop::by_teardown(second).await;
}

#[tokio::test]
async fn a_full_disk_holds_launches_back_and_nothing_else() {
    let site = Site::open(FLINK).await;
    fs::create_dir(site.base()).expect("a directory");
    let mount = Mount::tmpfs(&site.base(), STATES_KIB);
    let cluster = site.appmaster();
    let before = site.until_all(&cluster).await;
    let filler = mount.fill();
    // Its answer comes when the number is stored.
    let mut scaling = Command::new(binary())
        .env("FLINK_ON_MESOS_SOCKET", cluster.program.path().join("socket"))
        .args(["scale", "3"])
        .spawn()
        .expect("it starts");
    cluster.program.until_log("launches and ends no TaskManager until it can").await;
    let log = cluster.program.log();
    assert!(
        log.contains(&site.file("state").display().to_string()) && log.contains("No space left"),
        "{log}"
    );
    // The status is kept for a moment.
    let told = async || {
        let why = cluster.status()?["waiting"]["why"].to_string();
        why.contains("No space left").then_some(())
    };
    cluster.program.until("the status tells why", told).await;
    assert_eq!(site.kept(&cluster).taskmanagers, before.taskmanagers);
    fs::remove_file(filler).expect("removed");
    cluster.program.until_log("the state can be stored again").await;
    assert!(scaling.wait().expect("a child").success());
    cluster.until_slots(3, 3).await;
    stop::by_teardown(cluster).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_refused_at_the_start() {
    let site = Site::open(FLINK).await;
    fs::create_dir(site.base()).expect("a directory");
    let mount = Mount::tmpfs(&site.base(), STATES_KIB);
    mount.fill();
    refused(site.appmaster(), 73, &["No space left on device"]).await;
    drop(mount);
    let unusable = [
        ("states", 78, "an absolute path"),
        ("/no-such-parent/states", 73, "create the directory, or mount it"),
        ("/dev/null", 73, "is not a directory"),
    ];
    for (value, code, told) in unusable {
        let cluster = site.appmaster_with(&[("mesos.state-dir", value)]);
        refused(cluster, code, &["mesos.state-dir", value, told]).await;
    }
    let first = site.appmaster();
    first.program.until_log("keeping the state in").await;
    kill(first).await;
    fs::write(site.file("state"), "garbage").expect("written");
    let path = site.file("state").display().to_string();
    refused(site.appmaster(), 65, &[&path, "damaged"]).await;
    assert_eq!(fs::read(site.file("state")).expect("still there"), b"garbage");
}

async fn refused(mut cluster: Cluster, code: i32, told: &[&str]) {
    let status = cluster.program.end().await;
    let log = cluster.program.log();
    assert_eq!(status.code(), Some(code), "{log}");
    let errors: Vec<_> =
        log.lines().filter(|line| line.contains(" ERROR ") || line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("one message expected: {log}") };
    for text in told {
        assert!(error.contains(text), "no '{text}' in\n{error}");
    }
    cluster.program.assert_nothing_left(Duration::ZERO).await;
    assert_eq!(cluster.program.temporary_files(), Vec::<PathBuf>::new());
}
