//! A TaskManager that ignores SIGTERM: its init kills it, and before its agent would.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::harness::{Program, binary, scratch};
use super::processes::Part;
use super::stop::AT_ONCE;
use crate::init::process::helper;
use crate::ports::free_ports;

/// A TaskManager that ignores SIGTERM, beside the usual stand-in for a JobManager.
const JAVA: &str = "#!/bin/sh
case \"$*\" in
    *TaskManagerRunner*) trap '' TERM; echo began; while :; do sleep 0.1; done ;;
    *) exec \"${0%/*}/stand-in/java\" \"$@\" ;;
esac
";

/// A Flink without jars, and its JVMs.
fn installed(root: &Path) {
    for directory in ["flink/lib", "java/bin/stand-in", "conf"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    fs::write(root.join("flink/lib/flink-dist-1.20.5.jar"), "").expect("written");
    fs::write(root.join("conf/config.yaml"), "jobmanager.memory.process.size: 1600m\n").expect("written");
    fs::write(root.join("java/release"), "JAVA_VERSION=\"17.0.1\"\n").expect("written");
    let java = root.join("java/bin/java");
    fs::write(&java, JAVA).expect("written");
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink(helper(), root.join("java/bin/stand-in/java")).expect("a link");
}

fn start(kill_grace: &str) -> Program {
    let scratch = scratch();
    let root = scratch.path().to_owned();
    installed(&root);
    let [rest, rpc] = free_ports();
    let stand_in = format!(
        "-Dstand-in.journal={} -Dstand-in.seed=1 -Dstand-in.short-lived=1000000",
        root.join("journal").display()
    );
    let properties = [
        ("mesos.status.port", "0".to_owned()),
        ("mesos.resourcemanager.tasks.kill-grace", kill_grace.to_owned()),
        ("mesos.initial-tasks", "1".to_owned()),
        ("rest.port", rest.to_string()),
        ("jobmanager.rpc.port", rpc.to_string()),
        ("blob.server.port", "0".to_owned()),
        ("env.java.opts.all", stand_in),
    ];
    let mut arguments = vec!["local".to_owned()];
    for (key, value) in properties {
        arguments.extend(["-D".to_owned(), format!("{key}={value}")]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut command = Command::new(binary());
    command
        .env_clear()
        .env("FLINK_HOME", root.join("flink"))
        .env("FLINK_CONF_DIR", root.join("conf"))
        .env("JAVA_HOME", root.join("java"))
        .env("FLINK_ON_MESOS_SOCKET", root.join("socket"));
    Program::start_with(scratch, command, &[("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")], &arguments)
}

fn sandboxes(program: &Program, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![program.path().join("tmp")];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => ahead.push(entry.path()),
                Ok(kind) if kind.is_file() && entry.file_name() == name => found.push(entry.path()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    found
}

fn text(program: &Program, name: &str) -> String {
    sandboxes(program, name).into_iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

#[tokio::test]
async fn init_kills_a_fifth_before_its_agent_does() {
    // With less the agent's own signal may come before init has told of it.
    for (kill_grace, after) in [("6 s", Some("4.8s")), ("1 s", None), ("0 s", None)] {
        let mut program = start(kill_grace);
        program
            .until("the TaskManager runs", async || text(&program, "stdout").contains("began").then_some(()))
            .await;
        for path in sandboxes(&program, "stdout") {
            let mode = fs::metadata(path.parent().expect("a sandbox")).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o750, "{}, as of a real agent", path.display());
        }
        let scale = Command::new(binary())
            .env_clear()
            .env("FLINK_ON_MESOS_SOCKET", program.path().join("socket"))
            .args(["scale", "0", "--force"])
            .output()
            .expect("it runs");
        assert!(scale.status.success(), "{scale:?}");
        program
            .until("the TaskManager is gone", async || {
                program.parts(Part::TaskManager).is_empty().then_some(())
            })
            .await;
        if let Some(after) = after {
            // Its init tells of the end after that of its process.
            program
                .until("init has told of the end", async || {
                    text(&program, "stderr").contains("ended code=").then_some(())
                })
                .await;
            let told = text(&program, "stderr");
            let killing = format!("killing what is left after={after}");
            let last = "ended code=137 by=SIGTERM after=";
            let main = "main=\"killed by SIGKILL from init\"";
            assert!([&*killing, last, main].iter().all(|part| told.contains(part)), "{kill_grace}: {told}");
        }
        program.signal(Signal::SIGTERM);
        program.end().await;
        program.assert_nothing_left(AT_ONCE).await;
    }
}
