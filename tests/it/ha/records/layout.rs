//! What lies in ZooKeeper, what a standby reads of it, and what a purge leaves.

use records::suite::{create, delete, key, put};
use records::{LoadError, Loaded, Records as _, Revision};
use zookeeper_client::{Acls, CreateMode};

use super::{INSTANCE, Leader, ROOT, client, reader};
use crate::ha::ensemble::Ensemble;

#[tokio::test]
async fn a_standby_reads_what_the_leader_has_written() {
    let ensemble = Ensemble::start().await;
    let (mut standby, _its_client) = reader(&ensemble, INSTANCE).await;
    let nothing = Loaded { revision: Revision(0), records: Vec::new() };
    assert_eq!(standby.load(None).await.expect("readable"), nothing);
    let leader = Leader::come(&ensemble, "one").await;
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    assert_eq!(standby.load(None).await.expect("readable"), nothing);
    for number in 0..50_u32 {
        let change = put(&format!("clusters/{}/spec", number % 7), &number.to_be_bytes());
        records.commit(&[change, create(&format!("audit/{number}"), b"")]).await.expect("committed");
        // At another server, at once.
        let found = standby.load(None).await.expect("readable");
        assert_eq!(found, records.load(None).await.expect("readable"));
    }
    let found = standby.load(Some(&key("clusters/3"))).await.expect("readable");
    assert_eq!(found.records.len(), 1);
    assert_eq!(found.records[0].key, key("clusters/3/spec"));
    let (mut other, _its_client) = reader(&ensemble, "two").await;
    let refused = other.load(None).await;
    assert!(matches!(refused, Err(LoadError::Place(_))), "{refused:?}");
    records.purge().await.expect("purged");
    assert_eq!(standby.load(None).await.expect("readable"), nothing);
}

#[tokio::test]
async fn each_record_is_a_node_and_no_others_stay() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = Leader::come(&ensemble, "one").await;
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    let first = [create("clusters/orders/spec", b"{}"), create("attempts/orders-1", b"x")];
    records.commit(&first).await.expect("committed");
    let client = client(&ensemble).await;
    let content = async |path: &str| {
        let (content, _) = client.get_data(path).await.expect("there");
        String::from_utf8(content).expect("text")
    };
    assert_eq!(content(ROOT).await, r#"{"records-format":1,"instance":"one","revision":1}"#);
    let spec = content(&format!("{ROOT}/clusters/orders/spec")).await;
    assert_eq!(spec, "flink-on-mesos-record 1 1\n{}");
    assert_eq!(content(&format!("{ROOT}/clusters")).await, "");
    records.commit(&[delete("clusters/orders/spec")]).await.expect("committed");
    assert_eq!(client.list_children(ROOT).await.expect("there"), ["attempts"]);
}

#[tokio::test]
async fn a_purge_leaves_what_is_not_its_own_and_is_finished_by_the_next() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = Leader::come(&ensemble, "one").await;
    let mut records = leader.records(&ensemble).await;
    let client = client(&ensemble).await;
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let neighbours = ["/flink/dispatchers/one/records-of-others", "/flink/dispatchers/two"];
    for neighbour in neighbours {
        client.create(neighbour, b"theirs", &open).await.expect("made");
    }
    records.load(None).await.expect("readable");
    let write = async |records: &mut _, base: u32| {
        let records: &mut records::zookeeper::ZooKeeperRecords = records;
        for part in 0..30 {
            let long = "n".repeat(120);
            let names = (0..60).map(|number| format!("{}/{long}/{number}", base + part));
            let changes: Vec<_> = names.map(|name| create(&name, b"1")).collect();
            records.commit(&changes).await.expect("committed");
        }
    };
    write(&mut records, 0).await;
    records.purge().await.expect("purged");
    assert!(client.check_stat(ROOT).await.expect("an answer").is_none());

    // As one leaves it that is killed after its first words.
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    write(&mut records, 100).await;
    let purged = br#"{"records-format":1,"instance":"one","revision":30,"purged":true}"#;
    client.set_data(ROOT, purged, None).await.expect("written");
    let gone = records.load(None).await;
    assert!(matches!(gone, Err(LoadError::Gone { .. })), "{gone:?}");
    let mut records = leader.records(&ensemble).await;
    let nothing = Loaded { revision: Revision(0), records: Vec::new() };
    assert_eq!(records.load(None).await.expect("readable"), nothing);
    assert_eq!(client.list_children(ROOT).await.expect("there"), Vec::<String>::new());
    for neighbour in neighbours {
        assert_eq!(client.get_data(neighbour).await.expect("there").0, b"theirs");
    }
}
