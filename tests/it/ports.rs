//! Ports for programs that cannot pick their own. They are below those that the kernel gives out by itself, which it could
//! give to somebody else before the program binds them, and kept from tests that run at the same time.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::{Range, RangeInclusive};

/// Clusters look for the port of their artifact server above, and the kernel's own begin at 32768.
const PORTS: Range<u16> = 10_000..20_000;

/// Ports that are free on all addresses, each another one.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let mut ports = candidates(1).filter(|port| reserve(*port));
    [(); N].map(|()| ports.next().expect("a free port"))
}

/// As many ports in a row.
pub fn free_range(count: u16) -> RangeInclusive<u16> {
    let mut starts = candidates(count).filter(|start| *start + count <= PORTS.end);
    let start = starts.find(|start| (*start..*start + count).all(reserve)).expect("a free range");
    start..=start + count - 1
}

/// All of them, each test's own first.
fn candidates(step: u16) -> impl Iterator<Item = u16> {
    let own = PORTS.start + (std::process::id().wrapping_mul(16) % PORTS.len() as u32) as u16;
    (own..PORTS.end).chain(PORTS.start..own).step_by(step.into())
}

/// Until this process ends.
fn reserve(port: u16) -> bool {
    let directory = std::env::temp_dir().join("flink-on-mesos-test-ports");
    fs::create_dir_all(&directory).expect("a directory");
    let file = File::create(directory.join(port.to_string())).expect("a file");
    let is_ours = file.try_lock().is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok();
    if is_ours {
        std::mem::forget(file);
    }
    is_ours
}
