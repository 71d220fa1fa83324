//! At every step of a state's history a leader is followed by another, and then tries to go on.

use std::time::Duration;

use domain::state::State;
use domain::store::{Store, StoreError};
use ha::contender::{Contender, Left};
use ha::zookeeper::ZooKeeperStore;
use tokio::sync::watch;
use zookeeper_client::Client;

use super::election::{contender, paths, until_leading};
use super::ensemble::Ensemble;
use super::store::{history, id, record};

const SESSION: Duration = Duration::from_secs(4);
const TASKS: u64 = 5_000;

/// A leader that does not hear that it leads no longer.
struct Leader {
    contender: Contender,
    store: ZooKeeperStore,
    fence: String,
    /// Its session goes on.
    _clients: watch::Sender<Option<Client>>,
}

impl Leader {
    /// With what it has found.
    async fn come(ensemble: &Ensemble, name: &str) -> (Self, Option<State>) {
        let contender = contender(ensemble, name);
        let node = until_leading(&contender).await;
        let (sender, clients) = watch::channel(contender.clients.borrow().clone());
        let mut store = ZooKeeperStore::new(ensemble.config(SESSION), paths(), clients, &node);
        let found = store.load().await.expect("readable");
        (Self { contender, store, fence: paths().in_line(&node), _clients: sender }, found)
    }

    /// It writes no more, whatever it wants to write.
    async fn is_shut_out(&mut self, state: &State) {
        assert!(matches!(self.store.save(state).await, Err(StoreError::Fenced)));
        assert!(matches!(self.store.clear().await, Err(StoreError::Fenced)));
    }
}

#[tokio::test]
async fn after_each_write_a_successor_finds_it_and_the_old_leader_is_shut_out() {
    let ensemble = Ensemble::start().await;
    let (mut leader, found) = Leader::come(&ensemble, "0").await;
    assert_eq!(found, None);
    let mut state = State { task_counter: 1, token_secret: [7; 32], ..State::default() };
    for (number, change) in history().into_iter().enumerate() {
        change(&mut state);
        leader.store.save(&state).await.expect("stored");
        leader.contender.leave(Left::Cluster).await;
        let (successor, found) = Leader::come(&ensemble, &(number + 1).to_string()).await;
        assert_eq!(found.as_ref(), Some(&state), "after write {number}");
        let next = State { task_counter: state.task_counter + 1, ..state.clone() };
        leader.is_shut_out(&next).await;
        leader = successor;
        assert_eq!(leader.store.load().await.expect("readable"), Some(state.clone()), "after write {number}");
        // Half a step of the successor does not let the old one in either.
        state.task_counter += 1;
        leader.store.save(&state).await.expect("stored");
    }
}

/// A large state takes several transactions: whichever of them are done, a successor can go on with them.
#[tokio::test]
async fn a_write_that_is_cut_short_leaves_a_state_that_a_successor_can_go_on_with() {
    let ensemble = Ensemble::start().await;
    let first = State { token_secret: [7; 32], ..State::default() };
    let (mut leader, _) = Leader::come(&ensemble, "0").await;
    leader.store.save(&first).await.expect("stored");
    let large = State {
        task_counter: TASKS,
        tasks: (1..=TASKS).map(|number| (id(number), record("host-123"))).collect(),
        ..first.clone()
    };
    let other = Client::connect(&ensemble.quorum()).await.expect("a session");
    let (stat, changes) = other.check_and_watch_stat(&paths().state).await.expect("an answer");
    assert!(stat.is_some());
    let fence = leader.fence.clone();
    let cut = tokio::spawn(async move {
        changes.changed().await;
        other.delete(&fence, None).await.expect("it was there");
    });
    let end = leader.store.save(&large).await;
    cut.await.expect("no panic");
    assert!(matches!(end, Ok(()) | Err(StoreError::Fenced)), "{end:?}");

    let (mut successor, found) = Leader::come(&ensemble, "1").await;
    let found = found.expect("a state");
    println!("{} of {TASKS} tasks were written when the leader lost its right: {end:?}", found.tasks.len());
    assert_eq!(found.task_counter, TASKS, "no name is given twice");
    assert!(found.tasks.iter().all(|(id, record)| large.tasks.get(id) == Some(record)));
    leader.is_shut_out(&first).await;
    successor.store.save(&large).await.expect("stored");
    assert_eq!(successor.store.load().await.expect("readable"), Some(large));
}
