//! The binary under test as PID 1 of its own namespace or as an ordinary process.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far above what any case takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// PID 1.
    First,
    /// Under somebody else's init.
    Below,
}

pub const PLACES: [Place; 2] = [Place::First, Place::Below];

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_flink-on-mesos")
}

/// The programs of `tests/helper`, which `cargo test` builds; `cargo test --test it` alone does not.
pub fn helper() -> PathBuf {
    let path = Path::new(binary()).with_file_name("examples").join("test-helper");
    assert!(path.exists(), "{} is missing: cargo build --examples", path.display());
    path
}

/// `program` with its arguments, in its place. A panic of the test ends the namespace with it.
pub fn command(place: Place, program: impl AsRef<OsStr>) -> Command {
    match place {
        Place::Below => Command::new(program),
        Place::First => {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]);
            command.arg(program);
            command
        }
    }
}

/// `exec OPTIONS -- sh -c SCRIPT`.
pub fn shell(place: Place, options: &[&str], script: &str) -> Command {
    let mut command = command(place, binary());
    command.arg("exec").args(options).args(["--", "sh", "-c", script]);
    command
}

/// A running init.
pub struct Running {
    child: Child,
    place: Place,
    stdout: BufReader<ChildStdout>,
    /// Dropped with the rest; until then [`PATIENCE`] runs.
    _watch: Sender<()>,
}

/// What was left when it ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("no exit code: {self:?}"))
    }
}

impl Running {
    pub fn start(place: Place, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (watch, over) = channel::<()>();
        let pid = Pid::from_raw(child.id() as i32);
        // Reading from a process that hangs would have no end.
        std::thread::spawn(move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill(pid, Signal::SIGKILL);
            }
        });
        Self { child, place, stdout, _watch: watch }
    }

    /// Init's first act; from then on every signal is kept.
    pub fn wait_until_signals_are_blocked(&self) {
        let path = format!("/proc/{}/status", self.pid());
        let quit = 1_u64 << (Signal::SIGQUIT as i32 - 1);
        let blocked = || {
            let status = fs::read_to_string(&path).expect("a status");
            let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a mask");
            u64::from_str_radix(mask.trim(), 16).expect("a number") & quit != 0
        };
        while !blocked() {
            std::thread::yield_now();
        }
    }

    /// Blocks until the next line of the main child.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let bytes = self.stdout.read_line(&mut line).expect("a line");
        assert_ne!(bytes, 0, "the output has ended");
        line.trim_end().to_owned()
    }

    pub fn expect_line(&mut self, expected: &str) {
        let line = self.line();
        if line != expected {
            let _ = self.child.kill();
            panic!("expected {expected:?}, got {line:?}");
        }
    }

    pub fn type_in(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().expect("a pipe").write_all(bytes).expect("a reader");
    }

    /// Init's pid as this process sees it.
    pub fn pid(&self) -> Pid {
        let own = Pid::from_raw(self.child.id() as i32);
        match self.place {
            Place::Below => own,
            Place::First => until("init below unshare", || children(own).first().copied()),
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("init is there");
    }

    /// Closes its stdin and waits for the end.
    pub fn finish(mut self) -> Finished {
        drop(self.child.stdin.take());
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("text");
        let stderr = self.stderr();
        let status = until("the end", || self.child.try_wait().expect("a child"));
        Finished { status, stdout, stderr }
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("text");
        }
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn finish(place: Place, command: Command) -> Finished {
    Running::start(place, command).finish()
}

/// Everything below a process, zombies included.
pub fn descendants(pid: Pid) -> Vec<Pid> {
    children(pid).into_iter().flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// The children of a process, zombies included.
pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("a pid"))).collect()
}

pub fn is_alive(pid: Pid) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

/// The letter that `ps` shows.
pub fn state(pid: Pid) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

/// Waits until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
