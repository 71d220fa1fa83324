//! The embedded Mesos, which is no init: as PID 1 it ends as anywhere else.

use std::net::TcpStream;

use nix::sys::signal::Signal;

use super::process::{PLACES, Running, binary, command, until};
use crate::ports::free_ports;

#[test]
fn master_and_agent_stop_in_order_in_either_place() {
    let masters_own = ["--agents=0"];
    let agents_own = ["--agent", "--master=127.0.0.1:1"];
    for place in PLACES {
        for own in [&masters_own[..], &agents_own] {
            for signal in [Signal::SIGTERM, Signal::SIGINT] {
                let directory = tempfile::tempdir().expect("a directory");
                let [port] = free_ports();
                let mut mesos = command(place, binary());
                mesos
                    .arg("mesos")
                    .args(own)
                    .arg(format!("--port={port}"))
                    .arg("--work-dir")
                    .arg(directory.path());
                let running = Running::start(place, mesos);
                until("it listens", || TcpStream::connect(("127.0.0.1", port)).ok().map(drop));
                running.signal(signal);
                let finished = running.finish();
                let has_told = finished.stderr.contains("mesos: stopping");
                assert_eq!((finished.code(), has_told), (0, true), "{own:?} {place:?}: {}", finished.stderr);
            }
        }
    }
}
