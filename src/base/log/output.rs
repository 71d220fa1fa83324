//! Lines on stderr for whoever reads them, which may be nobody: a log collector that is stuck leaves the pipe full.
//!
//! A long-lived process never waits for its reader. It drops lines, counts them, and says how many there were once the
//! reader is back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::WriteSome;

/// The lines of this process.
static OUTPUT: Mutex<Output> = Mutex::new(Output { cut: Vec::new(), dropped: 0 });

/// Told when a line was dropped.
static DROPPED: Notify = Notify::const_new();

struct Output {
    /// The end of a line whose begin is written.
    cut: Vec<u8>,
    dropped: u64,
}

/// Lines that are kept back for a reader; all others are dropped.
const MAX_CUT_BYTES: usize = 1 << 20;

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a whole line, or nothing of it. `note` makes the line that tells how many were dropped.
pub fn write(line: &str, note: impl Fn(u64) -> String, write_some: &WriteSome) {
    let mut output = output();
    output.write(line.as_bytes(), note, write_some);
    if output.is_behind() {
        DROPPED.notify_one();
    }
}

/// Tries again what could not be written; true when nothing is left.
pub fn catch_up(note: impl Fn(u64) -> String, write_some: &WriteSome) -> bool {
    let mut output = output();
    output.catch_up(note, write_some);
    !output.is_behind()
}

/// Returns when a line was dropped.
pub async fn dropped() {
    DROPPED.notified().await;
}

impl Output {
    fn is_behind(&self) -> bool {
        self.dropped > 0 || !self.cut.is_empty()
    }

    fn write(&mut self, line: &[u8], note: impl Fn(u64) -> String, write: impl Fn(&[u8]) -> usize) {
        self.catch_up(note, &write);
        if self.is_behind() {
            self.dropped += 1;
            return;
        }
        match write(line) {
            0 => self.dropped += 1,
            done => self.cut = line[done..][..(line.len() - done).min(MAX_CUT_BYTES)].to_vec(),
        }
    }

    fn catch_up(&mut self, note: impl Fn(u64) -> String, write: impl Fn(&[u8]) -> usize) {
        if !self.cut.is_empty() {
            let done = write(&self.cut);
            self.cut.drain(..done);
        }
        if self.cut.is_empty() && self.dropped > 0 {
            let note = note(self.dropped).into_bytes();
            let done = write(&note);
            if done > 0 {
                self.dropped = 0;
                self.cut = note[done..].to_vec();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A pipe of so many bytes, and what was written to it.
    struct Pipe {
        room: Cell<usize>,
        text: RefCell<Vec<u8>>,
    }

    impl Pipe {
        fn take(&self, bytes: &[u8]) -> usize {
            let taken = bytes.len().min(self.room.get());
            self.room.set(self.room.get() - taken);
            self.text.borrow_mut().extend(&bytes[..taken]);
            taken
        }
    }

    #[test]
    fn lines_are_whole_or_counted() {
        let pipe = Pipe { room: Cell::new(6), text: RefCell::default() };
        let mut output = Output { cut: Vec::new(), dropped: 0 };
        let note = |count: u64| format!("{count} dropped\n");
        let mut say = |line: &str, room: usize| {
            pipe.room.set(room);
            output.write(line.as_bytes(), note, |bytes| pipe.take(bytes));
        };
        say("one\n", 9);
        say("two\n", 2);
        say("three\n", 0);
        say("four\n", 2);
        say("five\n", 4);
        say("six\n", 100);
        say("seven\n", 100);
        let text = String::from_utf8(pipe.text.take()).unwrap();
        assert_eq!(text, "one\ntwo\n2 dropped\n1 dropped\nsix\nseven\n");
        assert!(!output.is_behind());
    }
}
