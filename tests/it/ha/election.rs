//! Contenders in front of real servers that are stopped, killed and brought back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha::contender::{self, Candidacy, Contender, Left};
use ha::paths::Paths;
use nix::sys::signal::Signal;

use super::ensemble::Ensemble;

const SESSION: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(60);

pub fn paths() -> Paths {
    Paths::new("/flink", "/mesos-workers", "/one")
}

pub fn contender(ensemble: &Ensemble, about: &str) -> Contender {
    contender::start(ensemble.config(SESSION), paths(), about.as_bytes().to_vec(), Arc::default())
}

pub async fn until(contender: &Contender, what: &str, is: impl Fn(&Candidacy) -> bool) -> Candidacy {
    let mut standing = contender.candidacy.clone();
    let found = tokio::time::timeout(PATIENCE, standing.wait_for(|standing| is(standing))).await;
    found
        .unwrap_or_else(|_| panic!("never {what}: {:?}", contender.candidacy.borrow()))
        .expect("it runs")
        .clone()
}

pub async fn until_leading(contender: &Contender) -> String {
    let standing =
        until(contender, "leading", |standing| matches!(standing, Candidacy::Leading { .. })).await;
    standing.node().expect("it leads").to_owned()
}

pub async fn until_held(contender: &Contender) {
    let held = tokio::time::timeout(PATIENCE, contender.lease.held()).await;
    assert!(held.is_ok(), "never allowed to act: {:?}", contender.candidacy.borrow());
}

pub async fn until_standby(contender: &Contender, leader: &str) {
    let knows = |standing: &Candidacy| matches!(standing, Candidacy::Standby { leader: Some(about) } if about == leader.as_bytes());
    until(contender, "standing by", knows).await;
}

#[tokio::test]
async fn one_leads_and_the_next_takes_over_at_once_when_it_leaves() {
    let ensemble = Ensemble::start().await;
    let first = contender(&ensemble, "first");
    until_leading(&first).await;
    assert!(first.lease.is_held());
    let second = contender(&ensemble, "second");
    until_standby(&second, "first").await;
    assert!(!second.lease.is_held());
    let third = contender(&ensemble, "third");
    until_standby(&third, "first").await;
    let all = third.members.about().await.expect("they are known");
    assert_eq!(all, [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()]);
    let start = Instant::now();
    first.leave(Left::Cluster).await;
    until_leading(&second).await;
    println!("taken over {:?} after the leader left", start.elapsed());
    assert!(start.elapsed() < SESSION, "it did not wait for the session's end");
    assert!(second.lease.is_held());
    // Who was before it in line is still there.
    until_standby(&third, "second").await;
}

#[tokio::test]
async fn a_server_that_dies_or_hangs_changes_nothing() {
    let mut ensemble = Ensemble::start().await;
    let contender = contender(&ensemble, "one");
    let node = until_leading(&contender).await;
    for index in 0..ensemble.len() {
        ensemble.kill_server(index);
        still_leads(&contender, &node).await;
        ensemble.start_server(index);
        ensemble.until_serving().await;
        ensemble.signal_server(index, Signal::SIGSTOP);
        still_leads(&contender, &node).await;
        ensemble.signal_server(index, Signal::SIGCONT);
        ensemble.until_serving().await;
    }
    assert_eq!(contender.candidacy.borrow().node(), Some(&*node));
}

/// For longer than its session would last without a server.
async fn still_leads(contender: &Contender, node: &str) {
    tokio::time::sleep(SESSION * 2).await;
    until_held(contender).await;
    assert_eq!(contender.candidacy.borrow().node(), Some(node));
}

#[tokio::test]
async fn without_a_majority_nobody_acts_and_the_leader_goes_on_when_it_is_back() {
    let mut ensemble = Ensemble::start().await;
    let first = contender(&ensemble, "first");
    let node = until_leading(&first).await;
    let second = contender(&ensemble, "second");
    until_standby(&second, "first").await;
    let leader = ensemble.leader().await;
    let others: Vec<_> = (0..ensemble.len()).filter(|index| *index != leader).collect();
    let start = Instant::now();
    others.iter().for_each(|index| ensemble.kill_server(*index));
    until(&first, "suspended", |standing| matches!(standing, Candidacy::Suspended { .. })).await;
    println!("suspended {:?} after the majority was lost", start.elapsed());
    assert!(start.elapsed() < SESSION, "before its session could have ended");
    assert!(!first.lease.is_held());
    tokio::time::sleep(SESSION * 4).await;
    assert!(!first.lease.is_held() && !second.lease.is_held());
    others.iter().for_each(|index| ensemble.start_server(*index));
    let back = Instant::now();
    until_held(&first).await;
    println!("went on {:?} after the majority was back", back.elapsed());
    assert_eq!(first.candidacy.borrow().node(), Some(&*node), "without another election");
    assert!(!second.lease.is_held());
}

/// A cluster of the same name has ended before, and its order to end was left behind.
#[tokio::test]
async fn an_order_to_end_that_was_left_behind_ends_nobody_and_another_is_given() {
    let ensemble = Ensemble::start().await;
    let (first, second) = (contender(&ensemble, "first"), contender(&ensemble, "second"));
    for contender in [&first, &second] {
        until(contender, "in line", |standing| !matches!(standing, Candidacy::Away { .. })).await;
    }
    first.order_end().await.expect("given");
    until_ending(&first, true).await;
    until_ending(&second, true).await;
    first.leave(Left::Cluster).await;
    second.leave(Left::Cluster).await;

    let third = contender(&ensemble, "third");
    until_leading(&third).await;
    let client = third.clients.borrow().clone().expect("it leads");
    assert!(client.check_stat(&paths().ended).await.expect("an answer").is_some());
    until_ending(&third, false).await;
    third.order_end().await.expect("given");
    until_ending(&third, true).await;
    third.order_end().await.expect("a second order changes nothing");
    until_ending(&third, true).await;
}

async fn until_ending(contender: &Contender, expected: bool) {
    let mut ending = contender.ending.clone();
    let found = tokio::time::timeout(PATIENCE, ending.wait_for(|ending| *ending == Some(expected))).await;
    found
        .unwrap_or_else(|_| panic!("never told {expected}: {:?}", contender.ending.borrow()))
        .expect("it runs");
}
