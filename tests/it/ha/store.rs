//! The one suite for all stores, and what only ZooKeeper's has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::log;
use domain::group::GroupName;
use domain::state::{Goal, State, TaskRecord};
use domain::store::{Store, StoreError};
use ha::contender::{Contender, Left};
use ha::memory::{self, MemoryStore};
use ha::zookeeper::{MAX_NODE_BYTES, ZooKeeperStore};
use zookeeper::Access;
use zookeeper_client::{Acls, Client, CreateMode};

use super::election::{contender, paths, until_leading};
use super::ensemble::Ensemble;

const SESSION: Duration = Duration::from_secs(4);

pub type Step = Box<dyn Fn(&mut State)>;

/// What happens to a state, one write after the other.
pub fn history() -> Vec<Step> {
    vec![
        Box::new(|state| state.framework_id = Some("f-0001".to_owned())),
        Box::new(|state| drop(state.tasks.insert("taskmanager-00001".to_owned(), record("a")))),
        Box::new(|state| state.tasks.extend((2..200).map(|number| (id(number), record("b"))))),
        Box::new(|state| state.tasks.get_mut(&id(100)).expect("there").goal = Goal::End),
        Box::new(|state| drop(state.tasks.remove(&id(100)))),
        Box::new(|state| state.tasks.retain(|id, _| id.ends_with('1'))),
        Box::new(|state| state.group_mut(&GroupName::TASKMANAGERS).scale = Some(3)),
        Box::new(|_| {}),
        Box::new(|state| state.tasks.clear()),
    ]
}

/// `successor` gives a store as another worker would have it.
async fn suite<S: Store>(mut successor: impl AsyncFnMut() -> S) {
    let mut store = successor().await;
    assert_eq!(store.load().await.expect("readable"), None);
    let mut state = State { task_counter: 1, token_secret: [7; 32], ..State::default() };
    for change in history() {
        change(&mut state);
        store.save(&state).await.expect("stored");
        assert_eq!(successor().await.load().await.expect("readable"), Some(state.clone()));
    }
    let mut next = successor().await;
    next.load().await.expect("readable");
    state.archived.push("f-0000".to_owned());
    next.save(&state).await.expect("stored");
    assert_eq!(successor().await.load().await.expect("readable"), Some(state.clone()));
    next.clear().await.expect("cleared");
    assert_eq!(successor().await.load().await.expect("readable"), None);
    next.save(&state).await.expect("stored");
    assert_eq!(successor().await.load().await.expect("readable"), Some(state));
}

pub fn id(number: u64) -> String {
    format!("taskmanager-{number:05}")
}

pub fn record(host: &str) -> TaskRecord {
    TaskRecord::new(
        "0e7fbd0c-6a7f-4a51-9e0b-5d5fb1a9a6ab-S123".to_owned(),
        format!("{host}.rack-7.example.org"),
    )
}

async fn store_of(ensemble: &Ensemble, contender: &Contender) -> ZooKeeperStore {
    let node = until_leading(contender).await;
    ZooKeeperStore::new(ensemble.config(SESSION), paths(), contender.clients.clone(), &node)
}

#[tokio::test]
async fn the_memory_file_passes_the_suite() {
    let file = memory::create().expect("a memory file");
    suite(async || MemoryStore::new(file.try_clone().expect("a second descriptor"))).await;
}

#[tokio::test]
async fn zookeeper_passes_the_suite() {
    let ensemble = Ensemble::start_with(1).await;
    let leader = contender(&ensemble, "leader");
    suite(async || store_of(&ensemble, &leader).await).await;
}

#[tokio::test]
async fn who_leads_no_longer_writes_nothing() {
    let ensemble = Ensemble::start().await;
    let first = contender(&ensemble, "first");
    let mut old = store_of(&ensemble, &first).await;
    let state = State { task_counter: 5, ..State::default() };
    old.save(&state).await.expect("stored");
    // It keeps a client that works, as if it had not noticed yet.
    let client = first.clients.borrow().clone();
    let (_keep, clients) = tokio::sync::watch::channel(client);
    let node = first.candidacy.borrow().node().expect("it leads").to_owned();
    let mut late = ZooKeeperStore::new(ensemble.config(SESSION), paths(), clients, &node);
    late.load().await.expect("readable");

    first.leave(Left::Cluster).await;
    let second = contender(&ensemble, "second");
    let mut new = store_of(&ensemble, &second).await;
    assert_eq!(new.load().await.expect("readable"), Some(state.clone()));
    let wrong = State { task_counter: 99, ..state.clone() };
    assert!(matches!(late.save(&wrong).await, Err(StoreError::Fenced)));
    assert!(matches!(late.clear().await, Err(StoreError::Fenced)));
    let next = State { task_counter: 6, ..state };
    new.save(&next).await.expect("stored");
    assert!(matches!(late.save(&wrong).await, Err(StoreError::Fenced)));
    assert_eq!(new.load().await.expect("readable"), Some(next));
}

#[tokio::test]
async fn a_write_outlasts_the_server_it_was_sent_to() {
    let mut ensemble = Ensemble::start().await;
    let contender = contender(&ensemble, "one");
    let mut store = store_of(&ensemble, &contender).await;
    let mut state = State::default();
    for index in 0..ensemble.len() {
        ensemble.kill_server(index);
        for _ in 0..20 {
            state.task_counter += 1;
            store.save(&state).await.expect("stored");
        }
        ensemble.start_server(index);
        ensemble.until_serving().await;
    }
    assert_eq!(store.load().await.expect("readable"), Some(state));
}

#[tokio::test]
async fn ten_thousand_workers_stay_far_from_the_limit() {
    let ensemble = Ensemble::start().await;
    let contender = contender(&ensemble, "one");
    for workers in [5_000, 10_000] {
        let mut store = store_of(&ensemble, &contender).await;
        let before = store.load().await.expect("readable").unwrap_or_default();
        let mut state =
            State { tasks: (0..workers).map(|number| (id(number), record("host-123"))).collect(), ..before };
        let start = Instant::now();
        store.save(&state).await.expect("stored");
        let all = start.elapsed();
        let start = Instant::now();
        const CHANGES: u32 = 50;
        for number in 0..CHANGES {
            state.tasks.get_mut(&id(u64::from(number) * 71)).expect("there").fetched = true;
            store.save(&state).await.expect("stored");
        }
        let one = start.elapsed() / CHANGES;
        let start = Instant::now();
        let mut successor = store_of(&ensemble, &contender).await;
        assert_eq!(successor.load().await.expect("readable"), Some(state));
        let load = start.elapsed();
        let (nodes, largest, sum) = sizes(&ensemble).await;
        println!(
            "{workers} workers: {nodes} nodes, {sum} bytes, the largest {largest}; all written in {all:?}, one \
             change in {one:?}, read in {load:?}"
        );
        assert!(largest < MAX_NODE_BYTES / 8, "{largest}");
    }
}

async fn sizes(ensemble: &Ensemble) -> (usize, usize, usize) {
    let client = Client::connect(&ensemble.quorum()).await.expect("a session");
    let names = client.list_children(&paths().state).await.expect("a list");
    let mut sizes = Vec::new();
    for name in names {
        sizes.push(client.get_data(&paths().shard(&name)).await.expect("content").0.len());
    }
    (sizes.len(), sizes.iter().copied().max().unwrap_or_default(), sizes.iter().sum())
}

#[tokio::test]
async fn what_others_wrote_is_told_and_left_as_it_is() {
    let ensemble = Ensemble::start_with(1).await;
    let contender = contender(&ensemble, "one");
    let mut store = store_of(&ensemble, &contender).await;
    let client = Client::connect(&ensemble.quorum()).await.expect("a session");
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let state = paths().state;

    client.create(&state, b"\xac\xed\x00\x05sr", &open).await.expect("made");
    let foreign = store.load().await.expect_err("no state");
    assert_eq!(
        log::chain(&foreign),
        format!(
            "failed to read the state at {state}: it is not a state that this program has written: expected value at line 1 column 1"
        )
    );
    client.set_data(&state, br#"{"version":9,"all":"new"}"#, None).await.expect("written");
    let newer = store.load().await.expect_err("a newer state");
    assert_eq!(
        log::chain(&newer),
        format!(
            "failed to read the state at {state}: it was written by a newer program: version 9, this one reads up to 2"
        )
    );
    assert_eq!(client.get_data(&state).await.expect("there").0, br#"{"version":9,"all":"new"}"#);

    client.delete(&state, None).await.expect("deleted");
    assert_eq!(store.load().await.expect("readable"), None);
    let first = State { task_counter: 1, ..State::default() };
    store.save(&first).await.expect("stored");
    client.set_data(&state, b"mine", None).await.expect("written");
    let changed = store.save(&State { task_counter: 2, ..first }).await.expect_err("not as it was left");
    assert_eq!(
        log::chain(&changed),
        format!("a process other than the leading AppMaster has changed {state}")
    );
    assert_eq!(client.get_data(&state).await.expect("there").0, b"mine");
}

#[tokio::test]
async fn a_state_that_somebody_removed_is_written_again() {
    let ensemble = Ensemble::start_with(1).await;
    let contender = contender(&ensemble, "one");
    let mut store = store_of(&ensemble, &contender).await;
    let client = Client::connect(&ensemble.quorum()).await.expect("a session");
    let remove = async || {
        let state = paths().state;
        for name in client.list_children(&state).await.expect("there") {
            client.delete(&paths().shard(&name), None).await.expect("deleted");
        }
        client.delete(&state, None).await.expect("deleted");
    };
    let mut state = State { task_counter: 2, ..State::default() };
    state.tasks.extend([(id(1), record("a")), (id(2), record("b"))]);
    store.save(&state).await.expect("stored");
    remove().await;
    state.tasks.remove(&id(1));
    store.save(&state).await.expect("stored again");
    assert_eq!(store_of(&ensemble, &contender).await.load().await.expect("readable"), Some(state));
    remove().await;
    store.clear().await.expect("nothing is left to clear");
}

#[tokio::test]
async fn nodes_of_the_creator_are_closed_to_others() {
    let ensemble = Ensemble::start_with(1).await;
    let digest = |password: &str| {
        let mut config = ensemble.config(SESSION);
        config.authorization = vec![("digest".to_owned(), format!("flink:{password}"))];
        config.access = Access::Creator;
        config
    };
    use ha::contender::{self, Candidacy};
    let right = contender::start(digest("right"), paths(), Vec::new(), Arc::default());
    let node = until_leading(&right).await;
    let mut store = ZooKeeperStore::new(digest("right"), paths(), right.clients.clone(), &node);
    store.save(&State::default()).await.expect("stored");
    store.save(&State { task_counter: 1, ..State::default() }).await.expect("stored");

    let wrong = contender::start(digest("wrong"), paths(), Vec::new(), Arc::default());
    let failed =
        super::election::until(&wrong, "failed", |standing| matches!(standing, Candidacy::Failed(_))).await;
    let Candidacy::Failed(error) = failed else { unreachable!("it was waited for") };
    let (servers, line) = (ensemble.quorum(), paths().line);
    assert_eq!(log::chain(&*error), format!("ZooKeeper at {servers}: {line}: not authorized"));
}
