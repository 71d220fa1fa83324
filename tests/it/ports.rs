//! Ports for programs that cannot pick their own.

use std::net::TcpListener;
use std::ops::RangeInclusive;

/// Ports that were free on all addresses a moment ago, each another one.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("0.0.0.0:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// As many ports in a row, below those that the kernel gives to others by itself.
pub fn free_range(count: u16) -> RangeInclusive<u16> {
    /// The kernel's own begin at 32768.
    const LAST_START: u16 = 32_000;
    let is_free = |port: u16| TcpListener::bind(("0.0.0.0", port)).is_ok();
    // Tests that run at the same time look in other places first.
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let mut starts = (first..LAST_START).step_by(count.into());
    let start = starts.find(|start| (*start..*start + count).all(is_free)).expect("a free range");
    start..=start + count - 1
}
