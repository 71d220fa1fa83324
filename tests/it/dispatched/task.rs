//! The Mesos task that a dispatcher makes of an AppMaster: what the agent fetches, the command and its variables.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::harness::{Program, scratch};
use crate::ports::free_ports;

use super::dispatcher::Dispatcher;

pub const TASK: &str = "sessions.one-2-k7xw2z-00017";
pub const TOKEN: &str = "hush-of-one-task";
pub const ATTEMPT: u32 = 2;

pub struct Task {
    pub program: Program,
    pub rest_port: u16,
}

impl Task {
    /// `first` is an address before the dispatcher's.
    pub async fn start(dispatcher: &Dispatcher, first: &str) -> Self {
        let scratch = scratch();
        let sandbox = sandbox(scratch.path());
        fs::create_dir(&sandbox).expect("a directory");
        let mut arguments =
            ["appmaster", "--artifacts", &dispatcher.artifacts_url].map(str::to_owned).to_vec();
        for (name, bundle) in &dispatcher.files {
            fs::write(sandbox.join(name), fetch(&dispatcher.address(name)).await).expect("written");
            arguments.extend(["--delivered".to_owned(), format!("{name}={}", bundle.digest())]);
        }
        let program = sandbox.join("flink-on-mesos");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it is there");
        let [rpc, rest, blob, artifact, status] = free_ports();
        let ports = [
            ("PORT_RPC", rpc),
            ("PORT_REST", rest),
            ("PORT_BLOB", blob),
            ("PORT_ARTIFACT", artifact),
            ("PORT_STATUS", status),
        ];
        let mut command = Command::new(&program);
        command
            .env_clear()
            .current_dir(&sandbox)
            .envs(ports.map(|(name, port)| (name, port.to_string())))
            .env("HOST", host())
            .env("MESOS_SANDBOX", &sandbox)
            .env("FLINK_ON_MESOS_TASK", TASK)
            .env("FLINK_ON_MESOS_ATTEMPT", ATTEMPT.to_string())
            .env("FLINK_ON_MESOS_TOKEN", TOKEN)
            .env("FLINK_ON_MESOS_DISPATCHERS", format!("{first},{}", dispatcher.url));
        if let Some(fingerprint) = dispatcher.fingerprint {
            command.env("FLINK_ON_MESOS_DISPATCHERS_CERTIFICATE", fingerprint.to_string());
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Self { program: Program::start_with(scratch, command, &[], &arguments), rest_port: rest }
    }

    pub fn sandbox(&self) -> PathBuf {
        sandbox(self.program.path())
    }
}

/// Others could not reach a loopback address, so that counts as none.
pub fn host() -> String {
    nix::unistd::gethostname().expect("a name").into_string().expect("UTF-8")
}

fn sandbox(scratch: &Path) -> PathBuf {
    scratch.join("sandbox")
}

/// As an agent does.
pub async fn fetch(url: &str) -> Vec<u8> {
    let client = tls::http::plain().expect("TLS").build().expect("a client");
    let answer = client.get(url).send().await.expect("an answer").error_for_status().expect("it is there");
    answer.bytes().await.expect("all of it").to_vec()
}
