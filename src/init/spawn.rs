//! What a child is started with, prepared so that nothing needs memory between clone and exec.

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

use nix::errno::Errno;
use nix::libc::c_char;
use nix::unistd::Pid;

use super::executable::{self, Obstacle};
use super::plan::Inherited;
use super::signals::{Signal, SignalSet};
use base::exit::Exit;

/// A program to start.
#[derive(Clone, Copy, Debug)]
pub struct Spawn<'a> {
    /// Without a slash it is searched in `PATH` of `env`.
    pub program: &'a OsStr,
    pub argv: &'a [OsString],
    /// The complete environment.
    pub env: &'a [(OsString, OsString)],
    /// Where the child begins, and where its relative paths do; `None` shares the caller's directory.
    pub directory: Option<BorrowedFd<'a>>,
    pub cwd: Option<&'a OsStr>,
    pub group: Group,
    /// What the child gets when the calling process dies.
    pub death_signal: Option<Signal>,
    /// `None` shares the caller's.
    pub stdin: Option<BorrowedFd<'a>>,
    pub stdout: Option<BorrowedFd<'a>>,
    pub stderr: Option<BorrowedFd<'a>>,
    /// Descriptors the child gets under the same number; all others from 3 on are closed.
    pub keep_fds: &'a [RawFd],
    /// The child's signal mask and ignored signals; all others get their default action.
    pub signals: &'a Inherited,
    /// Those of them whose action in this process is perhaps not the child's.
    pub changed: SignalSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A process group of its own.
    Own,
    /// The same, and it becomes the foreground group of the terminal on stdin.
    Foreground,
    /// A session of its own, without a terminal.
    Session,
}

/// What the child was about when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Directory,
    Redirect,
    Keep,
    Exec,
}

#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("{what} of {program:?} contains a zero byte")]
    ZeroByte { program: OsString, what: &'static str },
    #[error("cannot fork: {0}")]
    Fork(Errno),
    #[error("cannot enter the directory {path:?} of {program:?}: {errno}")]
    Directory { program: OsString, path: OsString, errno: Errno },
    #[error("cannot pass descriptors to {program:?}: {errno}")]
    Descriptors { program: OsString, errno: Errno },
    #[error("cannot execute {program:?}: {errno}{}", Because(.obstacle))]
    Exec { program: OsString, errno: Errno, obstacle: Option<Obstacle> },
}

struct Because<'a>(&'a Option<Obstacle>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|obstacle| write!(f, ": {obstacle}"))
    }
}

impl SpawnError {
    /// 127 when the program was not found, 126 when it could not be executed, as shells have it; 71 when the
    /// operating system refused something else.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Exec { errno: Errno::ENOENT | Errno::ENOTDIR, .. } => Exit::NotFound,
            Self::Exec { .. } | Self::ZeroByte { .. } | Self::Directory { .. } => Exit::NotExecutable,
            Self::Fork(_) | Self::Descriptors { .. } => Exit::Os,
        }
    }
}

/// What the child could not do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub step: Step,
    pub errno: Errno,
    /// Of [`Prepared::programs`], the one that was executed last and was there.
    pub at: usize,
}

impl Spawn<'_> {
    /// Where relative paths begin in the child.
    fn begin(&self) -> executable::From<'_> {
        executable::From { directory: self.directory, cwd: self.cwd.map(Path::new) }
    }

    /// The script that a shell is to run, if that is what the kernel refused.
    pub(super) fn script(&self, prepared: &Prepared, failure: Failure) -> Option<OsString> {
        if failure.step != Step::Exec || failure.errno != Errno::ENOEXEC {
            return None;
        }
        let path = prepared.path(failure.at)?;
        executable::is_script(Path::new(path), self.begin()).then(|| path.to_owned())
    }

    pub(super) fn failure(&self, prepared: &Prepared, failure: Failure) -> SpawnError {
        let Failure { step, errno, at } = failure;
        let program = self.program.to_owned();
        match step {
            Step::Directory => {
                SpawnError::Directory { program, path: self.cwd.unwrap_or_default().to_owned(), errno }
            }
            Step::Redirect | Step::Keep => SpawnError::Descriptors { program, errno },
            Step::Exec => {
                // The one that was there; else the first that is, whatever the kernel misses of it.
                let paths = std::iter::once(at).chain(0..prepared.programs.len());
                let obstacle = paths
                    .filter_map(|at| prepared.path(at))
                    .find_map(|path| executable::obstacle(Path::new(path), self.begin(), errno));
                SpawnError::Exec { program, errno, obstacle }
            }
        }
    }
}

const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// Socket activation begins with this descriptor.
const FIRST_SOCKET: RawFd = 3;

/// Room for any pid and the zero byte.
const PID_ROOM: usize = 12;

/// What a program uses when nobody has set `PATH`.
const PATH_DEFAULT: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The strings and pointers that execve takes.
pub(super) struct Prepared {
    /// Tried in this order.
    pub programs: Vec<CString>,
    pub cwd: Option<CString>,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    /// The entry of `env` that must name the child, when the sockets of socket activation were for us.
    listen_pid: Option<Vec<u8>>,
    #[expect(dead_code, reason = "argv and env point into it")]
    strings: Vec<CString>,
}

impl Prepared {
    pub fn new(spawn: &Spawn<'_>, own: Pid) -> Result<Self, SpawnError> {
        let text = |what, bytes: Vec<u8>| {
            CString::new(bytes).map_err(|_| SpawnError::ZeroByte { program: spawn.program.to_owned(), what })
        };
        let programs = candidates(spawn.program, spawn.env)
            .into_iter()
            .map(|path| text("the path", path))
            .collect::<Result<_, _>>()?;
        let cwd =
            spawn.cwd.map(|path| text("the working directory", path.as_bytes().to_vec())).transpose()?;
        let mut strings = Vec::with_capacity(spawn.argv.len() + spawn.env.len());
        for argument in spawn.argv {
            strings.push(text("an argument", argument.as_bytes().to_vec())?);
        }
        let own = own.to_string();
        let mut listen_pid = None;
        for (name, value) in spawn.env {
            let is_activated = spawn.keep_fds.contains(&FIRST_SOCKET);
            if is_activated && name == "LISTEN_PID" && value.as_bytes() == own.as_bytes() {
                let mut entry = LISTEN_PID.to_vec();
                entry.resize(LISTEN_PID.len() + PID_ROOM, 0);
                listen_pid = Some(entry);
                continue;
            }
            // It would say that the sockets are for another process than the one that `LISTEN_PID` now names.
            if is_activated && name == "LISTEN_PIDFDID" {
                continue;
            }
            strings.push(text("the environment", [name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        let (argv, env) = strings.split_at(spawn.argv.len());
        let pointers = |strings: &[CString]| strings.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let (mut argv, mut env) = (pointers(argv), pointers(env));
        env.extend(listen_pid.as_ref().map(|entry| entry.as_ptr().cast::<c_char>()));
        argv.push(ptr::null());
        env.push(ptr::null());
        Ok(Self { programs, cwd, argv, env, listen_pid, strings })
    }

    fn path(&self, at: usize) -> Option<&OsStr> {
        self.programs.get(at).map(|path| OsStr::from_bytes(path.as_bytes()))
    }

    pub fn argv(&self) -> *const *const c_char {
        self.argv.as_ptr()
    }

    pub fn env(&self) -> *const *const c_char {
        self.env.as_ptr()
    }

    /// Called in the child, so it must not allocate.
    pub fn set_listen_pid(&mut self, pid: i32) {
        let Some(entry) = &mut self.listen_pid else { return };
        let digits = pid.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        let mut left = pid.unsigned_abs();
        for place in entry[LISTEN_PID.len()..][..digits].iter_mut().rev() {
            *place = b'0' + (left % 10) as u8;
            left /= 10;
        }
    }
}

/// Whether there is a file by the name of `program`, where it is searched in `env`.
pub fn is_found(program: &OsStr, env: &[(OsString, OsString)]) -> bool {
    candidates(program, env).iter().any(|path| Path::new(OsStr::from_bytes(path)).exists())
}

/// The paths that are tried for `program`.
fn candidates(program: &OsStr, env: &[(OsString, OsString)]) -> Vec<Vec<u8>> {
    let name = program.as_bytes();
    if name.contains(&b'/') || name.is_empty() {
        return vec![name.to_vec()];
    }
    let path =
        env.iter().rev().find(|(name, _)| name == "PATH").map_or(PATH_DEFAULT, |(_, value)| value.as_bytes());
    path.split(|byte| *byte == b':')
        .map(|directory| match directory {
            // An empty element is the working directory.
            b"" => [b"./", name].concat(),
            directory => [directory, b"/", name].concat(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn searched(program: &str, path: Option<&str>) -> Vec<String> {
        let env = path.map(|path| env(&[("PATH", path)])).unwrap_or_default();
        candidates(program.as_ref(), &env).into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn programs_are_searched_as_shells_do() {
        assert_eq!(searched("java", Some("/a:/b/c")), ["/a/java", "/b/c/java"]);
        assert_eq!(searched("java", Some(":/a::")), ["./java", "/a/java", "./java", "./java"]);
        assert_eq!(searched("java", Some("")), ["./java"]);
        assert_eq!(searched("bin/java", Some("/a")), ["bin/java"]);
        assert_eq!(searched("/java", None), ["/java"]);
        assert_eq!(searched("java", None).len(), 6);
        assert_eq!(searched("", Some("/a")), [""]);
    }

    #[test]
    fn sockets_meant_for_init_are_passed_to_the_child() {
        for (pid, expected) in [(7, "LISTEN_PID=7"), (4_194_304, "LISTEN_PID=4194304")] {
            let env = env(&[("A", "b"), ("LISTEN_PID", "41"), ("LISTEN_PIDFDID", "9")]);
            let signals = Inherited::default();
            let spawn = Spawn {
                program: "/x".as_ref(),
                argv: &["x".into()],
                env: &env,
                directory: None,
                cwd: None,
                group: Group::Own,
                death_signal: None,
                stdin: None,
                stdout: None,
                stderr: None,
                keep_fds: &[3],
                signals: &signals,
                changed: SignalSet::EMPTY,
            };
            let mut prepared = Prepared::new(&spawn, Pid::from_raw(41)).unwrap();
            prepared.set_listen_pid(pid);
            let entry = prepared.listen_pid.as_deref().unwrap();
            assert_eq!(entry.split(|byte| *byte == 0).next().unwrap(), expected.as_bytes());
            assert_eq!(prepared.env.len(), 3);
            let other = Prepared::new(&spawn, Pid::from_raw(42)).unwrap();
            assert!(other.listen_pid.is_none());
            let nothing = Prepared::new(&Spawn { keep_fds: &[], ..spawn }, Pid::from_raw(41)).unwrap();
            assert!(nothing.listen_pid.is_none(), "there is no socket to be passed on");
        }
    }

    #[test]
    fn exit_codes_of_failed_starts() {
        let exec = |errno| SpawnError::Exec { program: "x".into(), errno, obstacle: None }.exit().code();
        assert_eq!(exec(Errno::ENOENT), 127);
        assert_eq!(exec(Errno::EACCES), 126);
        assert_eq!(exec(Errno::ENOEXEC), 126);
        assert_eq!(SpawnError::Fork(Errno::EAGAIN).exit().code(), 71);
    }
}
