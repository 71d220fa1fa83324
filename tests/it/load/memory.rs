//! Memory after a storm of connections is what it was before, on every port.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use artifact::bundle::digest_of;
use base::descriptors;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::site::{Site, anonymous_kb, connect, connect_unix, open_descriptors};
use crate::cluster::harness::{Program, binary};
use crate::cluster::processes::{Part, Process};
use crate::delivery::secrets;
use crate::delivery::stores::Stores;

/// Above what it was.
const MAX_MORE_KB: usize = 4 << 10;
/// Memory is given back two seconds after the last connection is closed.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const HARD_LIMIT: u64 = 8192;

#[tokio::test]
async fn silent_connections_leave_nothing_behind_on_any_port() {
    descriptors::raise();
    let site = Site::open((1024, HARD_LIMIT), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let (worker, mesos) = (site.appmaster.part(Part::Worker), process_of(&site.mesos));
    storm("status port", worker, 1_000, || connect(site.status));
    storm("open pages", worker, 400, || asking(connect(site.status), "/v1/stream"));
    storm("status", worker, 1_000, || asking(connect(site.status), "/v1/openapi.json"));
    storm("operator's socket", worker, 500, || connect_unix(&site.socket()));
    storm("artifact server", worker, 1_000, || connect(site.artifacts));
    storm("mesos", mesos, 1_000, || connect(site.mesos_address));
}

#[tokio::test]
async fn stalled_downloads_leave_nothing_behind() {
    descriptors::raise();
    let delivery = [("mesos.resourcemanager.tasks.delivery", "flink"), ("mesos.initial-tasks", "0")];
    let path = format!("/{}/flink-on-mesos", digest_of(binary().as_ref()).expect("readable"));

    let site = Site::open((1024, HARD_LIMIT), &delivery).await;
    site.appmaster.until_log("that agents will fetch from http://").await;
    storm("downloads", site.appmaster.part(Part::Worker), 300, || asking(connect(site.artifacts), &path));

    let stores = Stores::make();
    let [rest, trust] = ["rest", "trust"].map(|name| stores.path(name));
    let security = [
        ("security.ssl.rest.enabled", "true"),
        ("security.ssl.rest.keystore", &*rest),
        ("security.ssl.rest.keystore-password", secrets::REST),
        ("security.ssl.rest.key-password", secrets::REST),
        ("security.ssl.rest.truststore", &trust),
        ("security.ssl.rest.truststore-password", secrets::TRUST),
    ];
    let site = Site::open((1024, HARD_LIMIT), &[&delivery[..], &security].concat()).await;
    site.appmaster.until_log("that agents will fetch from https://").await;
    let worker = site.appmaster.part(Part::Worker);
    let tls = Arc::new(stores.identity().fingerprint().client().expect("TLS"));
    storm("downloads over TLS", worker, 200, || secured(connect(site.artifacts), &tls, &path));
    storm("silence where TLS is spoken", worker, 200, || connect(site.artifacts));
}

/// Opens so many connections and closes them, once to get to know what stays for good, and once to see that no more does.
fn storm<T: Into<OwnedFd>>(name: &str, process: Process, count: usize, open: impl Fn() -> T) {
    pass(process, count / 10, &open);
    std::thread::sleep(Duration::from_secs(4));
    let before = anonymous_kb(process);
    let during = pass(process, count, &open);
    let start = Instant::now();
    loop {
        let after = anonymous_kb(process);
        if after <= before + MAX_MORE_KB {
            println!("{name}: {count} connections: {before} kB, {during} kB, {after} kB");
            return;
        }
        assert!(start.elapsed() < GIVEN_BACK_WITHIN, "{name}: {before} kB, {during} kB, then {after} kB");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// What the process has while they are all open.
fn pass<T: Into<OwnedFd>>(process: Process, count: usize, open: &impl Fn() -> T) -> usize {
    let before = open_descriptors(process);
    let connections: Vec<OwnedFd> = (0..count).map(|_| open().into()).collect();
    // Some that were open before may be closed by now.
    until("they are accepted", || open_descriptors(process) >= before + count - count / 10);
    // For what they asked for to be on its way.
    std::thread::sleep(Duration::from_millis(500));
    let during = anonymous_kb(process);
    drop(connections);
    until("all are closed", || open_descriptors(process) < before + count / 10);
    during
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < GIVEN_BACK_WITHIN, "waited too long until {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Who asks and does not read the answer.
fn asking(mut stream: TcpStream, path: &str) -> TcpStream {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
    stream
}

fn secured(mut stream: TcpStream, tls: &Arc<ClientConfig>, path: &str) -> TcpStream {
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::clone(tls), name).expect("TLS");
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).expect("a handshake");
    }
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.writer().write_all(request.as_bytes()).expect("encrypted");
    while connection.wants_write() {
        connection.write_tls(&mut stream).expect("sent");
    }
    stream
}

fn process_of(program: &Program) -> Process {
    let all = program.everything();
    all.into_iter().next().expect("it runs")
}
