//! One embedded Mesos for one test.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

pub struct Embedded {
    process: Child,
    pub address: SocketAddr,
    /// About when the master's clock started, for the phase of its allocations.
    pub started: Instant,
    directory: TempDir,
    /// The program, where everybody may start it.
    shared: Option<TempDir>,
}

impl Embedded {
    pub fn start(options: &[&str]) -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), options)
    }

    /// As another user, say.
    pub fn start_as(change: impl FnOnce(&mut Command), options: &[&str]) -> Self {
        // Others may not reach it where it was built.
        let shared = TempDir::new().expect("a directory");
        fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o755)).expect("its mode");
        let program = shared.path().join("flink-on-mesos");
        fs::copy(env!("CARGO_BIN_EXE_flink-on-mesos"), &program).expect("a copy");
        let mut command = Command::new(program);
        change(&mut command);
        let mut started = Self::start_by(SocketAddr::from(([127, 0, 0, 1], 0)), command, options);
        started.shared = Some(shared);
        started
    }

    /// With port 0 on any port.
    pub fn start_on(address: SocketAddr, options: &[&str]) -> Self {
        Self::start_by(address, Command::new(env!("CARGO_BIN_EXE_flink-on-mesos")), options)
    }

    fn start_by(address: SocketAddr, mut command: Command, options: &[&str]) -> Self {
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let directory = TempDir::new().expect("a directory");
        let port_file = directory.path().join("port");
        command
            .args(["mesos", "--ip", &ip, "--port", &port, "--port-file"])
            .arg(&port_file)
            .arg("--work-dir")
            .arg(directory.path().join("work"))
            .args(options)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        if !geteuid().is_root() {
            // Frameworks of these tests name root.
            command.arg("--no-switch_user");
        }
        // Whoever it runs as writes there.
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).expect("its directory");
        let process = command.spawn().expect("the embedded Mesos");
        let port = wait_for("the port file", || fs::read_to_string(&port_file).ok()?.trim().parse().ok());
        let address = SocketAddr::new(address.ip(), port);
        Self { process, address, started: Instant::now(), directory, shared: None }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn work_dir(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Of the latest run of a task that got as far as running.
    pub fn sandbox(&self, agent: &str, framework: &str, task: &str) -> PathBuf {
        self.runs(agent, framework, task).join("latest")
    }

    /// Of the only run of a task.
    pub fn only_sandbox(&self, agent: &str, framework: &str, task: &str) -> PathBuf {
        let mut runs = fs::read_dir(self.runs(agent, framework, task)).expect("runs").flatten();
        runs.next().expect("a run").path()
    }

    fn runs(&self, agent: &str, framework: &str, task: &str) -> PathBuf {
        self.work_dir().join(format!("slaves/{agent}/frameworks/{framework}/executors/{task}/runs"))
    }

    pub fn kill_hard(&mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("its end");
    }

    /// SIGTERM; answers the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.end()
    }

    /// Waits for it; answers the exit code.
    pub fn end(&mut self) -> Option<i32> {
        wait_for("its end", || self.process.try_wait().expect("its status")).code()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).expect("a signal");
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long anything in these tests may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// All living processes that work in this directory or whose environment names it: the tasks of an embedded
/// Mesos, their children, and the inits above them.
pub fn processes_in(directory: &Path) -> Vec<u32> {
    let needle = directory.as_os_str().as_encoded_bytes();
    let lives_there = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_zombie = stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
        let works_there =
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        !is_zombie && (works_there || environment.windows(needle.len()).any(|window| window == needle))
    };
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(lives_there).collect()
}
