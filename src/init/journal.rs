//! Lines on stderr that never make init wait for their reader.

use std::collections::BTreeSet;
use std::fmt;

use nix::errno::Errno;
use tracing::Level;

use super::plan::Verbosity;

pub struct Journal {
    most: Level,
    /// Errors already told: one that repeats with every signal is told once.
    told: BTreeSet<i32>,
}

impl Journal {
    pub fn new(verbosity: Verbosity) -> Self {
        let most = match verbosity {
            Verbosity::Quiet => Level::WARN,
            Verbosity::Normal => Level::INFO,
            Verbosity::Debug => Level::DEBUG,
        };
        Self { most, told: BTreeSet::new() }
    }

    pub fn say(&self, level: Level, text: impl fmt::Display) {
        if level <= self.most {
            base::log::line(level, "init", &text.to_string());
        }
    }

    pub fn say_once(&mut self, level: Level, errno: Errno, text: &str) {
        if self.told.insert(errno as i32) {
            self.say(level, text);
        }
    }
}
