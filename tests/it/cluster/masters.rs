//! `appmaster` against a Mesos that somebody else runs, with another framework beside it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::harness::{Cluster, Program, Start, binary, scratch};
use super::processes::{self, Part, Process};
use super::stop::{self, SOON};
use crate::ports::{free_ports, free_range};

#[tokio::test]
async fn two_appmasters_share_a_mesos_and_outlive_it() {
    let [port] = free_ports();
    let ports = free_range(8);
    let mut mesos = start_mesos(port, &ports).await;
    let clusters = [start_appmaster(port), start_appmaster(port)];
    for cluster in &clusters {
        cluster.until_slots(1, 1).await;
    }
    check_ports(&mesos, &clusters, &ports).await;
    let frameworks = clusters.each_ref().map(Cluster::framework_id);
    assert_ne!(frameworks[0], frameworks[1]);
    let jobmanagers = clusters.each_ref().map(|cluster| cluster.program.part(Part::JobManager));

    mesos.signal(Signal::SIGKILL);
    mesos.end().await;
    mesos.assert_nothing_left(SOON).await;
    for cluster in &clusters {
        cluster.program.until_log("disconnected from the master").await;
        assert_eq!(cluster.status().expect("an answer")["subscribed"], false);
    }
    let mut mesos = start_mesos(port, &ports).await;
    for cluster in &clusters {
        cluster
            .program
            .until("another task runs", async || cluster.running_numbers()?.contains(&2).then_some(()))
            .await;
        cluster.until_slots(1, 1).await;
    }
    assert_eq!(clusters.each_ref().map(|cluster| cluster.program.part(Part::JobManager)), jobmanagers);
    assert_eq!(clusters.each_ref().map(Cluster::framework_id), frameworks);

    let [first, second] = clusters;
    stop::by_teardown(first).await;
    stop::by_sigterm(second, 143).await;
    // The agents end what the frameworks left, in their own time.
    mesos
        .until("no TaskManager is left", async || mesos.parts(Part::TaskManager).is_empty().then_some(()))
        .await;
    mesos.signal(Signal::SIGTERM);
    assert_eq!(mesos.end().await.code(), Some(0), "{}", mesos.log_end());
    mesos.assert_nothing_left(stop::AT_ONCE).await;
}

pub async fn start_mesos(port: u16, ports: &RangeInclusive<u16>) -> Program {
    start_mesos_with(port, ports, &[]).await
}

pub async fn start_mesos_with(port: u16, ports: &RangeInclusive<u16>, variables: &[(&str, &str)]) -> Program {
    let scratch = scratch();
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (port_file, work_dir) = (path("port"), path("work"));
    let resources = format!("cpus:4;mem:8192;disk:8192;ports:[{}-{}]", ports.start(), ports.end());
    let port = port.to_string();
    let arguments = ["mesos", "--port", &port, "--port-file", &port_file];
    let more = ["--work-dir", &*work_dir, "--resources", &resources];
    let mut command = Command::new(binary());
    command.env_clear();
    let mesos = Program::start_with(scratch, command, variables, &[&arguments[..], &more[..]].concat());
    mesos.until("it listens", async || fs::read_to_string(&port_file).ok()).await;
    mesos
}

fn start_appmaster(port: u16) -> Cluster {
    Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[("mesos.master", &format!("127.0.0.1:{port}"))],
        ..Start::default()
    })
}

/// Each TaskManager listens where Mesos says it may, and Flink knows it there.
async fn check_ports(mesos: &Program, clusters: &[Cluster], offered: &RangeInclusive<u16>) {
    let given: BTreeSet<u16> = mesos
        .parts(Part::TaskManager)
        .iter()
        .flat_map(|taskmanager| {
            let configuration = configuration(*taskmanager);
            ["taskmanager.rpc.port: ", "taskmanager.data.port: "].map(|key| {
                configuration.lines().find_map(|line| line.strip_prefix(key)?.trim_matches('\'').parse().ok())
            })
        })
        .map(|port| port.expect("a port for each key"))
        .collect();
    assert_eq!(given.len(), 4, "{given:?}");
    assert!(given.iter().all(|port| offered.contains(port)), "{given:?} of {offered:?}");
    for cluster in clusters {
        let [taskmanager] = &cluster.flink.taskmanagers().await.expect("an answer")[..] else {
            panic!("one TaskManager expected")
        };
        let (_, address) = taskmanager.path.split_once('@').expect("an address");
        let (_, port) = address.split_once('/').and_then(|(host, _)| host.rsplit_once(':')).expect("a port");
        assert!(given.contains(&port.parse().expect("a number")), "{} of {given:?}", taskmanager.path);
    }
}

/// The effective one of a JVM.
fn configuration(jvm: Process) -> String {
    let argv = processes::argv(jvm);
    let directory =
        argv.iter().skip_while(|argument| *argument != "--configDir").nth(1).expect("a directory");
    fs::read_to_string(Path::new(directory).join("config.yaml")).expect("readable")
}
