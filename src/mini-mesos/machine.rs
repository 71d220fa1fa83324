//! What this machine has, for what `--resources` leaves out.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::sys::sysinfo::sysinfo;

use super::resources::{Amount, Item, Milli, Resources, Spans};

/// The real agent's rule: keep a gibibyte of memory for the system, or half of a small machine.
const MEM_KEPT_MB: u64 = 1024;
const MEM_SMALL_MB: u64 = 2048;

/// The same for the file system.
const DISK_KEPT_MB: u64 = 5 * 1024;
const DISK_SMALL_MB: u64 = 10 * 1024;

const PORTS: (u64, u64) = (31000, 32000);

/// cpus, mem, disk and ports of the whole machine.
pub fn resources(work_dir: &Path) -> Resources {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let memory = sysinfo().map_or(0, |info| info.ram_total() >> 20);
    let existing = work_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let disk = statvfs(existing).map_or(0, |fs| (fs.blocks() * fs.fragment_size()) >> 20);
    let mut all = Resources::default();
    let mut add = |name, amount| all.add(Item::unreserved(name, amount));
    add("cpus", scalar(cpus));
    add("mem", scalar(keep(memory, MEM_KEPT_MB, MEM_SMALL_MB)));
    add("disk", scalar(keep(disk, DISK_KEPT_MB, DISK_SMALL_MB)));
    add("ports", Amount::Spans(Spans::new(vec![PORTS])));
    all
}

/// What is declared, with the share in the detected for each kind that is not declared. Ports are split when
/// one declaration serves all agents.
pub fn complete(
    declared: &Resources,
    detected: &Resources,
    is_split: bool,
    index: u16,
    agents: u16,
) -> Resources {
    let has = |item: &Item| declared.items().iter().any(|other| other.name() == item.name());
    let mut all = Resources::default();
    for item in declared.items() {
        all.add(if is_split { part(item, index, agents) } else { item.clone() });
    }
    for item in detected.items().iter().filter(|item| !has(item)) {
        let item = part(item, index, agents);
        all.add(match item.amount {
            Amount::Scalar(Milli(n)) => {
                let whole = n / i64::from(agents) / 1000 * 1000;
                Item::unreserved(item.name(), Amount::Scalar(Milli(whole.max(1000))))
            }
            Amount::Spans(_) | Amount::Set(_) => item,
        });
    }
    all
}

/// An agent's part of the ports; all of anything else.
fn part(item: &Item, index: u16, agents: u16) -> Item {
    let mut item = item.clone();
    if let Amount::Spans(spans) = &item.amount {
        item.amount = Amount::Spans(spans.part(u64::from(index), u64::from(agents)));
    }
    item
}

fn keep(total: u64, kept: u64, small: u64) -> u64 {
    if total < small { total / 2 } else { total - kept }
}

fn scalar(whole: u64) -> Amount {
    Amount::Scalar(Milli(i64::try_from(whole.saturating_mul(1000)).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::parse;

    #[test]
    fn agents_share_the_machine_and_split_the_ports() {
        let resources = |text: &str| parse(text).expect("resources");
        let detected = resources("cpus:5;mem:1001;ports:[31000-32000]");
        let of = |declared: &str, is_split, index| {
            complete(&resources(declared), &detected, is_split, index, 2).to_string()
        };
        assert_eq!(of("", true, 0), "cpus:2; mem:500; ports:[31000-31499]");
        assert_eq!(of("", true, 1), "cpus:2; mem:500; ports:[31500-32000]");
        // What is declared once is for each agent, but for the ports.
        assert_eq!(of("cpus:4;mem:8;ports:[1-4]", true, 1), "cpus:4; mem:8; ports:[3-4]");
        assert_eq!(of("cpus:4;mem:8;ports:[1-4]", false, 1), "cpus:4; mem:8; ports:[1-4]");
    }

    #[test]
    fn a_small_machine_gives_half() {
        assert_eq!(keep(2047, MEM_KEPT_MB, MEM_SMALL_MB), 1023);
        assert_eq!(keep(2048, MEM_KEPT_MB, MEM_SMALL_MB), 1024);
    }
}
