//! What the kernel counts of another process.

use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub rss_mib: f64,
    /// Of it what is of no file.
    pub anonymous_mib: f64,
    pub pss_mib: f64,
}

pub fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("it runs");
    let mib = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a value");
        let kib: f64 = value.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024.0
    };
    Memory { rss_mib: mib("Rss:"), anonymous_mib: mib("Anonymous:"), pss_mib: mib("Pss:") }
}

/// Of all its threads.
pub fn cpu(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // After the name, which may have spaces: the 12th and 13th.
    let fields: Vec<_> = text.rsplit_once(") ").expect("a name").1.split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    let second = sysconf(SysconfVar::CLK_TCK).expect("Linux").expect("a number").unsigned_abs();
    Duration::from_millis(ticks * 1000 / second)
}

/// Of its first thread alone.
pub fn main_cpu(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat")).expect("it runs");
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// The only child of a process.
pub fn child_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}
