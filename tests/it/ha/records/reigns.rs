//! One leader after the other.

use std::sync::Arc;

use ha::contender;
use records::suite::{Model, Script, create, put};
use records::{CommitError, LoadError, OpenError, PurgeError, Records as _, Revision};
use zookeeper::Access;
use zookeeper_client::Error;

use super::{INSTANCE, Leader, ROOT, SESSION, client, records_of};
use crate::ha::election::paths;
use crate::ha::ensemble::Ensemble;

/// After each commit of a history, and within the next one of the successor.
#[tokio::test]
async fn a_successor_finds_each_commit_and_the_old_leader_is_shut_out() {
    let ensemble = Ensemble::start_with(1).await;
    let (mut model, mut script) = (Model::default(), Script::new(3));
    let mut leader = Leader::come(&ensemble, "0").await;
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    for step in 1..=15 {
        let changes = script.next(&model);
        records.commit(&changes).await.expect("committed");
        model.apply(&changes);
        leader.leave().await;
        let successor = Leader::come(&ensemble, &step.to_string()).await;
        let mut next = successor.records(&ensemble).await;

        // Before the successor has done anything, and after.
        let wrong = [put("wrong", b"")];
        let late = records.commit(&wrong).await;
        assert!(matches!(late, Err(CommitError::Fenced)), "{step}: {late:?}");
        assert_eq!(next.load(None).await.expect("readable"), model.loaded(), "{step}");
        assert!(matches!(records.commit(&wrong).await, Err(CommitError::NotLoaded)));
        let late = records.load(None).await;
        assert!(matches!(late, Err(LoadError::Fenced)), "{step}: {late:?}");
        let again = leader.open(&ensemble, INSTANCE).await.err();
        assert!(matches!(again, Some(OpenError::Fenced)), "{step}: {again:?}");
        let purged = records.purge().await;
        assert!(matches!(purged, Err(PurgeError::Fenced)), "{step}: {purged:?}");
        assert_eq!(next.load(None).await.expect("readable"), model.loaded(), "{step}");
        (leader, records) = (successor, next);
    }
    let last = client(&ensemble).await;
    let nodes = last.list_children(ROOT).await.expect("there");
    let mut tops: Vec<_> = model.records.keys().filter_map(|name| name.split('/').next()).collect();
    tops.dedup();
    assert_eq!(nodes.len(), tops.len(), "{nodes:?}");
}

/// It looked at its own picture of the records, which is no longer the true one.
#[tokio::test]
async fn what_others_changed_is_told_and_left_as_it_is() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = Leader::come(&ensemble, "one").await;
    let mut records = leader.records(&ensemble).await;
    records.load(None).await.expect("readable");
    records.commit(&[create("a/b", b"1"), create("c", b"1")]).await.expect("committed");
    let other = client(&ensemble).await;
    let path = format!("{ROOT}/a/b");
    let (ours, _) = other.get_data(&path).await.expect("there");

    other.set_data(&path, b"mine", None).await.expect("written");
    match records.commit(&[put("c", b"2"), put("a/b", b"2")]).await {
        Err(CommitError::Changed { path: told }) => assert_eq!(told, path),
        other => panic!("{other:?}"),
    }
    assert_eq!(other.get_data(&path).await.expect("there").0, b"mine");
    let error = base::log::chain(&records.load(None).await.expect_err("none of ours"));
    let why = "it is not a record that this program has written";
    assert_eq!(error, format!("failed to read record a/b in {ROOT}: {why}"));

    other.set_data(&path, b"flink-on-mesos-record 2 new\n", None).await.expect("written");
    let error = base::log::chain(&records.load(None).await.expect_err("newer"));
    let why = "it was written by a newer program: format 2, this one reads up to 1";
    assert_eq!(error, format!("failed to read record a/b in {ROOT}: {why}"));

    other.set_data(&path, &ours, None).await.expect("written");
    records.load(None).await.expect("readable");
    assert_eq!(records.commit(&[put("a/b", b"2")]).await.expect("committed"), Revision(2));

    other.set_data(ROOT, br#"{"records-format":2,"all":"new"}"#, None).await.expect("written");
    let error = leader.open(&ensemble, INSTANCE).await.err().expect("newer");
    let error = base::log::chain(&error);
    assert_eq!(error, format!("cannot use {ROOT}: {why}"));
    other.set_data(ROOT, b"", None).await.expect("written");
    let error = base::log::chain(&leader.open(&ensemble, INSTANCE).await.err().expect("none of ours"));
    assert!(error.contains("something other than this program's records"), "{error}");
}

#[tokio::test]
async fn records_of_the_creator_are_closed_to_others() {
    let ensemble = Ensemble::start_with(1).await;
    let mut config = ensemble.config(SESSION);
    config.authorization = vec![("digest".to_owned(), "flink:right".to_owned())];
    config.access = Access::Creator;
    let leader = contender::start(config.clone(), paths(), Vec::new(), Arc::default());
    let mut records = records_of(&leader, config).await;
    records.load(None).await.expect("readable");
    records.commit(&[create("a/b", b"1")]).await.expect("committed");
    records.commit(&[put("a/b", b"2")]).await.expect("committed");
    let other = client(&ensemble).await;
    for path in [ROOT.to_owned(), format!("{ROOT}/a"), format!("{ROOT}/a/b")] {
        let refused = other.get_data(&path).await.expect_err("closed");
        assert!(matches!(refused, Error::NoAuth), "{path}: {refused}");
    }
}
