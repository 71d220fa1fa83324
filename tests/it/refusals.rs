//! Bad input: one clear message that names the thing, a code that tells the kind, and nothing half-started.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::cluster::harness::{FLINK, Program, binary, scratch, write_conf};
use crate::flink::home::flink_home;
use crate::ports::free_ports;

/// What is wrong, and what is told.
pub struct Case<'a> {
    pub arguments: &'a [&'a str],
    pub variables: &'a [(&'a str, &'a str)],
    pub code: i32,
    /// All of it in one line.
    pub told: &'a [&'a str],
}

impl Case<'_> {
    pub async fn check(&self) {
        self.check_with(scratch()).await;
    }

    /// `scratch` may hold a `conf`.
    async fn check_with(&self, scratch: TempDir) {
        let Self { arguments, variables, code, told } = self;
        let conf = scratch.path().join("conf");
        if !conf.exists() {
            write_conf(&conf, FLINK);
        }
        let mut command = Command::new(binary());
        command
            .env_clear()
            .env("FLINK_HOME", flink_home(FLINK))
            .env("FLINK_CONF_DIR", conf)
            .env("FLINK_ON_MESOS_SOCKET", scratch.path().join("socket"));
        let mut program = Program::start_with(scratch, command, variables, arguments);
        let status = program.end().await;
        let log = program.log();
        assert_eq!(status.code(), Some(*code), "{arguments:?} {variables:?}\n{log}");
        let is_flinks = |line: &str| line.contains(" org.apache.");
        let is_error =
            |line: &&str| line.contains(" ERROR ") && !is_flinks(line) || line.starts_with("error: ");
        let errors: Vec<_> = log.lines().filter(is_error).collect();
        // One for each thing that is wrong.
        assert!((1..=told.len()).contains(&errors.len()), "{log}");
        let error = errors.join("\n");
        for text in *told {
            assert!(error.contains(text), "{arguments:?}: no '{text}' in\n{error}");
        }
        program.assert_nothing_left(Duration::ZERO).await;
        assert_eq!(program.temporary_files(), Vec::<std::path::PathBuf>::new());
        assert!(!program.path().join("socket").exists());
    }
}

/// A directory with this as Flink's configuration.
fn with_conf(text: &str) -> TempDir {
    let scratch = scratch();
    fs::create_dir(scratch.path().join("conf")).expect("a directory");
    fs::write(scratch.path().join("conf/config.yaml"), text).expect("written");
    scratch
}

fn path(scratch: &TempDir, name: &str) -> String {
    scratch.path().join(name).to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn command_lines() {
    let cases = [
        (127, &["no-such-command"][..], &["no-such-command", "No such file"][..]),
        (64, &["local", "--no-such-option"], &["--no-such-option"]),
        (64, &["local", "-D", "rest.port"], &["rest.port", "key=value"]),
        (64, &["exec", "--grace", "soon", "true"], &["--grace", "soon", "500ms"]),
        (64, &["mesos", "--port", "0", "--resources", "cpus:"], &["--resources", "cpus:"]),
        (64, &["appmaster-job", "--job-id", "17"], &["--job-id", "32 hexadecimal digits"]),
        (66, &["standalone-job", "-D", "rest.port=0"], &["no job", "usrlib", "--jars"]),
        (66, &["appmaster-job", "-D", "mesos.master=127.0.0.1:5050", "--jars", "no.jar"], &["no.jar"]),
        (64, &["mesos", "--port", "0", "--agent-ping-timeout", "0secs"], &["--agent-ping-timeout", "1secs"]),
        (69, &["status"], &["no AppMaster answers at", "/socket"]),
    ];
    for (code, arguments, told) in cases {
        Case { arguments, variables: &[], code, told }.check().await;
    }
}

#[tokio::test]
async fn environments() {
    let cases = [
        (72, ("FLINK_HOME", "/no-such-home"), &["/no-such-home"][..]),
        (72, ("PATH", "/no-such-path"), &["java", "JAVA_HOME"]),
        (72, ("JAVA_HOME", "/no-such-java"), &["JAVA_HOME", "/no-such-java"]),
        (64, ("FLINK_ON_MESOS_GRACE", "soon"), &["FLINK_ON_MESOS_GRACE", "soon"]),
        (78, ("_SLOTS", "two"), &["_SLOTS", "two"]),
        (73, ("TMPDIR", "/no-such-tmp"), &["/no-such-tmp"]),
    ];
    for (code, variable, told) in cases {
        Case { arguments: &["local"], variables: &[variable], code, told }.check().await;
    }
}

#[tokio::test]
async fn configuration_files() {
    let missing = with_conf("");
    fs::remove_dir_all(missing.path().join("conf")).expect("removed");
    let conf = path(&missing, "conf");
    let arguments = ["local", "--configDir", "/no-such-conf"];
    Case { arguments: &arguments, variables: &[], code: 66, told: &["/no-such-conf", "No such file"] }
        .check()
        .await;
    fs::write(&conf, "").expect("written");
    local_refuses(missing, 66, &[&conf, "Not a directory"]).await;

    let empty = with_conf("");
    fs::remove_file(empty.path().join("conf/config.yaml")).expect("removed");
    let conf = path(&empty, "conf");
    local_refuses(empty, 66, &["no flink-conf.yaml or config.yaml in", &conf]).await;

    let unreadable = with_conf("");
    let file = path(&unreadable, "conf/config.yaml");
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("a directory");
    local_refuses(unreadable, 66, &[&file, "Is a directory"]).await;

    let malformed = with_conf("rest.port: 8081\nrest.address: [\n");
    let line = format!("{}:2", path(&malformed, "conf/config.yaml"));
    local_refuses(malformed, 65, &[&line]).await;

    let wrong = with_conf("rest.port: 8081\nmesos.initial-tasks: many\n");
    let line = format!("{}:2", path(&wrong, "conf/config.yaml"));
    local_refuses(wrong, 78, &["mesos.initial-tasks", "many", &line, "whole number"]).await;
}

async fn local_refuses(scratch: TempDir, code: i32, told: &[&str]) {
    Case { arguments: &["local"], variables: &[], code, told }.check_with(scratch).await;
}

#[tokio::test]
async fn values() {
    let contradiction = ["taskmanager.memory.process.size=1g", "taskmanager.memory.flink.size=2g"];
    let all = [
        "taskmanager.memory.process.size=1g",
        "taskmanager.memory.flink.size=2g",
        "jobmanager.memory.process.size=1x",
        "mesos.initial-tasks=many",
        "rest.port=70000",
    ];
    let cases = [
        (&contradiction[..], &["taskmanager.memory.process.size", "1 GiB", "2 GiB"][..]),
        (&all, &["taskmanager.memory.process.size", "1x", "mesos.initial-tasks", "many", "70000"]),
        (&["mesos.master=zk://a:2181"], &["mesos.master", "zk://a:2181", "a path after the servers"]),
        (&["mesos.master="], &["mesos.master", "host:port"]),
        (&["mesos.master=a:b"], &["mesos.master", "a:b"]),
        (&["mesos.master=file:///no-such-file"], &["mesos.master", "/no-such-file"]),
    ];
    for (properties, told) in cases {
        let options = properties.iter().flat_map(|property| ["-D", property]);
        let arguments: Vec<_> = std::iter::once("appmaster").chain(options).collect();
        let code = if properties[0].contains("file:") { 66 } else { 78 };
        Case { arguments: &arguments, variables: &[], code, told }.check().await;
    }
}

#[tokio::test]
async fn ports_and_paths_in_use() {
    let [rest, rpc] = free_ports().map(|port| port.to_string());
    let taken = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for key in [
        "rest.port",
        "jobmanager.rpc.port",
        "blob.server.port",
        "mesos.status.port",
        "mesos.resourcemanager.artifactserver.port",
    ] {
        let properties = [
            format!("rest.port={rest}"),
            format!("jobmanager.rpc.port={rpc}"),
            "mesos.status.port=0".to_owned(),
            format!("{key}={port}"),
        ];
        let options = properties.iter().flat_map(|property| ["-D", property]);
        let arguments: Vec<_> = std::iter::once("local").chain(options).collect();
        let told = [key, &port, "in use"];
        Case { arguments: &arguments, variables: &[], code: 73, told: &told }.check().await;
    }

    let elsewhere = scratch();
    let socket = path(&elsewhere, "answering");
    let _answering = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    let variables = [("FLINK_ON_MESOS_SOCKET", &*socket)];
    let arguments = with_ports("local", &[&rest, &rpc], &[]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let told = ["another AppMaster", &socket, "FLINK_ON_MESOS_SOCKET"];
    Case { arguments: &arguments, variables: &variables, code: 73, told: &told }.check().await;
    assert!(Path::new(&socket).exists(), "it belongs to the other one");
}

/// The command with free ports and more properties.
pub fn with_ports(command: &str, [rest, rpc]: &[&str; 2], more: &[&str]) -> Vec<String> {
    let ports = [format!("rest.port={rest}"), format!("jobmanager.rpc.port={rpc}")];
    let own = ["mesos.status.port=0", "blob.server.port=0"];
    let rest = own.iter().chain(more).map(|&property| property.to_owned());
    let options = ports.into_iter().chain(rest).flat_map(|property| ["-D".to_owned(), property]);
    std::iter::once(command.to_owned()).chain(options).collect()
}

async fn refused_by(master: &str, told: &[&str], more: &[&str]) {
    let [rest, rpc] = free_ports().map(|port| port.to_string());
    let master = format!("mesos.master={master}");
    let properties = [&[&*master, "mesos.registration.timeout=2s"], more].concat();
    let arguments = with_ports("appmaster", &[&rest, &rpc], &properties);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Case { arguments: &arguments, variables: &[], code: 69, told }.check().await;
}

#[tokio::test]
async fn a_master_that_is_not_there() {
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    refused_by(&address, &[&address, "mesos.registration.timeout", "refused"], &[]).await;
}

#[tokio::test]
async fn a_master_that_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let text = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _ = stream.write_all(text.as_bytes());
        }
    });
    refused_by(&address, &[&address, "this is no Mesos master", "a web page"], &[]).await;
}

#[tokio::test]
async fn a_master_that_refuses_the_role() {
    let scratch = scratch();
    let port_file = path(&scratch, "port");
    let work_dir = path(&scratch, "work");
    let mut command = Command::new(binary());
    command.env_clear();
    let arguments =
        ["mesos", "--port", "0", "--port-file", &port_file, "--work-dir", &work_dir, "--roles", "flink"];
    let mesos = Program::start_with(scratch, command, &[], &arguments);
    let port = mesos.until("it listens", async || fs::read_to_string(&port_file).ok()).await;
    let address = format!("127.0.0.1:{}", port.trim());
    let role = "mesos.resourcemanager.framework.role=spark";
    refused_by(&address, &[&address, "refused", "role", "spark"], &[role]).await;
}
