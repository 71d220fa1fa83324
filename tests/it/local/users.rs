//! Whom tasks run as. Most of it only root can see.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::embedded::{Embedded, processes_in};
use super::scheduler::{Scheduler, framework_info, shell, task_info};
use crate::cluster::harness::{FLINK, binary, write_conf};
use crate::flink::home::flink_home;
use crate::skips::{Missing, skip};

const NOBODY: u32 = 65534;
/// Of no user of this machine.
const STRANGER: u32 = 12345;

const RESOURCES: &str = "--resources=cpus:4;mem:4096;disk:1024;ports:[31000-31009]";

/// Of a framework and of its task's command.
type Change<'a> = &'a dyn Fn(&mut Value, &mut Value);

/// The update that says how the only task of a framework with this user ended, or that it runs.
fn outcome(cluster: &Embedded, change: impl FnOnce(&mut Value, &mut Value)) -> (Value, Scheduler) {
    let (mut info, mut command) = (framework_info(0.0), shell("id -u; ls -ln; sleep 1000"));
    change(&mut info, &mut command);
    let container = command.as_object_mut().and_then(|command| command.remove("container"));
    let scheduler = Scheduler::with_info(cluster.address, &info).expect("subscribed");
    let offer = scheduler.offer();
    let mut task = task_info(&offer, "t", command);
    if let Some(container) = container {
        task["container"] = container;
    }
    scheduler.accept(&offer, &[task]);
    loop {
        let status = scheduler.update("t");
        if status["state"] != "TASK_STARTING" {
            return (status, scheduler);
        }
    }
}

#[test]
fn a_user_whom_the_agent_does_not_have_is_refused_in_mesos_words() {
    let cluster = Embedded::start(&[RESOURCES]);
    let docker = json!({ "type": "DOCKER", "docker": { "image": "flink" } });
    let of_framework = |info: &mut Value, _: &mut Value| info["user"] = json!("9999");
    let of_command = |_: &mut Value, command: &mut Value| command["user"] = json!("9999");
    // Before anybody asks what kind of container it is.
    let in_docker = |info: &mut Value, command: &mut Value| {
        info["user"] = json!("9999");
        command["container"] = docker.clone();
    };
    let changes: [Change<'_>; 3] = [&of_framework, &of_command, &in_docker];
    for change in changes {
        let (status, _) = outcome(&cluster, change);
        assert_eq!(status["state"], "TASK_DROPPED", "{status}");
        assert_eq!(status["reason"], "REASON_EXECUTOR_TERMINATED");
        assert_eq!(status["source"], "SOURCE_AGENT");
        let message = status["message"].as_str().expect("a message");
        assert!(message.starts_with("Failed to create executor directory '/"), "{message}");
        assert!(
            message.ends_with("': Failed to chown directory to '9999': No such user '9999'"),
            "{message}"
        );
        let directory = message.split('\'').nth(1).expect("the directory");
        assert!(!Path::new(directory).exists(), "{directory} was left");
    }
    let (status, _) = outcome(&cluster, |info, _| {
        info["user"] = json!("9999");
        info["capabilities"] = json!([{ "type": "MULTI_ROLE" }]);
    });
    assert_eq!(status["state"], "TASK_LOST", "to whom cannot tell the states apart");
}

#[test]
fn a_task_is_its_user_and_so_is_its_sandbox() {
    if !geteuid().is_root() {
        return skip(Missing::OfMachine, "this is not root");
    }
    let cluster = Embedded::start(&[RESOURCES]);
    // A task reaches its sandbox by its whole path.
    let parent = cluster.work_dir().parent().expect("a parent").to_owned();
    fs::set_permissions(&parent, PermissionsExt::from_mode(0o755)).expect("readable by all");
    let fetched = parent.join("fetched");
    fs::write(&fetched, "x").expect("written");
    let (status, scheduler) = outcome(&cluster, |_, command| {
        *command =
            shell("id -u; id -g; id -G; cat fetched; cat $MESOS_SANDBOX/fetched; touch mine; sleep 1000");
        command["user"] = json!("nobody");
        command["uris"] = json!([{ "value": fetched.to_str().expect("UTF-8") }]);
    });
    assert_eq!(status["state"], "TASK_RUNNING", "{status}");
    let agent = status["agent_id"]["value"].as_str().expect("an agent");
    let sandbox = cluster.sandbox(agent, &scheduler.framework, "t");
    let stdout = super::embedded::wait_for("its output", || {
        let text = fs::read_to_string(sandbox.join("stdout")).ok()?;
        sandbox.join("mine").exists().then_some(text)
    });
    let ids: Vec<_> = stdout.lines().take(3).collect();
    let group = ids[1];
    let nobody = NOBODY.to_string();
    assert_eq!(ids, [nobody.as_str(), group, group]);
    assert_ne!(group, "0");
    assert!(stdout.ends_with("xx"), "{stdout}");
    for name in ["", "stdout", "stderr", "fetched", "mine"] {
        let uid = fs::metadata(sandbox.join(name)).expect("there").uid();
        assert_eq!(uid, NOBODY, "{name} of the sandbox");
    }
    assert_eq!(fs::metadata(sandbox.join("")).expect("there").mode() & 0o7777, 0o750);
    // Its init is nobody too, and root ends it all the same.
    scheduler.accepted("KILL", &json!({ "task_id": { "value": "t" }, "agent_id": status["agent_id"] }));
    assert_eq!(scheduler.life("t").last().expect("an end").0, "TASK_KILLED");
    super::embedded::wait_for("its end", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
}

#[test]
fn an_agent_that_is_not_root_has_its_own_user_alone() {
    if !geteuid().is_root() {
        return skip(Missing::OfMachine, "this is not root");
    }
    let as_stranger = |command: &mut Command| {
        command.uid(STRANGER).gid(STRANGER);
    };
    let cluster = Embedded::start_as(as_stranger, &[RESOURCES]);
    let (status, _) = outcome(&cluster, |_, _| ());
    assert_eq!(status["state"], "TASK_DROPPED", "{status}");
    let message = status["message"].as_str().expect("a message");
    assert!(
        message.ends_with("': Failed to chown directory to 'root': Operation not permitted"),
        "{message}"
    );
    // By its own name it works; `nobody` has one.
    let as_nobody = |command: &mut Command| {
        command.uid(NOBODY).gid(NOBODY);
    };
    let cluster = Embedded::start_as(as_nobody, &[RESOURCES]);
    let (status, _) = outcome(&cluster, |info, _| info["user"] = json!("nobody"));
    assert_eq!(status["state"], "TASK_RUNNING", "{status}");
    // And whoever is told not to switch runs all as itself, whatever they ask for.
    let cluster = Embedded::start_as(as_stranger, &[RESOURCES, "--no-switch_user"]);
    let (status, scheduler) = outcome(&cluster, |info, _| info["user"] = json!("9999"));
    assert_eq!(status["state"], "TASK_RUNNING", "{status}");
    let agent = status["agent_id"]["value"].as_str().expect("an agent");
    let sandbox = cluster.sandbox(agent, &scheduler.framework, "t");
    assert_eq!(fs::metadata(sandbox.join("stdout")).expect("there").uid(), STRANGER);
}

/// What `config` says of the framework's user, for an AppMaster of this uid where /etc/passwd is `passwd`.
fn chosen(uid: u32, passwd: &str, variables: &[(&str, &str)]) -> String {
    let scratch = tempfile::tempdir().expect("a directory");
    fs::set_permissions(scratch.path(), PermissionsExt::from_mode(0o755)).expect("readable by all");
    fs::write(scratch.path().join("passwd"), passwd).expect("written");
    write_conf(&scratch.path().join("conf"), FLINK);
    // Others may not reach either where it is.
    fs::copy(binary(), scratch.path().join("flink-on-mesos")).expect("a copy");
    let script = format!(
        "mount --bind '{home}' /mnt && cd '{scratch}' && mount --bind passwd /etc/passwd && \
         exec setpriv --reuid {uid} --regid {uid} --clear-groups ./flink-on-mesos config",
        home = flink_home(FLINK).display(),
        scratch = scratch.path().display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("FLINK_HOME", "/mnt")
        .env("FLINK_CONF_DIR", scratch.path().join("conf"))
        .envs(variables.iter().copied())
        .output()
        .expect("unshare");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("mesos.resourcemanager.framework.user: "));
    line.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

#[test]
fn an_image_of_any_user_asks_agents_for_one_whom_they_have() {
    if !geteuid().is_root() {
        return skip(Missing::OfMachine, "this is not root");
    }
    let image =
        "root:x:0:0:root:/root:/nonexistent\nflink:x:9999:9999:Apache Flink:/opt/flink:/nonexistent\n";
    let in_container = [("container", "docker")];
    // What shows it first is another thing in each container.
    for user in [9999, STRANGER] {
        let chosen = chosen(user, image, &in_container);
        assert!(chosen.starts_with("root  # rewritten: the AppMaster runs in a container ("), "{chosen}");
        assert!(chosen.ends_with("), and agents do not have the users of that container"), "{chosen}");
    }
    if Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists() {
        return skip(Missing::OfMachine, "a user outside containers, as this is one");
    }
    assert_eq!(chosen(9999, image, &[]), "flink  # rewritten: it is the AppMaster's own user");
    assert_eq!(
        chosen(STRANGER, image, &[("USER", "12345")]),
        "root  # rewritten: the AppMaster's own user has no name, only the number 12345"
    );
    assert_eq!(
        chosen(STRANGER, image, &[("USER", "ann")]),
        "ann  # rewritten: it is the AppMaster's own user"
    );
}
