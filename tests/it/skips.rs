//! Tests that cannot be made here say so, and `scripts/test` lists them at its end.

use std::fs::File;
use std::io::Write as _;

/// Names a file that lists them.
const LIST: &str = "SKIPPED_TESTS";

/// What a test asks for and does not find.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Depends on the machine: its kernel, and what a container may do there.
    OfMachine,
    /// `scripts/test` sees to it, so that under CI it must be there.
    OfPreparation,
}

/// Writes down that the test which calls this is not made, and why; fails where that may not be.
pub fn skip(missing: Missing, why: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {why}", thread.name().unwrap_or("a test"));
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!(is_ci && missing == Missing::OfPreparation), "{line}");
    println!("skipped {line}");
    if let Some(list) = std::env::var_os(LIST) {
        let mut list =
            File::options().append(true).create(true).open(list).expect("the list of skipped tests");
        list.write_all(format!("{line}\n").as_bytes()).expect("a line in it");
    }
}
