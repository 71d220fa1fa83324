//! What people say to a command that stays: signals, and lines on stdin.

use std::future::pending;
use std::io;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use base::exit::Exit;

use super::error::{Fatal, fatal};

/// Those who may end this command.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn open() -> Result<Self, Fatal> {
        let interrupt = signal(SignalKind::interrupt()).map_err(fatal(Exit::Os))?;
        let terminate = signal(SignalKind::terminate()).map_err(fatal(Exit::Os))?;
        Ok(Self { interrupt, terminate })
    }

    /// The code of a command that it ends.
    pub async fn next(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        u8::try_from(128 + kind.as_raw_value()).unwrap_or(u8::MAX)
    }
}

/// Of stdin, if it is read.
pub struct Lines(Option<mpsc::Receiver<String>>);

impl Lines {
    /// Nobody reads them.
    pub fn unread() -> Self {
        Self(None)
    }

    /// A read cannot be given up, so a thread of its own waits for it.
    pub fn of_stdin() -> Self {
        let (sender, lines) = mpsc::channel(1);
        thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self(Some(lines))
    }

    pub fn are_read(&self) -> bool {
        self.0.is_some()
    }

    /// None at the end; never where they are not read.
    pub async fn next(&mut self) -> Option<String> {
        match &mut self.0 {
            Some(lines) => lines.recv().await,
            None => pending().await,
        }
    }
}
