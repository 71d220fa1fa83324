//! A thousand clusters.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use records::suite::create;
use records::zookeeper::Reader;
use records::{Change, MAX_CHANGES, Records as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use zookeeper_client::Client;

use super::{INSTANCE, Leader, ROOT, SESSION};
use crate::ha::ensemble::Ensemble;

const CLUSTERS: usize = 1_000;

/// Each way; a round trip to another continent.
const DELAY: Duration = Duration::from_millis(50);

/// Records, and nodes above them, one after the other would take ten minutes.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_thousand_clusters_are_read_in_a_few_round_trips() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = Leader::come(&ensemble, "one").await;
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    let value = vec![b'x'; 2_000];
    let of_cluster = |number: usize| {
        let below = format!("clusters/cluster-{number:04}");
        ["spec", "revisions/0000000001", "attempts/1"].map(|name| create(&format!("{below}/{name}"), &value))
    };
    let changes: Vec<Change> = (0..CLUSTERS).flat_map(of_cluster).collect();
    let start = Instant::now();
    for part in changes.chunks(MAX_CHANGES) {
        records.commit(part).await.expect("committed");
    }
    let written = start.elapsed();
    let start = Instant::now();
    let found = records.load(None).await.expect("readable");
    let near = start.elapsed();
    assert_eq!(found.records.len(), changes.len());
    assert!(found.records.iter().all(|record| record.value == value));

    let mut config = ensemble.config(SESSION);
    config.servers = far_away(ensemble.address(0)).await.to_string();
    let client = Client::connect(&config.servers).await.expect("a session");
    let (_keep, clients) = watch::channel(Some(client));
    let mut standby = Reader::new(config, clients, ROOT, INSTANCE);
    let start = Instant::now();
    assert_eq!(standby.load(None).await.expect("readable"), found);
    let far = start.elapsed();
    println!("{CLUSTERS} clusters: written in {written:?}, read in {near:?}, from far away in {far:?}");
    assert!(far < PATIENCE, "{far:?}");
}

/// An address at which the server is met after a long way. The way is long and not narrow.
async fn far_away(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            carry(from_client, to_server);
            carry(from_server, to_client);
        }
    });
    address
}

fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut chunk = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let arrives = tokio::time::Instant::now() + DELAY;
            if sender.send((arrives, chunk[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((arrives, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(arrives).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
}
