//! Who may use an AppMaster's socket: its own user and root, though its mode let everybody in.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::early::Site;
use super::process::{Place, Running, binary, helper, until};

const STRANGER: &str = "12345";

fn public(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_stranger_is_refused_whatever_the_mode() {
    let site = Site::with_java();
    let tools = tempfile::tempdir().expect("a directory");
    for (from, name) in [(Path::new(binary()), "program"), (&*helper(), "helper")] {
        fs::copy(from, tools.path().join(name)).expect("a copy");
        public(&tools.path().join(name), 0o755);
    }
    public(tools.path(), 0o755);
    let socket = tools.path().join("socket");
    let mut command = site.command(Place::Below, &["appmaster", "-D", "mesos.registration.timeout=1 h"]);
    command.env("FLINK_ON_MESOS_SOCKET", &socket);
    let running = Running::start(Place::Below, command);
    let ask = |before: &[&str]| {
        let program = tools.path().join("program");
        let mut command = Command::new(tools.path().join("helper"));
        command.args(before).arg("--").arg(program).args(["status", "--json", "--socket"]).arg(&socket);
        let output = command.output().expect("it runs");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).ok()
    };
    let limits: &[&str] = &["with-limits"];
    until("an answer to root", || ask(limits));
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o600);
    let stranger: &[&str] = &["as-user", STRANGER];
    assert_eq!(ask(stranger), None);
    public(&socket, 0o777);
    assert_eq!(ask(stranger), None);
    assert!(ask(limits).is_some());
    running.signal(Signal::SIGTERM);
    let finished = running.finish();
    let refused = format!("refused user {STRANGER} on the operator's socket");
    assert!(finished.stderr.contains(&refused), "{}", finished.stderr);
}
