//! Ports for programs that cannot pick their own.

use std::net::TcpListener;

/// Ports that were free on all addresses a moment ago, each another one.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("0.0.0.0:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
