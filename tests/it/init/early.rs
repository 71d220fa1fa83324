//! Orders to stop that come before init runs: every role ends at once with 128 + n and leaves nothing.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::process::{PLACES, Place, Running, binary, command, until};

const ORDERS: [(Signal, i32); 3] = [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)];

/// Far below any timeout of ours, and enough for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A place for temporary files, a Flink by name, and a configuration that never ends.
pub(super) struct Site {
    directory: TempDir,
}

impl Site {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["tmp", "sandbox", "conf", "flink", "flink/lib"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        fs::write(directory.path().join("flink/lib/flink-dist-1.20.5.jar"), "").expect("a file");
        mkfifo(&directory.path().join("conf/config.yaml"), Mode::S_IRWXU).expect("a named pipe");
        Self { directory }
    }

    /// With a configuration of no master that answers, and a JVM that only waits.
    pub(super) fn with_java() -> Self {
        let site = Self::new();
        fs::remove_file(site.path("conf/config.yaml")).expect("a file");
        let ports: Vec<_> = crate::ports::free_ports::<2>().iter().map(ToString::to_string).collect();
        let configuration = format!(
            "jobmanager.rpc.address: 127.0.0.1\njobmanager.rpc.port: {}\nrest.port: {}\nblob.server.port: '0'\n\
             mesos.master: 127.0.0.1:1\nmesos.status.port: 0\njobmanager.memory.process.size: 1600m\n\
             taskmanager.memory.process.size: 1728m\n",
            ports[0], ports[1]
        );
        fs::write(site.path("conf/config.yaml"), configuration).expect("a file");
        let java = site.path("java/bin");
        fs::create_dir_all(&java).expect("a directory");
        fs::write(java.join("java"), "#!/bin/sh\nexec sleep 1000\n").expect("a file");
        fs::write(site.path("java/release"), "JAVA_VERSION=\"17.0.1\"\n").expect("a file");
        fs::set_permissions(java.join("java"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("a mode");
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn command(&self, place: Place, arguments: &[&str]) -> Command {
        let mut command = command(place, binary());
        command.args(arguments).env("TMPDIR", self.path("tmp")).env("FLINK_HOME", self.path("flink"));
        command.env("FLINK_CONF_DIR", self.path("conf")).env("MESOS_SANDBOX", self.path("sandbox"));
        command.env("JAVA_HOME", self.path("java"));
        command
    }

    fn is_clean(&self) -> bool {
        self.left().is_empty()
    }

    /// What there is besides what Mesos has fetched.
    fn left(&self) -> Vec<PathBuf> {
        let entries = ["tmp", "sandbox"].map(|name| fs::read_dir(self.path(name)).expect("a directory"));
        let paths = entries.into_iter().flatten().map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_none_or(|end| end != "tar")).collect()
    }
}

fn ends(site: &Site, running: Running, (signal, code): (Signal, i32), what: &str) {
    let begin = Instant::now();
    running.signal(signal);
    let finished = running.finish();
    assert_eq!(finished.status.code(), Some(code), "{what} {signal}: {finished:?}");
    assert!(begin.elapsed() < AT_ONCE, "{what} {signal}: {:?}", begin.elapsed());
    assert!(site.is_clean(), "{what} {signal} left {:?}", site.left());
    let last = format!("ended code={code} by={signal} ");
    assert!(finished.stderr.contains(&last), "{what} {signal}: {}", finished.stderr);
}

/// So that the main thread is in the middle of something.
fn until_asleep_in(running: &Running, names: &[&str]) {
    let pid = running.pid();
    let calls = || fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    until("the process to wait", || names.iter().any(|name| calls().contains(name)).then_some(()));
}

#[test]
fn while_a_configuration_is_read() {
    let roles: [&[&str]; 9] = [
        &[],
        &["appmaster"],
        &["appmaster-job"],
        &["jobmanager"],
        &["standalone-job"],
        &["local"],
        &["taskmanager"],
        &["config", "--check"],
        &["-D", "a=b"],
    ];
    for (role, place) in roles.into_iter().flat_map(|role| PLACES.map(|place| (role, place))) {
        for order in ORDERS {
            let site = Site::new();
            let running = Running::start(place, site.command(place, role));
            until_asleep_in(&running, &["fifo", "wait_for_partner"]);
            ends(&site, running, order, &format!("{role:?} {place:?}"));
        }
    }
}

#[test]
fn a_command_is_no_init_and_ends_as_programs_do() {
    for (signal, code) in ORDERS {
        let site = Site::new();
        let socket = UnixListener::bind(site.path("socket")).expect("a socket");
        for place in PLACES {
            let path = site.path("socket").display().to_string();
            let running = Running::start(place, site.command(place, &["status", "--socket", &path]));
            let (_connection, _) = socket.accept().expect("a connection");
            running.signal(signal);
            let status = running.finish().status;
            match place {
                Place::First => assert_eq!(status.code(), Some(code)),
                Place::Below => assert_eq!(status.signal(), Some(signal as i32)),
            }
        }
    }
}

/// A server that takes connections and never answers.
#[test]
fn while_a_taskmanager_fetches() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let arguments = ["taskmanager", "--artifacts", &url, "-D", "taskmanager.resource-id=t"];
    for (place, order) in PLACES.into_iter().flat_map(|place| ORDERS.map(|order| (place, order))) {
        let site = Site::new();
        let running = Running::start(place, site.command(place, &arguments));
        let (_connection, _) = silent.accept().expect("a connection");
        assert!(!site.is_clean(), "its directory is there");
        ends(&site, running, order, &format!("{place:?}"));
    }
}

#[test]
fn while_an_archive_is_checked_and_unpacked() {
    let site = Site::new();
    let archive = site.path("sandbox/flink.tar");
    let digest = pack(&archive, 60_000);
    for (delivered, moment) in [("0".repeat(64), "lib/none"), (digest, "flink/lib")] {
        // Nothing that has the first digest ends before it was read as a whole.
        if moment == "lib/none" {
            fs::File::options()
                .append(true)
                .open(&archive)
                .and_then(|file| file.set_len(1 << 36))
                .expect("a hole");
        } else {
            fs::remove_file(&archive).expect("a file");
            pack(&archive, 60_000);
        }
        let delivered = format!("flink.tar={delivered}");
        let command = site.command(Place::Below, &["taskmanager", "--delivered", &delivered]);
        let running = Running::start(Place::Below, command);
        until("its directory", || (!site.is_clean()).then_some(()));
        if moment == "flink/lib" {
            until("the first files", || site.path("sandbox/flink/lib").exists().then_some(()));
        }
        ends(&site, running, ORDERS[0], moment);
    }
}

/// An archive of so many small files, and its digest.
fn pack(path: &Path, files: u32) -> String {
    let mut archive = tar::Builder::new(fs::File::create(path).expect("a file"));
    for number in 0..files {
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, format!("lib/{number}"), &b"x"[..]).expect("an entry");
    }
    archive.finish().expect("an archive");
    drop(archive);
    let output = Command::new("sha256sum").arg(path).output().expect("a digest");
    String::from_utf8_lossy(&output.stdout).split(' ').next().expect("a digest").to_owned()
}

/// From the first instruction on to the running program, a millisecond later each time.
#[test]
fn at_any_moment_of_a_start() {
    let site = Site::with_java();
    for (role, socket) in [("appmaster", true), ("local", true), ("jobmanager", false)] {
        for delay in (0..60).step_by(2) {
            let mut command = site.command(Place::Below, &[role]);
            if socket {
                command.env("FLINK_ON_MESOS_SOCKET", site.path("tmp/socket"));
            }
            let running = Running::start(Place::Below, command);
            // Before that it is any process that gets a signal.
            running.wait_until_signals_are_blocked();
            std::thread::sleep(Duration::from_millis(delay));
            ends(&site, running, ORDERS[0], &format!("{role} after {delay} ms"));
        }
    }
}

/// docker's `--tmpfs /tmp` is mounted so unless told otherwise, and RocksDB fails there hours later.
#[test]
fn a_directory_for_temporary_files_that_is_noexec_is_told_once() {
    let site = Site::with_java();
    for role in ["appmaster", "jobmanager", "taskmanager"] {
        let mut command = Command::new("unshare");
        let script = format!("mount -t tmpfs -o noexec tmpfs $TMPDIR && exec {} {role}", binary());
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
        for (name, directory) in [("FLINK_HOME", "flink"), ("FLINK_CONF_DIR", "conf"), ("JAVA_HOME", "java")]
        {
            command.env(name, site.path(directory));
        }
        command.env("TMPDIR", site.path("tmp"));
        let running = Running::start(Place::Below, command);
        until("the JVM", || {
            let below = super::process::children(running.pid());
            below.iter().any(|pid| name_of(*pid).contains("sleep")).then_some(())
        });
        running.signal(Signal::SIGTERM);
        let finished = running.finish();
        let told = finished.stderr.lines().filter(|line| line.contains("WARN") && line.contains("noexec"));
        assert_eq!(told.count(), 1, "{role}: {}", finished.stderr);
    }
}

fn name_of(pid: nix::unistd::Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}
