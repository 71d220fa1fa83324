//! What the stand-ins of TaskManagers wrote down of their lives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Own,
    /// By SIGTERM.
    Told,
}

/// By task and pid. None if nothing was written of an end: it lives, or was ended by SIGKILL.
pub type Lives = BTreeMap<(String, u32), Option<End>>;

pub fn read(path: &Path) -> Lives {
    let mut lives = Lives::new();
    // Whoever writes a line writes it at once.
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let [task, pid, what] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("a journal's line: {line}")
        };
        let end = match what {
            "began" => None,
            "own" => Some(End::Own),
            "told" => Some(End::Told),
            _ => panic!("a journal's line: {line}"),
        };
        lives.insert((task.to_owned(), pid.parse().expect("a pid")), end);
    }
    lives
}
