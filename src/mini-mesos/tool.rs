//! Runs a program beside the tasks to its end: one of the host's tools, or a task's check.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use nix::sys::signal::{self, kill};
use nix::unistd::Pid;

use base::descriptors;
use init::plan::Inherited;
use init::signals::{Signal, SignalSet};
use init::spawn::{Group, Spawn, SpawnError};
use init::status::Ended;
use init::sys;

use super::reaper::Reaper;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot start '{tool}'")]
    Start { tool: String, source: SpawnError },
    #[error("'{tool}' exited with status {status}")]
    Failed { tool: String, status: u8 },
    #[error("'{tool}' was killed")]
    Killed { tool: String },
}

/// Says to the sandbox's files what it has to say.
pub async fn run(argv: &[&OsStr], sandbox: &Path, reaper: &Reaper) -> Result<(), ToolError> {
    let stdout = append(&sandbox.join("stdout"))?;
    run_with(argv, sandbox, &stdout, reaper).await
}

/// Its output becomes a file.
pub async fn run_into(
    argv: &[&OsStr],
    sandbox: &Path,
    output: &Path,
    reaper: &Reaper,
) -> Result<(), ToolError> {
    let write = |source| ToolError::Write { path: output.to_owned(), source };
    let file = File::create(output).map_err(write)?;
    run_with(argv, sandbox, &file, reaper).await
}

async fn run_with(argv: &[&OsStr], sandbox: &Path, stdout: &File, reaper: &Reaper) -> Result<(), ToolError> {
    let name = argv[0].to_string_lossy().into_owned();
    let argv: Vec<OsString> = argv.iter().map(Into::into).collect();
    let env = [("PATH".into(), PATH.into())];
    match run_program(&argv[0], &argv, &env, sandbox, stdout, reaper).await? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(status) => Err(ToolError::Failed { tool: name, status }),
        Ended::Killed { .. } | Ended::Unknown => Err(ToolError::Killed { tool: name }),
    }
}

/// In a session of its own, which is killed when nobody waits for it any more. It has no input, and its errors
/// go to the sandbox's `stderr`.
pub async fn run_program(
    program: &OsStr,
    argv: &[OsString],
    env: &[(OsString, OsString)],
    sandbox: &Path,
    stdout: &File,
    reaper: &Reaper,
) -> Result<Ended, ToolError> {
    let null = Path::new("/dev/null");
    let stdin = File::open(null).map_err(|source| ToolError::Write { path: null.to_owned(), source })?;
    let stderr = append(&sandbox.join("stderr"))?;
    let spawn = Spawn {
        program,
        argv,
        env,
        directory: None,
        cwd: Some(sandbox.as_os_str()),
        group: Group::Session,
        death_signal: Some(Signal::KILL),
        stdin: Some(stdin.as_fd()),
        stdout: Some(stdout.as_fd()),
        stderr: Some(stderr.as_fd()),
        keep_fds: &[],
        signals: &Inherited::default(),
        changed: SignalSet::ALL,
    };
    let spawned = descriptors::as_inherited(|| sys::spawn(&spawn));
    let tool = program.to_string_lossy().into_owned();
    let pid = spawned.map_err(|source| ToolError::Start { tool, source })?;
    let end = reaper.end_of(pid);
    let mut running = Running(Some(pid));
    let ended = end.await;
    running.0 = None;
    Ok(ended)
}

/// Opens a file to write at its end.
pub fn append(path: &Path) -> Result<File, ToolError> {
    let file = File::options().append(true).create(true).open(path);
    file.map_err(|source| ToolError::Write { path: path.to_owned(), source })
}

/// Killed when nobody waits for it any more.
struct Running(Option<Pid>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = self.0.take() {
            // The whole session: tar starts a decompressor.
            let _ = signal::killpg(pid, signal::Signal::SIGKILL);
            let _ = kill(pid, signal::Signal::SIGKILL);
        }
    }
}
