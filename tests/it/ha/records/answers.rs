//! Commits whose answer does not come.

use std::sync::Arc;
use std::time::Duration;

use ha::contender;
use records::suite::{create, put};
use records::{CommitError, Records as _, Revision};

use super::{SESSION, records_of};
use crate::ha::election::{contender, paths};
use crate::ha::ensemble::Ensemble;
use crate::ha::proxy::{Passage, Proxy};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn whether_a_commit_without_an_answer_was_made_is_told_by_what_is_loaded_next() {
    let ensemble = Ensemble::start_with(1).await;
    let proxy = Proxy::to(ensemble.address(0)).await;
    let mut config = ensemble.config(SESSION);
    config.servers = proxy.address.to_string();
    let leader = contender::start(config.clone(), paths(), Vec::new(), Arc::default());
    let mut records = records_of(&leader, config).await;
    records.load(None).await.expect("readable");
    records.commit(&[create("a", b"0")]).await.expect("committed");

    // It does not even leave this machine.
    proxy.set(Passage::Silent);
    let lost = async {
        let told = records.commit(&[put("a", b"never")]).await;
        assert!(matches!(told, Err(CommitError::Unknown { revision: Revision(2), .. })), "{told:?}");
        let early = records.commit(&[put("a", b"early")]).await;
        assert!(matches!(early, Err(CommitError::NotLoaded)), "{early:?}");
    };
    let cut = async {
        tokio::task::yield_now().await;
        proxy.set(Passage::Closed);
    };
    tokio::join!(lost, cut);
    proxy.set(Passage::Open);
    let found = tokio::time::timeout(PATIENCE, records.load(None)).await.expect("in time").expect("readable");
    assert_eq!((found.revision, &found.records[0].value[..]), (Revision(1), &b"0"[..]));

    let (mut answered, mut made, mut not_made) = (0, 0, 0);
    let mut revision = Revision(1);
    let mut lot = fastrand::Rng::with_seed(9);
    for round in 0..80 {
        // Before and after it was made, and after its answer.
        let moment = Duration::from_micros(lot.u64(0..20_000));
        let value = round.to_string();
        let change = [put("a", value.as_bytes())];
        let cut = async {
            tokio::time::sleep(moment).await;
            proxy.set(Passage::Closed);
        };
        let (told, ()) = tokio::join!(records.commit(&change), cut);
        proxy.set(Passage::Open);
        let next = revision.next();
        let load = tokio::time::timeout(PATIENCE, records.load(None));
        let found = load.await.expect("in time").expect("readable");
        let is_made = found.revision == next;
        assert!(is_made || found.revision == revision, "{round}: {}", found.revision);
        assert_eq!(found.records[0].value == value.as_bytes(), is_made, "{round}");
        match told {
            Ok(told) => {
                assert_eq!((told, is_made), (next, true), "{round}");
                answered += 1;
            }
            Err(CommitError::Unknown { revision, .. }) => {
                assert_eq!(revision, next, "{round}");
                *(if is_made { &mut made } else { &mut not_made }) += 1;
            }
            Err(error) => panic!("{round}: {error:?}"),
        }
        revision = found.revision;
    }
    println!("{answered} answered; of those without an answer {made} made, {not_made} not made");
    assert!(made > 0, "{answered} answered, {not_made} not made");
}

#[tokio::test]
async fn zookeeper_has_kept_what_it_acknowledged_when_it_was_away() {
    let mut ensemble = Ensemble::start_with(1).await;
    let leader = contender(&ensemble, "one");
    let mut records = records_of(&leader, ensemble.config(SESSION)).await;
    records.load(None).await.expect("readable");
    let mut last = Revision(0);
    for round in 0..5 {
        last = records.commit(&[put("a", &[round])]).await.expect("committed");
        ensemble.kill_server(0);
        let told = tokio::time::timeout(Duration::from_millis(500), records.commit(&[put("a", b"?")])).await;
        assert!(matches!(told, Err(_) | Ok(Err(CommitError::Unknown { .. }))), "{told:?}");
        let early = records.commit(&[put("a", b"early")]).await;
        assert!(matches!(early, Err(CommitError::NotLoaded)), "{early:?}");
        ensemble.start_server(0);
        let load = tokio::time::timeout(PATIENCE, records.load(None));
        let found = load.await.expect("in time").expect("readable");
        match found.revision {
            made if made == last.next() => assert_eq!(found.records[0].value, b"?"),
            made => assert_eq!((made, &found.records[0].value[..]), (last, &[round][..])),
        }
    }
    assert!(last.0 >= 5);
}
