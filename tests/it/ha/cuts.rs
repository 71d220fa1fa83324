//! A leader that loses the network to ZooKeeper, and an ensemble that is started again as a whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::state::State;
use domain::store::{Store, StoreError};
use ha::contender::{self, Candidacy, Contender};
use ha::zookeeper::ZooKeeperStore;

use super::election::{contender, paths, until, until_held, until_leading, until_standby};
use super::ensemble::Ensemble;
use super::proxy::{Passage, Proxy};

const SESSION: Duration = Duration::from_secs(4);

/// Both leases are looked at so often.
const LOOK: Duration = Duration::from_millis(2);

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_before_another_starts() {
    let ensemble = Ensemble::start().await;
    for passage in [Passage::Silent, Passage::Closed] {
        let mut proxies = Vec::new();
        for index in 0..ensemble.len() {
            proxies.push(Proxy::to(ensemble.address(index)).await);
        }
        let mut config = ensemble.config(SESSION);
        let servers: Vec<_> = proxies.iter().map(|proxy| proxy.address.to_string()).collect();
        config.servers = servers.join(",");
        let first = contender::start(config.clone(), paths(), b"first".to_vec(), Arc::default());
        let node = until_leading(&first).await;
        let mut store = ZooKeeperStore::new(config, paths(), first.clients.clone(), &node);
        let before = store.load().await.expect("readable").unwrap_or_default();
        let state = State { task_counter: before.task_counter + 1, ..before };
        store.save(&state).await.expect("stored");
        let second = contender(&ensemble, "second");
        until_standby(&second, "first").await;

        let start = Instant::now();
        proxies.iter().for_each(|proxy| proxy.set(passage));
        let (stopped, started) = tokio::join!(until_let_go(&first, start), until_acting(&second, start));
        println!("{passage:?}: the leader stopped after {stopped:?}, the other started after {started:?}");
        assert!(stopped < started);

        proxies.iter().for_each(|proxy| proxy.set(Passage::Open));
        let wrong = State { task_counter: state.task_counter + 1, ..state.clone() };
        let late = store.save(&wrong).await;
        assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
        until_standby(&first, "second").await;
        assert!(!first.lease.is_held() && second.lease.is_held());
        assert_eq!(store.load().await.expect("readable"), Some(state));
    }
}

async fn until_let_go(contender: &Contender, start: Instant) -> Duration {
    while contender.lease.is_held() {
        tokio::time::sleep(LOOK).await;
    }
    start.elapsed()
}

async fn until_acting(contender: &Contender, start: Instant) -> Duration {
    until_held(contender).await;
    start.elapsed()
}

#[tokio::test]
async fn one_leads_after_the_whole_ensemble_was_started_again() {
    let mut ensemble = Ensemble::start().await;
    let first = contender(&ensemble, "first");
    let node = until_leading(&first).await;
    let second = contender(&ensemble, "second");
    until_standby(&second, "first").await;
    (0..ensemble.len()).for_each(|index| ensemble.kill_server(index));
    until(&first, "suspended", |standing| matches!(standing, Candidacy::Suspended { .. })).await;
    assert!(!first.lease.is_held() && !second.lease.is_held());
    (0..ensemble.len()).for_each(|index| ensemble.start_server(index));
    let back = Instant::now();
    until_held(&first).await;
    println!("the leader went on {:?} after the servers were started again", back.elapsed());
    assert_eq!(first.candidacy.borrow().node(), Some(&*node), "its session is older than the servers");
    assert!(!second.lease.is_held());
}
