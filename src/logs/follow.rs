//! What to read next of a file that is written to, renamed and begun anew, until its task has ended. The end of what was read
//! last is read again each time: where it is not there any more, the file is another one, and what is left of the old one
//! stands under another name, such as `flink.log.1`.

use std::time::Duration;

use base::time::{Backoff, BackoffPolicy, Moment};
use bytes::Bytes;

/// More than an agent gives at once.
const CHUNK: u64 = 1 << 20;

/// Two lines of a log that end alike have other times in them.
const OVERLAP: usize = 256;

/// Between two looks at a file that was read to its end.
const LOOKS: BackoffPolicy =
    BackoffPolicy { first: Duration::from_millis(250), most: Duration::from_secs(2), jitter: 0.0 };

/// Between two questions to the master whether the task has ended.
const ASK_EVERY: Duration = Duration::from_secs(4);

/// What to do next; each is answered by a call of [`Follower`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`Follower::handle_read`]
    Read {
        name: String,
        offset: u64,
        length: u64,
    },
    /// The files beside it: [`Follower::handle_list`]
    List,
    /// Whether the task has ended: [`Follower::handle_task`]
    Ask,
    /// [`Follower::handle_wait`]
    Wait(Duration),
    Done,
}

/// A file of the same directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    pub name: String,
    /// When it was written to last, in whatever unit.
    pub written: i64,
}

#[derive(Debug)]
pub struct Follower {
    name: String,
    follows: bool,
    /// What is told at most.
    left: Option<u64>,
    offset: u64,
    /// The end of what was read before `offset`, as far as it is known.
    overlap: Vec<u8>,
    state: State,
    has_ended: bool,
    asked: Option<Moment>,
    looks: Backoff,
}

#[derive(Debug)]
enum State {
    /// What this file has been renamed to, and the files that were begun after it, in this order; empty: the file itself.
    Reading {
        renamed: Vec<String>,
    },
    Listing,
    /// Which of these, the newest first, is the file that was read so far.
    Seeking {
        candidates: Vec<String>,
        index: usize,
    },
    Asking,
    Waiting(Duration),
    Done,
}

impl Follower {
    /// From `offset` on. With `follows` until the task has ended, else until the file's end.
    pub fn new(name: String, offset: u64, length: Option<u64>, follows: bool) -> Self {
        let state = State::Reading { renamed: Vec::new() };
        let (overlap, looks) = (Vec::new(), Backoff::new(LOOKS));
        Self { name, follows, left: length, offset, overlap, state, has_ended: false, asked: None, looks }
    }

    pub fn next_step(&self) -> Step {
        if self.left == Some(0) {
            return Step::Done;
        }
        match &self.state {
            State::Reading { renamed } => self.read(renamed.first().unwrap_or(&self.name)),
            State::Seeking { candidates, index } => self.read(&candidates[*index]),
            State::Listing => Step::List,
            State::Asking => Step::Ask,
            State::Waiting(wait) => Step::Wait(*wait),
            State::Done => Step::Done,
        }
    }

    fn read(&self, name: &str) -> Step {
        let length = self.left.map_or(CHUNK, |left| left.min(CHUNK)) + self.overlap.len() as u64;
        Step::Read { name: name.to_owned(), offset: self.offset - self.overlap.len() as u64, length }
    }

    /// What was read, or none where there is no such file. Answers what is new.
    pub fn handle_read(&mut self, data: Option<&Bytes>, now: Moment) -> Bytes {
        let new =
            data.filter(|data| data.starts_with(&self.overlap)).map(|data| data.slice(self.overlap.len()..));
        match (&mut self.state, new) {
            (State::Reading { .. }, Some(new)) if !new.is_empty() => return self.told(&new),
            (State::Reading { renamed }, Some(_)) if !renamed.is_empty() => {
                renamed.remove(0);
                self.begin_anew();
            }
            (State::Reading { .. }, Some(_)) => self.at_end(now),
            // Nothing of it was read.
            (State::Reading { renamed }, None) if self.overlap.is_empty() => {
                if renamed.is_empty() {
                    self.at_end(now);
                } else {
                    renamed.remove(0);
                }
            }
            (State::Reading { .. }, None) => self.state = State::Listing,
            (State::Seeking { candidates, index }, Some(new)) => {
                let renamed: Vec<_> = candidates.drain(..=*index).rev().collect();
                self.state = State::Reading { renamed };
                return self.told(&new);
            }
            (State::Seeking { candidates, index }, None) => {
                *index += 1;
                if *index >= candidates.len() {
                    self.give_up();
                }
            }
            (State::Listing | State::Asking | State::Waiting(_) | State::Done, _) => {}
        }
        Bytes::new()
    }

    pub fn handle_list(&mut self, files: Vec<Beside>) {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |name: &str| {
            let rest = name.strip_prefix(&*self.name)?.strip_prefix('.')?;
            rest.split('.').next().filter(|text| is_number(text))?.parse::<u64>().ok()
        };
        let numbered = files.into_iter().filter_map(|file| Some((number(&file.name)?, file)));
        let mut candidates: Vec<_> = numbered.collect();
        // Of those of one second the lower number is the newer one, as in this project's own configuration of Log4j.
        candidates.sort_by_key(|(number, file)| (std::cmp::Reverse(file.written), *number));
        // A shorter one is another, but may come after the one that is sought.
        let candidates: Vec<_> = candidates.into_iter().map(|(_, file)| file.name).collect();
        if candidates.is_empty() {
            self.give_up();
        } else {
            self.state = State::Seeking { candidates, index: 0 };
        }
    }

    pub fn handle_task(&mut self, has_ended: bool, now: Moment) {
        self.asked = Some(now);
        self.has_ended = has_ended;
        // What it wrote before its end may have come after the last look.
        self.state = if has_ended { State::Reading { renamed: Vec::new() } } else { self.wait() };
    }

    pub fn handle_wait(&mut self) {
        self.state = State::Reading { renamed: Vec::new() };
    }

    fn told(&mut self, new: &Bytes) -> Bytes {
        let most = self.left.and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
        let new = new.slice(..new.len().min(most));
        self.left = self.left.map(|left| left - new.len() as u64);
        self.offset += new.len() as u64;
        self.overlap.extend_from_slice(&new[new.len().saturating_sub(OVERLAP)..]);
        self.overlap.drain(..self.overlap.len().saturating_sub(OVERLAP));
        if !new.is_empty() {
            self.looks.succeeded();
        }
        new
    }

    fn at_end(&mut self, now: Moment) {
        self.state = if !self.follows || self.has_ended {
            State::Done
        } else if self.asked.is_none_or(|at| now.since(at) >= ASK_EVERY) {
            State::Asking
        } else {
            self.wait()
        };
    }

    fn wait(&mut self) -> State {
        State::Waiting(self.looks.failed(0.0))
    }

    /// What was left of the old file is nowhere.
    fn give_up(&mut self) {
        self.state = State::Reading { renamed: Vec::new() };
        self.begin_anew();
    }

    fn begin_anew(&mut self) {
        self.offset = 0;
        self.overlap.clear();
    }
}
