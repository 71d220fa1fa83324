//! What is not ours is told: a framework of the same name that a killed AppMaster has left, and a TaskManager that nobody
//! of ours has launched.

use std::process::Command;

use nix::unistd::gethostname;

use super::harness::{Cluster, FLINK, Program, Start, binary, scratch};
use super::masters::start_mesos;
use super::stop;
use crate::flink::home::flink_home;
use crate::ports::{free_ports, free_range};

const STRANGER: &str = "stranger";

#[tokio::test]
async fn frameworks_and_taskmanagers_that_are_not_ours_are_told() {
    let [mesos_port, rest, rpc, first_port, second_port] = free_ports();
    let mesos = start_mesos(mesos_port, &free_range(8)).await;
    let start = |artifact_port: u16| {
        Cluster::start(&Start {
            command: &["appmaster"],
            variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
            properties: &[
                ("mesos.master", &format!("127.0.0.1:{mesos_port}")),
                // At its own AppMaster's address another would tell the TaskManager that it is nobody's, and it would end.
                ("mesos.resourcemanager.artifactserver.port", &artifact_port.to_string()),
                ("heartbeat.interval", "1000"),
                ("heartbeat.timeout", "6000"),
                // As long as the test may take.
                ("mesos.failover-timeout", "600"),
            ],
            ports: Some([rest, rpc]),
            ..Start::default()
        })
    };
    let mut first = start(first_port);
    first.until_slots(1, 1).await;
    let old = first.framework_id();
    first.program.kill().await;

    let second = start(second_port);
    let namesake = second
        .program
        .until("the dead one's framework is told", async || {
            let frameworks = second.status()?["neighbours"]["frameworks"].take();
            frameworks.as_array()?.first().cloned()
        })
        .await;
    assert_eq!(namesake["framework_id"], *old);
    assert_eq!((&namesake["connected"], &namesake["active"]), (&false.into(), &false.into()));
    assert!(namesake["mem"].as_f64() >= Some(1024.0), "{namesake}");
    let text = format!("framework {old} of the same name (disconnected, scheduler on ");
    assert!(second.program.log().contains(&text), "{}", second.program.log_end());
    for command in ["status", "explain"] {
        let output = second.command(&[command]);
        assert!(String::from_utf8_lossy(&output.stdout).contains(&text), "{command}: {output:?}");
    }
    // As the line says, but for curl itself.
    let [.., url] = namesake["teardown"].as_str().expect("a text").split(' ').collect::<Vec<_>>()[..] else {
        panic!("{namesake}")
    };
    let body = format!("frameworkId={old}");
    let ended = reqwest::Client::new().post(url).body(body).send().await.expect("an answer");
    assert!(ended.status().is_success(), "{ended:?}");
    second.program.until_log("no other framework of the same name holds resources").await;

    let stranger = start_stranger(rpc).await;
    let told = async || {
        let status = second.status()?;
        let [only] = &status["neighbours"]["taskmanagers"].as_array()?[..] else { return None };
        (only["resource_id"] == STRANGER && only["hostname"] == "127.0.0.1").then_some(())
    };
    second.program.until("the stranger is told", told).await;
    let line = "TaskManagers that are not tasks of this framework have registered with its JobManager: ";
    assert!(second.program.log().contains(&format!("{line}{STRANGER} on 127.0.0.1")));
    drop(stranger);
    second.program.until_log("all TaskManagers that have registered with the JobManager are tasks of").await;
    assert_eq!(second.program.log().matches(line).count(), 1, "{}", second.program.log_end());
    stop::by_teardown(second).await;
    drop(mesos);
}

/// A TaskManager of Flink's that looks for a JobManager at this port.
async fn start_stranger(rpc: u16) -> Program {
    let scratch = scratch();
    let conf = scratch.path().join("conf");
    super::harness::write_conf(&conf, FLINK);
    let properties = [
        "mesos.master=127.0.0.1:1".to_owned(),
        // The JobManager takes messages for its own name alone.
        format!("jobmanager.rpc.address={}", gethostname().expect("a name").display()),
        format!("jobmanager.rpc.port={rpc}"),
        format!("taskmanager.resource-id={STRANGER}"),
        "taskmanager.host=127.0.0.1".to_owned(),
        "taskmanager.memory.process.size=1g".to_owned(),
        "heartbeat.interval=1000".to_owned(),
    ];
    let output = Command::new(binary())
        .envs([("FLINK_HOME", flink_home(FLINK)), ("FLINK_CONF_DIR", conf)])
        .args(["config", "--command", "taskmanager"])
        .args(properties.iter().flat_map(|property| ["-D", property]))
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    let words: Vec<_> = words.lines().collect();
    let dynamic: Vec<_> = properties.iter().flat_map(|property| ["-D", property]).collect();
    let mut java = Command::new(words[0]);
    java.env_clear();
    Program::start_with(scratch, java, &[], &[&words[1..], &dynamic[..]].concat())
}
