//! What every store of records does, for the tests of each.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use crate::{
    Change, CommitError, Conflict, Expected, Key, Loaded, MAX_CHANGES, MAX_COMMIT_BYTES, MAX_VALUE_BYTES,
    OpenError, Record, Records, Revision, RootError,
};

/// Somewhere to keep records, with nothing in it at first.
pub trait Storage {
    type Records: Records;

    /// As another process would, after the one before has ended.
    fn open(&mut self, instance: &str) -> impl Future<Output = Result<Self::Records, OpenError>>;
}

const INSTANCE: &str = "one";

pub async fn all(place: &mut impl Storage) {
    a_successor_finds_what_was_committed(place).await;
    a_change_that_does_not_find_what_it_expects_changes_nothing(place).await;
    what_is_too_large_is_refused_before_anything_is_written(place).await;
    records_are_found_below_a_name(place).await;
    what_becomes_of_a_commit_that_nobody_waits_for_is_told_by_the_next_load(place).await;
    a_place_belongs_to_one_instance(place).await;
    a_history_of_many_changes_is_as_it_should_be(place, 120).await;
}

pub fn key(name: &str) -> Key {
    Key::parse(name).expect("a name")
}

pub fn create(name: &str, value: &[u8]) -> Change {
    Change::Create { key: key(name), value: value.to_vec() }
}

pub fn put(name: &str, value: &[u8]) -> Change {
    Change::Put { key: key(name), value: value.to_vec(), expected: Expected::Any }
}

pub fn delete(name: &str) -> Change {
    Change::Delete { key: key(name), expected: Expected::Any }
}

pub fn put_at(name: &str, value: &[u8], revision: u64) -> Change {
    Change::Put { key: key(name), value: value.to_vec(), expected: Expected::At(Revision(revision)) }
}

pub fn delete_at(name: &str, revision: u64) -> Change {
    Change::Delete { key: key(name), expected: Expected::At(Revision(revision)) }
}

fn record(name: &str, revision: u64, value: &[u8]) -> Record {
    Record { key: key(name), revision: Revision(revision), value: value.to_vec() }
}

async fn opened<P: Storage>(place: &mut P) -> (P::Records, Loaded) {
    let mut records = place.open(INSTANCE).await.expect("open");
    let loaded = records.load(None).await.expect("readable");
    (records, loaded)
}

async fn a_successor_finds_what_was_committed(place: &mut impl Storage) {
    let (mut records, loaded) = opened(place).await;
    assert_eq!(loaded, Loaded { revision: Revision(0), records: Vec::new() });
    // Any bytes, none, and names on all levels.
    let value: Vec<u8> = (0..=255).collect();
    let first = [create("a/b/c", &value), create("a", b""), put("audit/1", b"x")];
    assert_eq!(records.commit(&first).await.expect("committed"), Revision(1));
    drop(records);
    let (mut records, loaded) = opened(place).await;
    let expected = vec![record("a", 1, b""), record("a/b/c", 1, &value), record("audit/1", 1, b"x")];
    assert_eq!(loaded, Loaded { revision: Revision(1), records: expected });
    // Each commit follows from the one before, by the same writer and by another.
    let second = [put_at("a", b"y", 1), delete_at("a/b/c", 1), create("a/b", b"z")];
    assert_eq!(records.commit(&second).await.expect("committed"), Revision(2));
    assert_eq!(records.commit(&[delete("a")]).await.expect("committed"), Revision(3));
    assert_eq!(records.commit(&[delete("not/there")]).await.expect("committed"), Revision(4));
    let own = records.load(None).await.expect("readable");
    drop(records);
    let (records, loaded) = opened(place).await;
    let expected = vec![record("a/b", 2, b"z"), record("audit/1", 1, b"x")];
    assert_eq!(loaded, Loaded { revision: Revision(4), records: expected });
    assert_eq!(own, loaded);
    records.purge().await.expect("purged");
}

async fn a_change_that_does_not_find_what_it_expects_changes_nothing(place: &mut impl Storage) {
    let mut records = place.open(INSTANCE).await.expect("open");
    let early = records.commit(&[create("a", b"1")]).await;
    assert!(matches!(early, Err(CommitError::NotLoaded)), "{early:?}");
    records.load(None).await.expect("readable");
    records.commit(&[create("a", b"1"), create("b", b"1")]).await.expect("committed");
    records.commit(&[put("a", b"2")]).await.expect("committed");
    let before = records.load(None).await.expect("readable");
    let exists = Conflict::Exists { found: Revision(2) };
    let other = Conflict::Other { found: Revision(2), wanted: Revision(1) };
    let missing = Conflict::Missing { wanted: Revision(2) };
    for (change, expected) in [
        (create("a", b"3"), exists),
        (put_at("a", b"3", 1), other),
        (delete_at("a", 1), other),
        (put_at("c/d", b"3", 2), missing),
        (delete_at("c/d", 2), missing),
    ] {
        let name = change.key().clone();
        // Good ones before and after it are not made either.
        let refused = records.commit(&[put("b", b"3"), change, create("e/f", b"3")]).await;
        match refused {
            Err(CommitError::Conflict { key, why }) => assert_eq!((key, why), (name, expected)),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(records.load(None).await.expect("readable"), before);
    }
    let twice = records.commit(&[put("a", b"3"), put("b", b"3"), delete("a")]).await;
    assert!(matches!(&twice, Err(CommitError::Twice { key }) if key.as_str() == "a"), "{twice:?}");
    // One that was removed and made again is another.
    records.commit(&[delete("a")]).await.expect("committed");
    records.commit(&[create("a", b"2")]).await.expect("committed");
    let late = records.commit(&[put_at("a", b"3", 2)]).await;
    assert!(matches!(late, Err(CommitError::Conflict { .. })), "{late:?}");
    assert_eq!(records.commit(&[put_at("a", b"3", 4)]).await.expect("committed"), Revision(5));
    records.purge().await.expect("purged");
}

async fn what_is_too_large_is_refused_before_anything_is_written(place: &mut impl Storage) {
    let (mut records, _) = opened(place).await;
    let large = records.commit(&[create("a", b""), create("b/c", &vec![7; MAX_VALUE_BYTES + 1])]).await;
    let is_named = matches!(&large, Err(CommitError::TooLarge { key, .. }) if key.as_str() == "b/c");
    assert!(is_named, "{large:?}");
    let many: Vec<_> = (0..=MAX_CHANGES).map(|number| create(&format!("a/{number}"), b"")).collect();
    let refused = records.commit(&many).await;
    assert!(matches!(refused, Err(CommitError::TooMany { found: 65 })), "{refused:?}");
    let part = vec![7; MAX_COMMIT_BYTES / 3];
    let much = records.commit(&[create("a", &part), create("b", &part), create("c", &part)]).await;
    assert!(matches!(much, Err(CommitError::TooMuch { .. })), "{much:?}");
    let nothing = Loaded { revision: Revision(0), records: Vec::new() };
    assert_eq!(records.load(None).await.expect("readable"), nothing);

    // As much as is allowed, each in the deepest place that there is.
    let value = vec![8; MAX_COMMIT_BYTES / MAX_CHANGES - 400];
    let deep = |number| format!("{number:030}/b/c/d/e/f/{}/h", "g".repeat(200));
    let most: Vec<_> = (0..MAX_CHANGES).map(|number| create(&deep(number), &value)).collect();
    records.commit(&most).await.expect("committed");
    records.commit(&[create("one", &vec![9; MAX_VALUE_BYTES])]).await.expect("committed");
    drop(records);
    let (records, loaded) = opened(place).await;
    assert_eq!(loaded.records.len(), MAX_CHANGES + 1);
    let whole = |record: &Record| record.value == value || record.value == [9; MAX_VALUE_BYTES];
    assert!(loaded.records.iter().all(whole));
    records.purge().await.expect("purged");
}

async fn records_are_found_below_a_name(place: &mut impl Storage) {
    let (mut records, _) = opened(place).await;
    let names = ["a", "a-b", "a-b/c", "a/b", "a/b/c", "a/b0", "a0", "ab", "b/a"];
    let changes: Vec<_> = names.iter().map(|name| create(name, name.as_bytes())).collect();
    records.commit(&changes).await.expect("committed");
    for (below, expected) in [
        (Some("a"), &["a", "a/b", "a/b/c", "a/b0"][..]),
        (Some("a/b"), &["a/b", "a/b/c"]),
        (Some("b"), &["b/a"]),
        (Some("b/a/c"), &[]),
        (None, &names),
    ] {
        let below = below.map(key);
        let loaded = records.load(below.as_ref()).await.expect("readable");
        let found: Vec<_> = loaded.records.iter().map(|record| record.key.as_str()).collect();
        assert_eq!(found, expected, "{below:?}");
        assert!(loaded.records.iter().all(|record| record.value == record.key.as_str().as_bytes()));
    }
    records.purge().await.expect("purged");
}

async fn what_becomes_of_a_commit_that_nobody_waits_for_is_told_by_the_next_load(place: &mut impl Storage) {
    let (mut records, mut before) = opened(place).await;
    for round in 0..20_u8 {
        let change = [put("a", &[round]), put("b/c", &[round])];
        let waited = tokio::time::timeout(Duration::ZERO, records.commit(&change)).await;
        if waited.is_err() {
            let early = records.commit(&change).await;
            assert!(matches!(early, Err(CommitError::NotLoaded)), "{early:?}");
        }
        let found = records.load(None).await.expect("readable");
        let made = vec![record("a", found.revision.0, &[round]), record("b/c", found.revision.0, &[round])];
        let is_made = found.revision == before.revision.next() && found.records == made;
        assert!(is_made || found == before, "{found:?}");
        before = found;
    }
    records.commit(&[put("a", b"")]).await.expect("committed");
    records.purge().await.expect("purged");
}

async fn a_place_belongs_to_one_instance(place: &mut impl Storage) {
    let (mut records, _) = opened(place).await;
    records.commit(&[create("a/b", b"1")]).await.expect("committed");
    drop(records);
    match place.open("two").await {
        Err(OpenError::Place(error)) => {
            let expected = "it has the records of instance \"one\", not of \"two\"";
            assert_eq!(error.source.to_string(), expected);
            assert!(matches!(error.source, RootError::OtherInstance { .. }));
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("opened"),
    }
    let (records, loaded) = opened(place).await;
    assert_eq!(loaded.records, [record("a/b", 1, b"1")]);
    records.purge().await.expect("purged");
    let mut other = place.open("two").await.expect("nobody's");
    let nothing = Loaded { revision: Revision(0), records: Vec::new() };
    assert_eq!(other.load(None).await.expect("readable"), nothing);
    other.purge().await.expect("purged");
}

/// What there should be.
#[derive(Default)]
pub struct Model {
    pub revision: u64,
    pub records: BTreeMap<String, (u64, Vec<u8>)>,
}

impl Model {
    pub fn apply(&mut self, changes: &[Change]) {
        self.revision += 1;
        for change in changes {
            let name = change.key().to_string();
            match change.value() {
                Some(value) => drop(self.records.insert(name, (self.revision, value.to_vec()))),
                None => drop(self.records.remove(&name)),
            }
        }
    }

    pub fn loaded(&self) -> Loaded {
        let records = self.records.iter().map(|(name, (revision, value))| record(name, *revision, value));
        Loaded { revision: Revision(self.revision), records: records.collect() }
    }
}

/// Changes that are the same each time.
pub struct Script(u64);

impl Script {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A commit that can be made. Few names, so that they meet.
    pub fn next(&mut self, model: &Model) -> Vec<Change> {
        let mut changes = BTreeMap::new();
        for _ in 0..=self.below(6) {
            let depth = 1 + self.below(3);
            let segments: Vec<_> = (0..depth).map(|_| ["a", "b", "c-1"][self.below(3) as usize]).collect();
            let name = segments.join("/");
            let length = [0, 10, 300, 9_000][self.below(4) as usize];
            let value = vec![self.below(256) as u8; length];
            let found = model.records.get(&name).map(|(revision, _)| *revision);
            let change = match (self.below(5), found) {
                (0 | 1, Some(revision)) => delete_at(&name, revision),
                (2, Some(revision)) => put_at(&name, &value, revision),
                (2, None) => create(&name, &value),
                (0, None) => delete(&name),
                _ => put(&name, &value),
            };
            changes.insert(name, change);
        }
        changes.into_values().collect()
    }
}

async fn a_history_of_many_changes_is_as_it_should_be(place: &mut impl Storage, length: u64) {
    let (mut records, _) = opened(place).await;
    let mut model = Model::default();
    let mut script = Script::new(7);
    for step in 1..=length {
        let changes = script.next(&model);
        let revision = records.commit(&changes).await.unwrap_or_else(|error| panic!("{step}: {error:?}"));
        model.apply(&changes);
        assert_eq!(revision, Revision(step));
        if step % 10 == 0 {
            assert_eq!(records.load(None).await.expect("readable"), model.loaded(), "{step}");
        }
        if step % 30 == 0 {
            drop(records);
            let loaded;
            (records, loaded) = opened(place).await;
            assert_eq!(loaded, model.loaded(), "{step}");
        }
    }
    // Nothing is left of what was above them.
    let all: Vec<_> = model.records.keys().map(|name| delete(name)).collect();
    for changes in all.chunks(MAX_CHANGES) {
        records.commit(changes).await.expect("committed");
    }
    assert_eq!(records.load(None).await.expect("readable").records, []);
    records.purge().await.expect("purged");
}
