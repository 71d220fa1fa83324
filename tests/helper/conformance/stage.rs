//! The program under test with its main program, and what can be seen of both from outside.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use init::plan::Inherited;
use init::signals::{Signal as Any, SignalSet};
use init::spawn::{Group, Spawn};
use init::sys;
use nix::pty::openpty;

use super::adapter::{Program, Wish};
use super::look::{link, pipe};
use super::running::{Lines, Running};

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

#[expect(clippy::needless_pass_by_value, reason = "calls read better without references")]
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
        let typed = launch.wish.typed(self.program).ok_or(Fault::NoOption)?;
        let mut command = self.with_words(typed.words);
        command.push("--".into());
        command.extend(main.iter().cloned());
        let own = typed.env.iter().map(|(name, value)| (&**name, &**value));
        let env: Vec<_> = own.chain(launch.env.iter().copied()).collect();
        self.start_command(&command, Launch { env: &env, ..launch })
    }

    /// The main program on a terminal of its own.
    pub fn start_on_terminal(&self, main: &[&str]) -> Result<Running, Fault> {
        self.start(Launch { terminal: true, ..Launch::new(main) })
    }

    /// The program under test with its options.
    pub fn command(&self, wish: Wish) -> Result<Vec<OsString>, Fault> {
        let typed = wish.typed(self.program).ok_or(Fault::NoOption)?;
        Ok(self.with_words(typed.words))
    }

    fn with_words(&self, words: Vec<String>) -> Vec<OsString> {
        let own = [self.path.clone().into_os_string()];
        own.into_iter().chain(words.into_iter().map(OsString::from)).collect()
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
            directory: None,
            cwd: None,
            group: if launch.terminal { Group::Session } else { Group::Own },
            death_signal: Some(Any::KILL),
            stdin: Some(stdin_reader.as_fd()),
            stdout: Some(stdout_writer.as_fd()),
            stderr: Some(stderr_writer.as_fd()),
            keep_fds: &[],
            signals: &launch.inherited,
            changed: SignalSet::ALL,
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
}
