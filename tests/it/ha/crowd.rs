//! A thousand TaskManagers that are started at once, and all ask for their configuration at the same moment. Their tasks only
//! hold their tokens: the test asks in their place, so that no two of them ask one after the other.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use base::descriptors;
use serde_json::Value;
use tempfile::TempDir;

use super::ensemble::Ensemble;
use crate::cluster::harness::{Program, binary, scratch};
use crate::cluster::processes;
use crate::cluster::stand_in;
use crate::ports::free_ports;

const TASKMANAGERS: usize = 1_000;
const AGENTS: &str = "5";
/// Of each agent, but for the ports, which all share: two for each TaskManager, and nobody binds them.
const RESOURCES: &str = "cpus:250;mem:400000;disk:400000;ports:[20000-22499]";
const SESSION: Duration = Duration::from_secs(20);
/// Who is told that there is no answer yet asks again for so long.
const MAX_REDEEMED: Duration = Duration::from_secs(60);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const ASK_AGAIN: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_thousand_taskmanagers_redeem_their_tokens_at_once() {
    descriptors::raise();
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let ensemble = Ensemble::start().await;
    let root = tempfile::Builder::new().prefix("crowd-").tempdir().expect("a directory");
    stand_in::lay_out(root.path());
    let [mesos_port, status, artifacts] = free_ports();
    let mesos = start_mesos(mesos_port).await;
    let appmaster = start_appmaster(&root, &ensemble, mesos_port, status, artifacts);
    let tasks = appmaster.until("all run", async || running(status).await).await;
    let tokens = tokens(&mesos);
    assert_eq!((tasks, tokens.len()), (TASKMANAGERS, TASKMANAGERS));

    let begin = Instant::now();
    let server = SocketAddr::from(([127, 0, 0, 1], artifacts));
    let (mut left, mut answers) = (tokens.clone(), BTreeMap::new());
    while !left.is_empty() {
        for (task, code) in ask_at_once(server, &left) {
            *answers.entry(code).or_insert(0) += 1;
            match code {
                200 => drop(left.remove(&task)),
                503 => {}
                other => panic!("{task}: {other} after {answers:?}\n{}", appmaster.log_end()),
            }
        }
        assert!(begin.elapsed() < MAX_REDEEMED, "{} are left: {answers:?}", left.len());
        if !left.is_empty() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
    println!("{TASKMANAGERS} tokens were redeemed in {:?}: {answers:?}", begin.elapsed());
    let again = ask_at_once(server, &tokens.into_iter().take(3).collect());
    assert!(again.iter().all(|(_, code)| *code == 403), "each works once: {again:?}");
}

/// How many run, once all do.
async fn running(status: u16) -> Option<usize> {
    let url = format!("http://127.0.0.1:{status}/v1/status");
    let status: Value = reqwest::get(url).await.ok()?.json().await.ok()?;
    let tasks = status["tasks"].as_array()?.iter();
    let running = tasks.filter(|task| task["state"] == "TASK_RUNNING").count();
    (running >= TASKMANAGERS).then_some(running)
}

/// By task id.
fn tokens(mesos: &Program) -> BTreeMap<String, String> {
    let value = |variables: &[String], name: &str| {
        variables.iter().find_map(|text| text.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let all = mesos.everything().into_iter().filter_map(|process| {
        let variables = processes::environment(process);
        Some((value(&variables, "MESOS_EXECUTOR_ID")?, value(&variables, "FLINK_ON_MESOS_TOKEN")?))
    });
    all.collect()
}

/// The status of each answer. All are connected before the first asks, and all have asked before the first answer is read.
fn ask_at_once(server: SocketAddr, tokens: &BTreeMap<String, String>) -> Vec<(String, u16)> {
    let connect = || TcpStream::connect(server).expect("it listens");
    let mut asking: Vec<_> = tokens.iter().map(|(task, token)| (task, token, connect())).collect();
    for (task, token, stream) in &mut asking {
        let head = format!(
            "GET /tasks/{task}/configuration HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
    }
    let answer = |(task, _, mut stream): (&String, &String, TcpStream)| {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("a timeout");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (task.clone(), code)
    };
    asking.into_iter().map(answer).collect()
}

async fn start_mesos(port: u16) -> Program {
    let scratch = scratch();
    let path = |name: &str| scratch.path().join(name).to_str().expect("UTF-8").to_owned();
    let (port_file, work_dir, port) = (path("port"), path("work"), port.to_string());
    let arguments = ["mesos", "--port", &port, "--port-file", &port_file, "--agents", AGENTS];
    let more = ["--work-dir", &*work_dir, "--resources", RESOURCES];
    let mut command = Command::new(binary());
    command.env_clear();
    let mesos = Program::start_with(scratch, command, &[], &[&arguments[..], &more[..]].concat());
    mesos.until("it listens", async || fs::read_to_string(&port_file).ok()).await;
    mesos
}

fn start_appmaster(root: &TempDir, ensemble: &Ensemble, mesos: u16, status: u16, artifacts: u16) -> Program {
    let [rest, rpc] = free_ports();
    let root = root.path();
    let properties = [
        ("mesos.master", format!("127.0.0.1:{mesos}")),
        ("mesos.status.port", status.to_string()),
        ("mesos.resourcemanager.artifactserver.port", artifacts.to_string()),
        ("mesos.resourcemanager.tasks.delivery", "none".to_owned()),
        ("mesos.resourcemanager.tasks.bootstrap-cmd", "exec sleep 100000".to_owned()),
        ("rest.port", rest.to_string()),
        ("jobmanager.rpc.port", rpc.to_string()),
        ("blob.server.port", "0".to_owned()),
        ("high-availability", "zookeeper".to_owned()),
        ("high-availability.zookeeper.quorum", ensemble.quorum()),
        ("high-availability.zookeeper.client.session-timeout", SESSION.as_millis().to_string()),
        ("high-availability.storageDir", format!("file://{}/storage", root.display())),
        ("high-availability.cluster-id", "/crowd".to_owned()),
        ("env.java.opts.all", stand_in::java_options(root, 0, 1_000_000)),
    ];
    let mut arguments = vec!["appmaster".to_owned()];
    for (key, value) in properties {
        arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let target = TASKMANAGERS.to_string();
    let variables = [("_CLIENT_TM_COUNT", &*target), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")];
    let scratch = scratch();
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("FLINK_HOME", root.join("flink"))
        .env("FLINK_CONF_DIR", root.join("conf"))
        .env("JAVA_HOME", root.join("java"))
        .env("FLINK_ON_MESOS_SOCKET", scratch.path().join("socket"));
    Program::start_with(scratch, command, &variables, &arguments)
}
