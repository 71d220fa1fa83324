//! What silent connections keep others from, and how long they last.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::{Duration, Instant};

use base::descriptors;

use super::site::{Site, connect, connect_unix, open_descriptors};
use crate::cluster::harness::binary;
use crate::cluster::processes::Part;

const HARD: u64 = 16_384;
/// On each port, silent ones and such as begin a request, each.
const MANY: usize = 1_000;
/// A request's head must be there within 20 s.
const GONE_WITHIN: Duration = Duration::from_secs(40);

#[tokio::test]
async fn silent_connections_on_all_ports_hold_nothing_up_and_are_closed() {
    descriptors::raise();
    let site = Site::open((1024, HARD), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let worker = site.appmaster.part(Part::Worker);
    let tasks = async || site.mesos.parts(Part::TaskManager).len();
    site.mesos.until("a TaskManager runs", async || (tasks().await == 1).then_some(())).await;
    let before = open_descriptors(worker);
    let mut silent: Vec<OwnedFd> = Vec::new();
    for number in 0..2 * MANY {
        let (mut status, mut artifacts, mut socket) =
            (connect(site.status), connect(site.artifacts), connect_unix(&site.socket()));
        if number % 2 == 0 {
            status.write_all(b"GET /v1/status HTT").expect("sent");
            artifacts.write_all(b"GET /tasks/x/claim HTT").expect("sent");
            socket.write_all(b"POST /v1/sca").expect("sent");
        }
        silent.extend([OwnedFd::from(status), OwnedFd::from(artifacts), OwnedFd::from(socket)]);
    }
    let all_since = Instant::now();
    let all = before + silent.len() * 9 / 10;
    site.appmaster.until("they are accepted", async || (open_descriptors(worker) > all).then_some(())).await;

    assert!(site.health().starts_with("HTTP/1.1 200 "), "{}", site.health());
    let scaled = Command::new(binary())
        .env_clear()
        .env("FLINK_ON_MESOS_SOCKET", site.socket())
        .args(["scale", "2"])
        .output()
        .expect("it starts");
    assert!(scaled.status.success(), "{scaled:?}");
    site.mesos.until("Mesos has launched another", async || (tasks().await == 2).then_some(())).await;

    let few = before + MANY / 10;
    site.appmaster.until("they are closed", async || (open_descriptors(worker) < few).then_some(())).await;
    assert!(all_since.elapsed() < GONE_WITHIN, "{:?}", all_since.elapsed());
    drop(silent);
}
