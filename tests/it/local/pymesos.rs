//! A client that knows nothing of this project: pymesos from PyPI, which `scripts/pymesos` installs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::NamedTempFile;

use super::embedded::{Embedded, processes_in, wait_for};

#[test]
fn runs_a_task_to_its_end() {
    let mut cluster = Embedded::start(&[]);
    let output = run(&cluster, &["hello", "echo hello"]);
    let told = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    let ["registered", framework, "1.12.0"] = *lines[0].split(' ').collect::<Vec<_>>() else {
        panic!("{output:?}")
    };
    let end = "TASK_FINISHED Command exited with status 0";
    assert_eq!(lines[1..], ["TASK_STARTING", "TASK_RUNNING", end], "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let runs = cluster.work_dir().join("slaves");
    let agent = fs::read_dir(runs).expect("agents").flatten().next().expect("an agent").path();
    let latest = agent.join(format!("frameworks/{framework}/executors/hello/runs/latest"));
    assert_eq!(fs::read_to_string(latest.join("stdout")).expect("stdout"), "hello\n");
    wait_for("no survivor", || processes_in(&cluster.work_dir()).is_empty().then_some(()));
    assert_eq!(cluster.terminate(), Some(0));
}

#[test]
fn proves_who_it_is_and_hears_how_a_task_failed() {
    let credentials = NamedTempFile::new().expect("a file");
    fs::write(credentials.path(), "flink s3cret\n").expect("credentials");
    let path = credentials.path().to_str().expect("UTF-8");
    let cluster = Embedded::start(&["--authenticate_http_frameworks", "--credentials", path]);
    let output = run(&cluster, &["fails", "exit 3", "flink", "s3cret"]);
    let told = String::from_utf8_lossy(&output.stdout);
    let last = told.lines().last();
    assert_eq!(last, Some("TASK_FAILED Command exited with status 3"), "{output:?}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

fn run(cluster: &Embedded, arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Command::new(root.join("scripts/pymesos")).output().expect("scripts/pymesos starts");
    assert!(library.status.success(), "{}", String::from_utf8_lossy(&library.stderr));
    Command::new("python3")
        .arg(root.join("tests/python/run_task.py"))
        .arg(cluster.address.to_string())
        .args(arguments)
        .env("PYTHONPATH", String::from_utf8(library.stdout).expect("a path").trim_end())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("python3 starts")
}
