//! The processes below init, read from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;

use nix::unistd::{Pid, getpid};

use super::signals::SignalSet;

/// A process; the start time tells it from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: Pid,
    /// Clock ticks since boot.
    pub started: u64,
}

/// All living processes below `ancestor`.
pub fn descendants(ancestor: Pid) -> io::Result<Vec<Process>> {
    let mut children = BTreeMap::<Pid, Vec<Stat>>::new();
    for stat in all()? {
        children.entry(stat.parent).or_default().push(stat);
    }
    Ok(below(ancestor, &children))
}

/// Whether a process lives in a group.
pub fn is_populated(group: Pid) -> io::Result<bool> {
    Ok(all()?.into_iter().any(|stat| stat.group == group && stat.life == Life::Living))
}

fn all() -> io::Result<Vec<Stat>> {
    if !is_of_own_namespace(&fs::read_to_string("/proc/self/status")?, getpid()) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "/proc shows another PID namespace"));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        // A process that is gone by now is none.
        let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
        found.extend(Stat::parse(&stat));
    }
    Ok(found)
}

/// The signals that a process has handlers for.
pub fn caught(pid: Pid) -> io::Result<SignalSet> {
    if !is_of_own_namespace(&fs::read_to_string("/proc/self/status")?, getpid()) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "/proc shows another PID namespace"));
    }
    parse_caught(&fs::read_to_string(format!("/proc/{pid}/status"))?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no SigCgt"))
}

fn parse_caught(status: &str) -> Option<SignalSet> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(set.trim(), 16).ok().map(SignalSet)
}

fn below(ancestor: Pid, children: &BTreeMap<Pid, Vec<Stat>>) -> Vec<Process> {
    let mut found = Vec::new();
    // The listing is no snapshot: a reused pid could make a circle.
    let mut seen = BTreeSet::from([ancestor]);
    let mut ahead = vec![ancestor];
    while let Some(parent) = ahead.pop() {
        for stat in children.get(&parent).map_or(&[][..], Vec::as_slice) {
            if seen.insert(stat.process.pid) {
                ahead.push(stat.process.pid);
                if stat.life == Life::Living {
                    found.push(stat.process);
                }
            }
        }
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    process: Process,
    parent: Pid,
    group: Pid,
    life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Living,
    /// Nobody has waited for it yet; it needs no signal any more.
    Zombie,
}

impl Stat {
    /// The name in parentheses may hold anything, so the fields are counted from its last parenthesis.
    fn parse(stat: &[u8]) -> Option<Self> {
        let stat = String::from_utf8_lossy(stat);
        let (pid, _) = stat.split_once(' ')?;
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        Some(Self {
            process: Process {
                pid: Pid::from_raw(pid.parse().ok()?),
                started: fields.get(19)?.parse().ok()?,
            },
            parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
            group: Pid::from_raw(fields.get(2)?.parse().ok()?),
            life: if matches!(*fields.first()?, "Z" | "X") { Life::Zombie } else { Life::Living },
        })
    }
}

/// A `/proc` of an outer namespace has other numbers for the same processes. There `NSpid` has several.
fn is_of_own_namespace(status: &str, own: Pid) -> bool {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let own = own.to_string();
    field("NSpid:").or_else(|| field("Pid:")) == Some(&own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, parent: i32, state: char) -> Stat {
        let text = format!("{pid} (a ) b (c) {state} {parent} 4 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0");
        Stat::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_full_of_parentheses_does_not_confuse() {
        let stat = stat(12, 3, 'S');
        assert_eq!(stat.process, Process { pid: Pid::from_raw(12), started: 777 });
        let expected = (Pid::from_raw(3), Pid::from_raw(4), Life::Living);
        assert_eq!((stat.parent, stat.group, stat.life), expected);
    }

    #[test]
    fn handlers_are_read() {
        let status = "Name:\tjava\nSigIgn:\t0000000000000000\nSigCgt:\t2000000181005ccf\n";
        assert!(parse_caught(status).unwrap().contains(crate::init::signals::Signal::QUIT));
        assert_eq!(parse_caught("SigCgt:\t0000000000000000\n"), Some(SignalSet::EMPTY));
        assert_eq!(parse_caught("Name:\tjava\n"), None);
    }

    #[test]
    fn garbage_is_no_process() {
        for text in ["", "1", "1 (x)", "1 (x) S", "x (x) S 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777"] {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_what_lives_below_is_found() {
        let mut children = BTreeMap::<Pid, Vec<Stat>>::new();
        for stat in [
            stat(5, 1, 'S'),
            stat(6, 5, 'S'),
            stat(7, 6, 'Z'),
            stat(8, 7, 'R'),
            stat(9, 2, 'S'),
            stat(1, 8, 'S'),
        ] {
            children.entry(stat.parent).or_default().push(stat);
        }
        let found: BTreeSet<_> =
            below(Pid::from_raw(1), &children).into_iter().map(|process| process.pid.as_raw()).collect();
        assert_eq!(found, BTreeSet::from([5, 6, 8]));
    }

    #[test]
    fn a_foreign_proc_is_recognised() {
        let own = Pid::from_raw(7);
        assert!(is_of_own_namespace("Name:\tx\nPid:\t7\nNSpid:\t7\n", own));
        assert!(!is_of_own_namespace("Name:\tx\nPid:\t7\nNSpid:\t7\t7\n", own));
        assert!(!is_of_own_namespace("Name:\tx\nPid:\t70\nNSpid:\t70\t7\n", own));
        assert!(is_of_own_namespace("Name:\tx\nPid:\t7\n", own));
    }
}
