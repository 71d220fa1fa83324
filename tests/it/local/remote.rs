//! Agents in processes of their own, on loopback addresses of their own, as on other hosts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::client::{self, fault};
use super::embedded::{Embedded, processes_in, wait_for};
use super::scheduler::{Scheduler, shell};

/// An agent counts as unreachable after 75 s, of which this makes less than 4.
const FAST: &str = "--time-scale=20";

const RESOURCES: &str = "--resources=cpus:4;mem:1024;disk:1024;ports:[31000-31009]";

fn master() -> Embedded {
    Embedded::start(&["--agents=0", FAST])
}

/// The agent on 127.0.0.`host`.
fn agent(master: &Embedded, host: u8) -> Embedded {
    agent_on(master, SocketAddr::from(([127, 0, 0, host], 0)))
}

fn agent_on(master: &Embedded, address: SocketAddr) -> Embedded {
    let rack = format!("--attributes=rack:r{}", address.port());
    let at = master.address.to_string();
    Embedded::start_on(address, &["--agent", "--master", &at, RESOURCES, &rack])
}

fn get(address: SocketAddr, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = client::call(address, request.as_bytes());
    assert_eq!(answer.status, "200 OK", "{path}: {}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// The id under which the master knows the agent.
fn id_of(master: &Embedded, agent: &Embedded) -> String {
    let pid = format!("slave(1)@{}", agent.address);
    wait_for("the agent's registration", || {
        let slaves = get(master.address, "/slaves")["slaves"].take();
        let slave = slaves.as_array()?.iter().find(|slave| slave["pid"] == pid.as_str())?.clone();
        Some(slave["id"].as_str()?.to_owned())
    })
}

/// An offer of this agent; those that come along are declined, and come again.
fn offer_of(scheduler: &Scheduler, id: &str) -> Value {
    let is_meant = |offer: &Value| offer["agent_id"]["value"] == id;
    let list = |event: &Value| event["offers"]["offers"].as_array().cloned().unwrap_or_default();
    let event = scheduler.wait(|event| list(event).iter().any(is_meant));
    let (mut meant, others): (Vec<_>, Vec<_>) = list(&event).into_iter().partition(is_meant);
    for offer in others {
        let filters = json!({ "refuse_seconds": 0.0 });
        scheduler.accepted("DECLINE", &json!({ "offer_ids": [offer["id"]], "filters": filters }));
    }
    meant.remove(0)
}

/// One task on an agent, which runs until it is killed; answers the agent's id.
fn run(scheduler: &Scheduler, master: &Embedded, agent: &Embedded, task: &str) -> String {
    let id = id_of(master, agent);
    scheduler.launch(&offer_of(scheduler, &id), task, shell("exec sleep 300"));
    scheduler.wait_for_running(task);
    id
}

fn reconciled(scheduler: &Scheduler, task: &str) -> Value {
    scheduler.accepted("RECONCILE", &json!({ "tasks": [{ "task_id": { "value": task } }] }));
    scheduler.update(task)
}

fn state_and_reason(status: &Value) -> (&str, &str) {
    (status["state"].as_str().unwrap_or_default(), status["reason"].as_str().unwrap_or_default())
}

#[test]
fn tasks_run_on_agents_elsewhere() {
    let master = master();
    let agents = [agent(&master, 2), agent(&master, 3)];
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    for (agent, task) in agents.iter().zip(["one", "two"]) {
        let ip = agent.address.ip().to_string();
        let id = id_of(&master, agent);
        let offer = offer_of(&scheduler, &id);
        let shown = (&offer["hostname"], &offer["url"]["address"]["ip"]);
        assert_eq!(shown, (&json!(ip), &json!(ip)));
        scheduler.launch(&offer, task, shell("echo $LIBPROCESS_IP; exec sleep 300"));
        let status = scheduler.wait_for_running(task);
        let address = &status["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"];
        assert_eq!(*address, ip.as_str());

        let stdout = agent.sandbox(&id, &scheduler.framework, task).join("stdout");
        wait_for("its output", || (fs::read_to_string(&stdout).ok()? == format!("{ip}\n")).then_some(()));
        let shown = get(agent.address, &format!("/files/read?path={}&offset=0", stdout.display()));
        assert_eq!(shown["data"], format!("{ip}\n"));
    }
    let slaves = get(master.address, "/slaves");
    let hostnames: Vec<_> =
        slaves["slaves"].as_array().into_iter().flatten().map(|slave| &slave["hostname"]).collect();
    assert_eq!(hostnames, ["127.0.0.2", "127.0.0.3"]);

    scheduler.accepted("KILL", &json!({ "task_id": { "value": "one" } }));
    assert_eq!(scheduler.life("one").last().map(|(state, _)| state.as_str()), Some("TASK_KILLED"));
    scheduler.accepted("TEARDOWN", &Value::Null);
    wait_for("the end of all tasks", || {
        agents.iter().all(|agent| processes_in(&agent.work_dir()).is_empty()).then_some(())
    });
}

#[test]
fn what_is_outside_the_sandboxes_is_not_shown() {
    let master = master();
    let agent = agent(&master, 2);
    let link = agent.work_dir().join("link");
    std::os::unix::fs::symlink("/etc", &link).expect("a link");
    let dots = agent.work_dir().join("../port");
    for path in ["/etc/passwd", &link.join("passwd").to_string_lossy(), &dots.to_string_lossy()] {
        let request = format!("GET /files/read?path={path}&offset=0 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client::call(agent.address, request.as_bytes()).status, "404 Not Found", "{path}");
    }
}

#[test]
fn an_agent_that_was_killed_is_unreachable_and_comes_back_as_another() {
    let master = master();
    let mut agent = agent(&master, 2);
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    let id = run(&scheduler, &master, &agent, "t");
    agent.kill_hard();
    wait_for("the end of its task", || processes_in(&agent.work_dir()).is_empty().then_some(()));
    assert_eq!(state_and_reason(&scheduler.update("t")), ("TASK_UNREACHABLE", "REASON_AGENT_REMOVED"));
    let agent = agent_on(&master, agent.address);
    assert_ne!(run(&scheduler, &master, &agent, "u"), id);
}

#[test]
fn an_agent_that_is_replaced_at_once_loses_its_tasks_at_once() {
    let master = Embedded::start(&["--agents=0"]);
    let mut agent = agent(&master, 2);
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    run(&scheduler, &master, &agent, "t");
    agent.kill_hard();
    let _agent = agent_on(&master, agent.address);
    assert_eq!(state_and_reason(&scheduler.update("t")), ("TASK_LOST", "REASON_AGENT_REMOVED"));
}

#[test]
fn an_agent_that_was_cut_off_is_noticed_and_comes_back_with_its_tasks() {
    let master = master();
    let agent = agent(&master, 2);
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    let id = run(&scheduler, &master, &agent, "t");
    agent.signal(Signal::SIGSTOP);
    assert_eq!(state_and_reason(&scheduler.update("t")), ("TASK_UNREACHABLE", "REASON_AGENT_REMOVED"));
    agent.signal(Signal::SIGCONT);
    let status = scheduler.update("t");
    assert_eq!(state_and_reason(&status), ("TASK_RUNNING", "REASON_AGENT_REREGISTERED"));
    assert_eq!(status["agent_id"]["value"], id.as_str());
}

#[test]
fn a_master_that_falls_silent_is_given_up_and_found_again() {
    let master = master();
    let agent = agent(&master, 2);
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    run(&scheduler, &master, &agent, "t");
    let sockets = || {
        let all = fs::read_dir(format!("/proc/{}/fd", agent.pid())).expect("descriptors").flatten();
        let targets = all.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).collect::<Vec<_>>()
    };
    let before = sockets();
    master.signal(Signal::SIGSTOP);
    wait_for("another connection", || (sockets() != before).then_some(()));
    master.signal(Signal::SIGCONT);
    assert_eq!(reconciled(&scheduler, "t")["state"], "TASK_RUNNING");
    // Until the agent is back the master does not reach it, and what was acknowledged last may have got lost.
    wait_for("its end", || {
        scheduler.accepted("KILL", &json!({ "task_id": { "value": "t" } }));
        let events = scheduler.events.take_ready();
        let updates = events.iter().map(|event| &event["update"]["status"]);
        let updates: Vec<_> = updates.filter(|status| !status.is_null()).collect();
        updates.iter().for_each(|status| scheduler.acknowledge(status));
        updates.iter().any(|status| status["state"] == "TASK_KILLED").then_some(())
    });
}

#[test]
fn agents_register_with_a_master_that_was_started_again() {
    let mut first = master();
    let agents = [agent(&first, 2), agent(&first, 3)];
    let scheduler = Scheduler::subscribe(first.address, 1e6);
    let ids = [run(&scheduler, &first, &agents[0], "one"), run(&scheduler, &first, &agents[1], "two")];
    let framework = scheduler.framework.clone();
    first.kill_hard();
    let second = Embedded::start_on(first.address, &["--agents=0", FAST]);
    wait_for("both agents", || {
        let slaves = get(second.address, "/slaves");
        (slaves["slaves"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let scheduler = Scheduler::again(second.address, &framework, 1e6).expect("subscribed");
    for (task, id) in ["one", "two"].iter().zip(&ids) {
        let status = reconciled(&scheduler, task);
        assert_eq!((&status["state"], &status["agent_id"]["value"]), (&json!("TASK_RUNNING"), &json!(id)));
        scheduler.accepted("KILL", &json!({ "task_id": { "value": task } }));
        assert_eq!(scheduler.life(task).last().map(|(state, _)| state.as_str()), Some("TASK_KILLED"));
    }
}

#[test]
fn an_agent_that_is_stopped_or_sent_away_ends_with_its_tasks() {
    let master = master();
    let mut agents = [agent(&master, 2), agent(&master, 3)];
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    for (agent, task) in agents.iter().zip(["one", "two"]) {
        run(&scheduler, &master, agent, task);
    }
    assert_eq!(agents[0].terminate(), Some(0));
    assert_eq!(state_and_reason(&scheduler.update("one")), ("TASK_LOST", "REASON_AGENT_REMOVED"));
    let gone = get(master.address, "/slaves")["slaves"][0]["id"].clone();
    let call = json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": { "agent_id": { "value": gone } } });
    assert_eq!(client::post(master.address, "/api/v1", &call).status, "200 OK");
    let status = scheduler.update("two");
    assert_eq!(state_and_reason(&status), ("TASK_GONE_BY_OPERATOR", "REASON_AGENT_REMOVED_BY_OPERATOR"));
    assert_eq!(agents[1].end(), Some(0));
    assert!(agents.iter().all(|agent| processes_in(&agent.work_dir()).is_empty()));
}

#[test]
fn faults_reach_agents_elsewhere() {
    let master = master();
    let mut agent = agent(&master, 2);
    let scheduler = Scheduler::subscribe(master.address, 1e6);
    let end = json!({ "state": "TASK_FAILED", "reason": "REASON_CONTAINER_LIMITATION_MEMORY" });
    fault(master.address, "fail-launches", &json!({ "end": end }));
    scheduler.launch(&offer_of(&scheduler, &id_of(&master, &agent)), "u", shell("true"));
    let status = scheduler.update("u");
    assert_eq!(state_and_reason(&status), ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY"));

    run(&scheduler, &master, &agent, "t");
    fault(master.address, "partition-agent", &json!({ "agent": "S0" }));
    assert_eq!(scheduler.update("t")["state"], "TASK_UNREACHABLE");
    fault(master.address, "connect-agent", &json!({ "agent": "S0" }));
    let status = scheduler.update("t");
    assert_eq!(state_and_reason(&status), ("TASK_RUNNING", "REASON_AGENT_REREGISTERED"));
    fault(master.address, "disconnect-agent", &json!({ "agent": "S0", "for_ms": 1000 }));
    wait_for("the agent", || (get(master.address, "/slaves")["slaves"][0]["active"] == true).then_some(()));
    fault(master.address, "end-task", &json!({ "task": { "value": "t" }, "end": end }));
    let status = scheduler.update("t");
    assert_eq!(state_and_reason(&status), ("TASK_FAILED", "REASON_CONTAINER_LIMITATION_MEMORY"));
    let answer = client::post(master.address, "/mini/replace-agent", &json!({ "agent": "S0" }));
    assert_eq!(answer.status, "400 Bad Request");
    fault(master.address, "unregister-agent", &json!({ "agent": "S0" }));
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn what_is_no_master_for_an_agent_is_named() {
    for (answer, named) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers an agent with 404 Not Found"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: flink-on-mesos-agent/999\r\nContent-Length: 0\r\n\r\n",
            "speaks flink-on-mesos-agent/999 with its agents, and this agent flink-on-mesos-agent/1",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        let stranger = thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("the agent");
            let _ = socket.read(&mut [0; 4096]).expect("its request");
            socket.write_all(answer.as_bytes()).expect("the answer");
        });
        let output = join(&at);
        stranger.join().expect("no panic");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(69) && text.contains(named), "{text}");
    }
}

/// An agent that is to fail.
fn join(master: &SocketAddr) -> Output {
    let directory = tempfile::TempDir::new().expect("a directory");
    Command::new(env!("CARGO_BIN_EXE_flink-on-mesos"))
        .args(["mesos", "--agent", "--port=0", "--master", &master.to_string(), "--work-dir"])
        .arg(directory.path())
        .stdin(Stdio::null())
        .output()
        .expect("the agent's end")
}

#[test]
fn another_version_of_the_link_is_refused() {
    let master = master();
    for upgrade in ["flink-on-mesos-agent/0", "websocket"] {
        let request = format!(
            "POST /mini/agent HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: {upgrade}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let answer = client::call(master.address, request.as_bytes());
        assert_eq!(answer.status, "426 Upgrade Required");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(text, "agents upgrade to flink-on-mesos-agent/1 here");
    }
}
