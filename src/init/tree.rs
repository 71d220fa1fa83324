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
    descendants_of(&[ancestor]).map(|mut found| found.pop().unwrap_or_default())
}

/// All living processes below each of `ancestors`. However many those are, all of `/proc` is read once at most, and not at
/// all where the kernel lists a process' children.
pub fn descendants_of(ancestors: &[Pid]) -> io::Result<Vec<Vec<Process>>> {
    check_namespace()?;
    if fs::exists(format!("/proc/self/task/{}/children", getpid()))? {
        return Ok(ancestors.iter().map(|ancestor| below(*ancestor, children_of)).collect());
    }
    let table = whole_table()?;
    let children = |parent| table.get(&parent).cloned().unwrap_or_default();
    Ok(ancestors.iter().map(|ancestor| below(*ancestor, children)).collect())
}

/// Whether a process lives in a group.
pub fn is_populated(group: Pid) -> io::Result<bool> {
    check_namespace()?;
    Ok(all()?.into_iter().any(|stat| stat.group == group && stat.life == Life::Living))
}

fn check_namespace() -> io::Result<()> {
    if is_of_own_namespace(&fs::read_to_string("/proc/self/status")?, getpid()) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "/proc shows another PID namespace"))
}

/// As the kernel lists them, thread by thread. A child that ends meanwhile may hide its neighbour: whoever has to reach all
/// looks until nothing new is found.
fn children_of(parent: Pid) -> Vec<Stat> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let stat = |pid: &str| fs::read(format!("/proc/{pid}/stat")).ok();
    // A process that is gone by now is none; one that has its number by now has another parent.
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(stat).collect::<Vec<_>>())
        .filter_map(|stat| Stat::parse(&stat))
        .filter(|stat| stat.parent == parent)
        .collect()
}

/// All processes by their parents, where kernels were built without those lists.
fn whole_table() -> io::Result<BTreeMap<Pid, Vec<Stat>>> {
    let mut children = BTreeMap::<Pid, Vec<Stat>>::new();
    for stat in all()? {
        children.entry(stat.parent).or_default().push(stat);
    }
    Ok(children)
}

fn all() -> io::Result<Vec<Stat>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        if !name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
        found.extend(Stat::parse(&stat));
    }
    Ok(found)
}

/// The signals that a process has handlers for.
pub fn caught(pid: Pid) -> io::Result<SignalSet> {
    check_namespace()?;
    parse_caught(&fs::read_to_string(format!("/proc/{pid}/status"))?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no SigCgt"))
}

fn parse_caught(status: &str) -> Option<SignalSet> {
    let set = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(set.trim(), 16).ok().map(SignalSet)
}

fn below(ancestor: Pid, children: impl Fn(Pid) -> Vec<Stat>) -> Vec<Process> {
    let mut found = Vec::new();
    // What is read is no snapshot: a reused pid could make a circle.
    let mut seen = BTreeSet::from([ancestor]);
    let mut ahead = vec![ancestor];
    while let Some(parent) = ahead.pop() {
        for stat in children(parent) {
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
        assert!(parse_caught(status).unwrap().contains(crate::signals::Signal::QUIT));
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
        let children = |parent| children.get(&parent).cloned().unwrap_or_default();
        let found: BTreeSet<_> =
            below(Pid::from_raw(1), children).into_iter().map(|process| process.pid.as_raw()).collect();
        assert_eq!(found, BTreeSet::from([5, 6, 8]));
    }

    #[test]
    fn lists_of_children_say_what_the_whole_table_says() {
        // The child is of another thread than the main one, and has a child of its own.
        let (told, pid) = std::sync::mpsc::channel();
        let (done, over) = std::sync::mpsc::channel::<()>();
        let starter = std::thread::spawn(move || {
            let mut child = std::process::Command::new("sh")
                .args(["-c", "sleep 1000 & echo; wait"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
            told.send(Pid::from_raw(child.id().cast_signed())).unwrap();
            let _ = over.recv();
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let shell = pid.recv().unwrap();
        let table = whole_table().unwrap();
        let children = |parent| table.get(&parent).cloned().unwrap_or_default();
        let by_table: BTreeSet<_> = below(getpid(), children).into_iter().collect();
        let by_lists: BTreeSet<_> = descendants(getpid()).unwrap().into_iter().collect();
        let sleeper: Vec<_> = descendants(shell).unwrap();
        drop(done);
        sleeper.iter().for_each(|process| {
            nix::sys::signal::kill(process.pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        });
        starter.join().unwrap();
        assert_eq!(by_lists, by_table);
        assert_eq!((by_lists.len(), sleeper.len()), (2, 1));
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
