//! A thousand clusters.

use std::time::Instant;

use records::suite::create;
use records::{Change, MAX_CHANGES, Records as _};

use super::{INSTANCE, Leader, ROOT, client, reader};
use crate::ha::ensemble::Ensemble;

const CLUSTERS: usize = 1_000;

#[tokio::test]
async fn a_thousand_clusters_are_read_in_a_few_round_trips() {
    let ensemble = Ensemble::start().await;
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
    drop(records);

    let mut records = leader.records(&ensemble).await;
    let start = Instant::now();
    let found = records.load(None).await.expect("readable");
    let loaded = start.elapsed();
    assert_eq!(found.records.len(), changes.len());
    assert!(found.records.iter().all(|record| record.value == value));
    let (mut standby, _its_client) = reader(&ensemble, INSTANCE).await;
    assert_eq!(standby.load(None).await.expect("readable"), found);

    let start = Instant::now();
    let client = client(&ensemble).await;
    for record in &found.records {
        client.get_data(&format!("{ROOT}/{}", record.key)).await.expect("there");
    }
    let one_by_one = start.elapsed();
    println!("{CLUSTERS} clusters: written in {written:?}, read in {loaded:?}, one by one in {one_by_one:?}");
    // There are 3,000 nodes more above them, and yet.
    assert!(loaded < one_by_one, "{loaded:?} and {one_by_one:?}");
}
