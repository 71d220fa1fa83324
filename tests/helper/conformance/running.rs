//! A program under test that was started, and how it ended.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use init::signals::Signal as Any;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::look::{PATIENCE, children, send, until};
use super::stage::{Fault, Outcome, Place, check, expect, failed};

/// A program under test that was started. It is killed by [`Stage::clean_up`].
pub struct Running {
    pub(super) pid: Pid,
    pub(super) place: Place,
    pub(super) stdin: Option<File>,
    pub(super) stdout: Option<Lines>,
    pub(super) stderr: Option<Lines>,
    pub(super) status: Option<WaitStatus>,
    pub(super) _terminal: Option<OwnedFd>,
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

/// Lines from a pipe, with an end to waiting.
pub(super) struct Lines {
    file: File,
    ahead: Vec<u8>,
}

impl Lines {
    pub(super) fn new(fd: OwnedFd) -> Self {
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
