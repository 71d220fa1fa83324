//! Tasks are real processes with a sandbox, an end and no survivors.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::embedded::{Embedded, processes_in, wait_for};
use super::scheduler::{Scheduler, framework_info, shell, task_info};

fn cluster() -> Embedded {
    Embedded::start(&["--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]"])
}

fn states(life: &[(String, String)]) -> Vec<&str> {
    life.iter().map(|(state, _)| state.as_str()).collect()
}

fn sandbox(cluster: &Embedded, scheduler: &Scheduler, agent: &str, task: &str) -> std::path::PathBuf {
    cluster.sandbox(agent, &scheduler.framework, task)
}

/// Waits until what a task prints is there.
fn printed(file: &Path, text: &str) {
    wait_for(text, || fs::read_to_string(file).ok().filter(|content| content.contains(text)));
}

#[test]
fn a_task_runs_in_its_sandbox_with_the_recorded_environment() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let mut command = shell("env; pwd >&2");
    command["environment"] = json!({ "variables": [{ "name": "FOO", "value": "bar baz" }] });
    scheduler.launch(&offer, "t", command);
    let life = scheduler.life("t");
    assert_eq!(states(&life), ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]);
    assert_eq!(life[2].1, "Command exited with status 0");

    let agent = offer["agent_id"]["value"].as_str().expect("an agent");
    let latest = sandbox(&cluster, &scheduler, agent, "t");
    let directory = fs::canonicalize(&latest).expect("the sandbox");
    let stderr = fs::read_to_string(latest.join("stderr")).expect("stderr");
    assert_eq!(stderr.trim(), directory.to_str().expect("UTF-8"));

    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mesos-traffic/sandbox-environment.txt");
    let names = |text: String| -> Vec<String> {
        let mut names: Vec<_> =
            text.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
        names.sort();
        names
    };
    let stdout = fs::read_to_string(latest.join("stdout")).expect("stdout");
    assert_eq!(names(stdout.clone()), names(fs::read_to_string(recorded).expect("the recording")));
    for line in ["FOO=bar baz", "MESOS_EXECUTOR_ID=t", "MESOS_CHECKPOINT=1", "MESOS_ALLOCATION_ROLE=flink"] {
        assert!(stdout.lines().any(|other| other == line), "{line} is missing in {stdout}");
    }
}

#[test]
fn ends_are_told_as_they_were() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    let program =
        |value: &str, arguments: &[&str]| json!({ "shell": false, "value": value, "arguments": arguments });
    let commands = [
        ("code", shell("exit 3"), "TASK_FAILED", "Command exited with status 3"),
        ("signal", shell("kill -KILL $$"), "TASK_FAILED", "Command terminated with signal Killed"),
        ("missing", program("/no/such/binary", &["x"]), "TASK_FAILED", "Command exited with status 1"),
        ("program", program("echo", &["other", "a b", "c"]), "TASK_FINISHED", "Command exited with status 0"),
        ("name", program("sh", &["shown", "-c", "echo $0"]), "TASK_FINISHED", "Command exited with status 0"),
    ];
    let tasks: Vec<_> =
        commands.iter().map(|(name, command, ..)| task_info(&offer, name, command.clone())).collect();
    scheduler.accept(&offer, &tasks);
    for (name, _, state, message) in &commands {
        let life = scheduler.life(name);
        assert_eq!(life.last(), Some(&((*state).to_owned(), (*message).to_owned())), "{name}");
    }
    let agent = offer["agent_id"]["value"].as_str().expect("an agent");
    let stdout = |task: &str| {
        fs::read_to_string(sandbox(&cluster, &scheduler, agent, task).join("stdout")).expect("stdout")
    };
    assert_eq!(stdout("program"), "a b c\n");
    assert_eq!(stdout("name"), "shown\n");
}

#[test]
fn a_kill_reaches_the_whole_tree_and_gives_grace() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    let offer = scheduler.offer();
    // The task and a child in a session of its own, both deaf to SIGTERM.
    let deaf = "trap '' TERM; setsid sh -c \"trap '' TERM; echo child; while :; do sleep 1; done\" & echo self; while :; do sleep 1; done";
    scheduler.launch(&offer, "deaf", shell(deaf));
    scheduler.wait_for_running("deaf");
    let agent = offer["agent_id"]["value"].as_str().expect("an agent");
    let stdout = sandbox(&cluster, &scheduler, agent, "deaf").join("stdout");
    printed(&stdout, "child");
    printed(&stdout, "self");
    let begin = Instant::now();
    let kill = |grace_ms: u64| {
        let nanoseconds = grace_ms * 1_000_000;
        let policy = json!({ "grace_period": { "nanoseconds": nanoseconds } });
        let body =
            json!({ "task_id": { "value": "deaf" }, "agent_id": offer["agent_id"], "kill_policy": policy });
        scheduler.accepted("KILL", &body);
    };
    kill(60_000);
    assert_eq!(scheduler.update("deaf")["state"], "TASK_KILLING");
    // A shorter grace shortens, a longer one does not lengthen.
    kill(1_000);
    kill(60_000);
    let status = scheduler.update("deaf");
    assert_eq!(status["state"], "TASK_KILLED");
    assert_eq!(status["message"], "Command terminated with signal Killed");
    assert!(begin.elapsed() >= Duration::from_secs(1), "killed before the grace was over");
    wait_for("no survivor", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
}

#[test]
fn no_process_outlives_a_killed_mesos() {
    let mut cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 1000.0);
    let offer = scheduler.offer();
    // One child is deaf to SIGTERM, one is an orphan of the task.
    let deaf = "setsid sh -c \"trap '' TERM; echo child; while :; do sleep 1; done\"";
    let command = format!("{deaf} & (sleep 1000 &) & echo self; sleep 1000");
    scheduler.launch(&offer, "t", shell(&command));
    scheduler.wait_for_running("t");
    let agent = offer["agent_id"]["value"].as_str().expect("an agent");
    let stdout = sandbox(&cluster, &scheduler, agent, "t").join("stdout");
    printed(&stdout, "child");
    printed(&stdout, "self");
    assert!(processes_in(&cluster.work_dir()).len() >= 4, "the task and its children run");
    cluster.kill_hard();
    wait_for("no survivor", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
}

#[test]
fn a_stopped_mesos_ends_its_tasks_with_grace() {
    let mut cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 1000.0);
    let offer = scheduler.offer();
    let command = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    scheduler.launch(&offer, "t", shell(command));
    scheduler.wait_for_running("t");
    let agent = offer["agent_id"]["value"].as_str().expect("an agent");
    let stdout = sandbox(&cluster, &scheduler, agent, "t").join("stdout");
    printed(&stdout, "up");
    assert_eq!(cluster.terminate(), Some(0));
    printed(&stdout, "bye");
    assert_eq!(processes_in(&cluster.work_dir()), Vec::<u32>::new());
}

#[test]
fn teardown_ends_the_stream_and_every_task_without_an_update() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 1000.0);
    let offer = scheduler.offer();
    let tasks = ["a", "b"].map(|name| task_info(&offer, name, shell("sleep 1000")));
    scheduler.accept(&offer, &tasks);
    scheduler.wait_for_running("a");
    scheduler.wait_for_running("b");
    scheduler.accepted("TEARDOWN", &json!({}));
    while let Some(event) = scheduler.events.next() {
        assert_ne!(event["type"], "UPDATE", "{event}");
    }
    wait_for("no survivor", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
    let refusal = Scheduler::again(cluster.address, &scheduler.framework, 0.0).err();
    assert_eq!(refusal.as_deref(), Some("Framework has been removed"));
}

#[test]
fn a_framework_that_stays_away_too_long_loses_its_tasks() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 1.0);
    let offer = scheduler.offer();
    scheduler.launch(&offer, "t", shell("sleep 1000"));
    scheduler.wait_for_running("t");
    let framework = scheduler.framework.clone();
    drop(scheduler);
    // Back in time: the task is still there.
    let scheduler = Scheduler::again(cluster.address, &framework, 0.0).expect("back in time");
    scheduler.accepted("RECONCILE", &json!({}));
    assert_eq!(scheduler.update("t")["state"], "TASK_RUNNING");
    drop(scheduler);
    wait_for("no survivor", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
    let refusal = Scheduler::again(cluster.address, &framework, 0.0).err();
    assert_eq!(refusal.as_deref(), Some("Framework has been removed"));
}

#[test]
fn a_duplicate_task_id_is_refused_and_the_first_task_lives() {
    let cluster = cluster();
    let scheduler = Scheduler::subscribe(cluster.address, 0.0);
    scheduler.launch(&scheduler.offer(), "t", shell("sleep 1000"));
    scheduler.wait_for_running("t");
    scheduler.launch(&scheduler.offer(), "t", shell("sleep 1000"));
    let refused = scheduler.update("t");
    assert_eq!(refused["state"], "TASK_ERROR");
    assert_eq!(refused["message"], "Task has duplicate ID: t");
    assert!(refused["uuid"].is_null());
    scheduler.accepted("RECONCILE", &json!({ "tasks": [{ "task_id": { "value": "t" } }] }));
    assert_eq!(scheduler.update("t")["state"], "TASK_RUNNING");
}

#[test]
fn what_cannot_be_run_says_so() {
    let cluster = cluster();
    let scheduler = Scheduler::with_info(cluster.address, &framework_info(0.0)).expect("subscribed");
    let offer = scheduler.offer();
    let with_container = |task: &str, container: Value| {
        let mut info = task_info(&offer, task, shell("true"));
        info["container"] = container;
        info
    };
    let image =
        json!({ "type": "MESOS", "mesos": { "image": { "type": "DOCKER", "docker": { "name": "x" } } } });
    let docker = json!({ "type": "DOCKER", "docker": { "image": "x" } });
    let network = json!({ "type": "MESOS", "network_infos": [{ "name": "cni" }] });
    let tasks = [
        with_container("image", image),
        with_container("docker", docker),
        with_container("network", network),
        with_container("plain", json!({ "type": "MESOS" })),
    ];
    scheduler.accept(&offer, &tasks);
    // Without anything that would need isolation it is a task like any other.
    assert_eq!(scheduler.life("plain").last().expect("an end").0, "TASK_FINISHED");
    for (task, part) in [("image", "'mesos.image'"), ("docker", "'docker'"), ("network", "'network_infos'")] {
        let status = scheduler.update(task);
        assert_eq!(status["state"], "TASK_FAILED");
        assert_eq!(status["reason"], "REASON_CONTAINER_LAUNCH_FAILED");
        let message = status["message"].as_str().expect("a message");
        assert!(message.starts_with("Failed to launch container: ") && message.contains(part), "{message}");
    }
}
