//! The program under test with its main program, and what can be seen of both from outside.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flink_on_mesos::init::plan::Inherited;
use flink_on_mesos::init::signals::Signal as Any;
use flink_on_mesos::init::spawn::{Group, Spawn};
use flink_on_mesos::init::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

use super::adapter::{Program, Wish};

/// Far above what any case takes that has an end, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub enum Fault {
    Failed(String),
    /// The program has no option for what the case is about.
    NoOption,
    /// It depends on a race.
    Luck,
    /// This machine, or this user, cannot set up the case.
    Unable(String),
}

pub type Outcome = Result<(), Fault>;

/// Most of what only root can set up needs several users.
pub fn needs_root() -> Outcome {
    let root = nix::unistd::geteuid().is_root();
    if root { Ok(()) } else { Err(Fault::Unable("only root can set this up".into())) }
}

pub fn failed<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Failed(why.into()))
}

pub fn check(fact: bool, why: impl Into<String>) -> Outcome {
    if fact { Ok(()) } else { failed(why) }
}

pub fn expect<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Outcome {
    check(found == expected, format!("expected {expected:?}, got {found:?}"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// PID 1.
    First,
    /// Under somebody else's init.
    Below,
}

pub struct Stage {
    pub program: Program,
    pub path: PathBuf,
    pub place: Place,
    pub helper: PathBuf,
}

/// What is started; see [`Stage::start`].
pub struct Launch<'a> {
    pub wish: Wish,
    /// The main program: a verb of the helper with its arguments.
    pub main: &'a [&'a str],
    /// Verbs of the helper that come before the program under test, each with its arguments.
    pub before: &'a [&'a [&'a str]],
    pub inherited: Inherited,
    pub env: &'a [(&'a str, &'a str)],
    pub stderr: Option<OwnedFd>,
    /// The session begins at a new terminal, which takes the place of all three.
    pub terminal: bool,
}

impl<'a> Launch<'a> {
    pub fn new(main: &'a [&'a str]) -> Self {
        let (wish, inherited) = (Wish::default(), Inherited::default());
        Self { wish, main, before: &[], inherited, env: &[], stderr: None, terminal: false }
    }

    pub fn wish(self, wish: Wish) -> Self {
        Self { wish, ..self }
    }

    pub fn before(self, before: &'a [&'a [&'a str]]) -> Self {
        Self { before, ..self }
    }
}

impl Stage {
    pub fn new(program: Program, path: PathBuf, place: Place) -> Self {
        nix::sys::prctl::set_child_subreaper(true).expect("a subreaper");
        let helper = std::env::current_exe()
            .or_else(|_| std::env::args_os().next().map(PathBuf::from).ok_or(std::io::ErrorKind::NotFound));
        Self { program, path, place, helper: helper.expect("a path") }
    }

    /// The same with copies in `directory`, that other users may execute.
    pub fn in_public(&self, directory: &Path) -> Result<Self, Fault> {
        let public = Self { path: directory.join("init"), helper: directory.join("helper"), ..*self };
        let copied = fs::copy(&self.path, &public.path)
            .and_then(|_| fs::copy(&self.helper, &public.helper))
            .and_then(|_| fs::set_permissions(&public.path, fs::Permissions::from_mode(0o755)))
            .and_then(|()| fs::set_permissions(&public.helper, fs::Permissions::from_mode(0o755)))
            .and_then(|()| fs::set_permissions(directory, fs::Permissions::from_mode(0o755)));
        copied.map_err(|error| Fault::Unable(error.to_string()))?;
        Ok(public)
    }

    pub fn start(&self, launch: Launch<'_>) -> Result<Running, Fault> {
        let main: Vec<OsString> = [self.helper.clone().into_os_string()]
            .into_iter()
            .chain(launch.main.iter().map(OsString::from))
            .collect();
        self.start_program(launch, &main)
    }

    /// The same with any main program; `main` of `launch` does not count.
    pub fn start_program(&self, launch: Launch<'_>, main: &[OsString]) -> Result<Running, Fault> {
        let (mut command, env) = self.command(launch.wish)?;
        command.push("--".into());
        command.extend(main.iter().cloned());
        let own = env.iter().map(|(name, value)| (&**name, &**value));
        let env: Vec<_> = own.chain(launch.env.iter().copied()).collect();
        self.start_command(&command, Launch { env: &env, ..launch })
    }

    /// The main program on a terminal of its own.
    pub fn start_on_terminal(&self, main: &[&str]) -> Result<Running, Fault> {
        self.start(Launch { terminal: true, ..Launch::new(main) })
    }

    /// The program under test with its options.
    pub fn command(&self, wish: Wish) -> Result<(Vec<OsString>, Vec<(String, String)>), Fault> {
        let (options, env) = wish.options(self.program).ok_or(Fault::NoOption)?;
        let own = [self.path.clone().into_os_string()];
        Ok((own.into_iter().chain(options.into_iter().map(OsString::from)).collect(), env))
    }

    /// Everything after the verbs of `before`; `wish` and `main` of `launch` do not count.
    pub fn start_command(&self, command: &[OsString], launch: Launch<'_>) -> Result<Running, Fault> {
        let terminal = launch.terminal.then(|| openpty(None, None)).transpose();
        let terminal = terminal.map_err(|errno| Fault::Unable(format!("no terminal: {errno}")))?;
        let path = terminal.as_ref().map(|ends| link(format!("/proc/self/fd/{}", ends.slave.as_raw_fd())));
        let argv = self.argv(command, launch.before, path.as_deref());
        let (stdin_reader, mut stdin) = pipe();
        let (mut stdout, stdout_writer) = pipe();
        let (stderr, stderr_writer) = match launch.stderr {
            Some(writer) => (None, writer),
            None => {
                let (reader, writer) = pipe();
                (Some(reader), writer)
            }
        };
        let given = launch.env.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value)));
        let env: Vec<(OsString, OsString)> = std::env::vars_os().chain(given).collect();
        let spawn = Spawn {
            program: &argv[0],
            argv: &argv,
            env: &env,
            cwd: None,
            group: if launch.terminal { Group::Session } else { Group::Own },
            death_signal: Some(Any::KILL),
            stdin: Some(stdin_reader.as_fd()),
            stdout: Some(stdout_writer.as_fd()),
            stderr: Some(stderr_writer.as_fd()),
            keep_fds: &[],
            signals: &launch.inherited,
        };
        let pid = sys::spawn(&spawn).map_err(|error| Fault::Unable(error.to_string()))?;
        // Held open, so that nothing written to it before it is opened there is lost.
        let terminal = terminal.map(|ends| {
            stdin = ends.master.try_clone().expect("a descriptor");
            stdout = ends.master;
            ends.slave
        });
        Ok(Running {
            pid,
            place: self.place,
            stdin: Some(File::from(stdin)),
            stdout: Some(Lines::new(stdout)),
            stderr: stderr.map(Lines::new),
            status: None,
            _terminal: terminal,
        })
    }

    fn argv(&self, command: &[OsString], before: &[&[&str]], terminal: Option<&str>) -> Vec<OsString> {
        let mut verbs: Vec<Vec<&str>> = Vec::new();
        if self.place == Place::First {
            verbs.push(vec!["first"]);
        }
        verbs.extend(terminal.map(|path| vec!["on-terminal", path]));
        verbs.extend(before.iter().map(|verb| verb.to_vec()));
        let mut argv: Vec<OsString> = Vec::new();
        for verb in verbs {
            argv.push(self.helper.clone().into_os_string());
            argv.extend(verb.into_iter().map(OsString::from));
            argv.push("--".into());
        }
        argv.extend(command.iter().cloned());
        argv
    }

    /// No orphan has come to this process, which would adopt those that the program under test does not.
    pub fn expect_adopted_none(&self) -> Outcome {
        let count = children(Pid::this()).len();
        check(count == 1, format!("{} processes went past it", count - 1))
    }

    /// Nothing that the program under test has adopted or started lives on.
    pub fn expect_nothing_left(&self) -> Outcome {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => Ok(()),
            found => failed(format!("a process is left: {found:?}")),
        }
    }

    /// Ends whatever a case has left.
    pub fn clean_up(&self) {
        let begin = Instant::now();
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Err(Errno::ECHILD) => return,
                Ok(WaitStatus::StillAlive) => {
                    let own = Pid::this();
                    for child in children(own) {
                        let _ = kill(child, Signal::SIGKILL);
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
                Ok(_) | Err(_) => {}
            }
            assert!(begin.elapsed() < PATIENCE, "processes that cannot be killed");
        }
    }
}

/// A program under test that was started. It is killed by [`Stage::clean_up`].
pub struct Running {
    pid: Pid,
    place: Place,
    stdin: Option<File>,
    stdout: Option<Lines>,
    stderr: Option<Lines>,
    status: Option<WaitStatus>,
    _terminal: Option<OwnedFd>,
}

/// How it ended.
#[derive(Debug)]
pub struct End {
    /// 128 + n when signal n killed the program under test itself.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    /// Waits for the next line of the main program.
    pub fn line(&mut self) -> Result<String, Fault> {
        let Some(stdout) = &mut self.stdout else { return failed("stdout is closed") };
        match stdout.line(PATIENCE) {
            Some(line) => Ok(line),
            None => failed(format!("no line came; stderr: {}", self.errors())),
        }
    }

    pub fn expect_line(&mut self, expected: &str) -> Outcome {
        expect(self.line()?.as_str(), expected)
    }

    /// The next line with this in it, from there on: a terminal has echoes, and stderr too.
    pub fn skip_to(&mut self, begin: &str) -> Result<String, Fault> {
        loop {
            let line = self.line()?;
            if let Some(at) = line.find(begin).filter(|_| !line.contains(" init: ")) {
                return Ok(line[at..].to_owned());
            }
        }
    }

    /// The pid of the program under test, seen from here.
    pub fn init(&self) -> Result<Pid, Fault> {
        until("PID 1", || self.init_if_there())
    }

    pub fn init_if_there(&self) -> Option<Pid> {
        match self.place {
            Place::Below => Some(self.pid),
            Place::First => children(self.pid).first().copied(),
        }
    }

    pub fn main(&self) -> Result<Pid, Fault> {
        let init = self.init()?;
        until("the main program", || children(init).first().copied())
    }

    pub fn send(&self, signal: Any) -> Outcome {
        let init = self.init()?;
        send(init, signal)
    }

    pub fn signal(&self, signal: &str) -> Outcome {
        self.send(signal.parse().expect("a signal"))
    }

    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub fn type_in(&mut self, text: &str) {
        let _ = self.stdin.as_mut().map(|stdin| stdin.write_all(text.as_bytes()));
    }

    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
                Ok(status) => self.status = Some(status),
                Err(errno) => panic!("a child is lost: {errno}"),
            }
        }
        self.status.is_some()
    }

    /// Closes stdin and waits for the end.
    pub fn end(mut self) -> Result<End, Fault> {
        self.close_stdin();
        self.wait()
    }

    pub fn wait(mut self) -> Result<End, Fault> {
        until("the end", || self.has_ended().then_some(()))?;
        let code = match self.status {
            Some(WaitStatus::Exited(_, code)) => code,
            Some(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            status => panic!("no end: {status:?}"),
        };
        if code == i32::from(crate::launch::CANNOT_BE_FIRST) {
            return Err(Fault::Unable(self.errors()));
        }
        let stdout = self.stdout.as_mut().map(Lines::rest).unwrap_or_default();
        Ok(End { code, stdout, stderr: self.errors() })
    }

    pub fn expect_code(self, code: i32) -> Outcome {
        let end = self.end()?;
        check(end.code == code, format!("expected code {code}, got {end:?}"))
    }

    fn errors(&mut self) -> String {
        self.stderr.as_mut().map(Lines::rest).unwrap_or_default()
    }
}

pub fn send(pid: Pid, signal: Any) -> Outcome {
    sys::send_to(pid, signal).or_else(|errno| failed(format!("cannot send {signal}: {errno}")))
}

/// Waits until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Fault> {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begin.elapsed() > PATIENCE {
            return failed(format!("waited too long for {what}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The children of a process, zombies included.
pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().expect("a pid"))).collect()
}

/// A field of `/proc/PID/status`.
pub fn status(pid: Pid, field: &str) -> Result<String, Fault> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t").map(str::to_owned));
    line.ok_or_else(|| Fault::Failed(format!("no {field} of {pid}")))
}

pub fn is_alive(pid: Pid) -> bool {
    status(pid, "State").is_ok_and(|state| !state.starts_with(['Z', 'X']))
}

pub fn is_stopped(pid: Pid) -> bool {
    status(pid, "State").is_ok_and(|state| state.starts_with('T'))
}

pub fn link(path: impl AsRef<Path>) -> String {
    fs::read_link(path).map(|path| path.display().to_string()).unwrap_or_default()
}

/// A directory that goes with its end.
pub fn directory() -> Result<tempfile::TempDir, Fault> {
    tempfile::tempdir().map_err(|error| Fault::Unable(error.to_string()))
}

pub fn pipe() -> (OwnedFd, OwnedFd) {
    pipe2(OFlag::O_CLOEXEC).expect("a pipe")
}

/// Lines from a pipe, with an end to waiting.
struct Lines {
    file: File,
    ahead: Vec<u8>,
}

impl Lines {
    fn new(fd: OwnedFd) -> Self {
        Self { file: File::from(fd), ahead: Vec::new() }
    }

    fn line(&mut self, patience: Duration) -> Option<String> {
        let end = Instant::now() + patience;
        loop {
            if let Some(at) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=at).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if !self.more(end) {
                return None;
            }
        }
    }

    /// What there is now; others may hold the pipe open for ever.
    fn rest(&mut self) -> String {
        while self.more(Instant::now()) {}
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into_owned()
    }

    fn more(&mut self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if !poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)], timeout)
            .is_ok_and(|ready| ready > 0)
        {
            return false;
        }
        let mut buffer = [0; 4096];
        match self.file.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.ahead.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }
}
