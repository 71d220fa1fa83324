use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;
use domain::record::RecordError;
use domain::state::TaskRecord;

const HOLDER: &str = "process 7 on host a";

/// A cluster's directory below one that is there.
struct Place {
    base: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { base: tempfile::tempdir().expect("a directory") }
    }

    fn directory(&self) -> PathBuf {
        self.base.path().join("states").join("flink-1")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    fn hold(&self) -> Result<Hold, HoldError> {
        Hold::take(&self.directory(), HOLDER)
    }

    fn store(&self) -> Files {
        let lock = self.hold().expect("held").into_lock();
        Files { directory: self.directory(), lock: lock.into() }
    }

    fn write(&self, state: &State) -> Files {
        let store = self.store();
        store.write(&record::encode(state).expect("encoded")).expect("written");
        store
    }
}

fn numbered(number: u64) -> State {
    let record = TaskRecord::new("S0".into(), "a".into());
    let tasks = (1..=number).map(|task| (format!("taskmanager-{task:05}"), record.clone())).collect();
    State { task_counter: number, framework_id: Some("f-0001".into()), tasks, ..State::default() }
}

fn told(error: &HoldError) -> String {
    base::log::chain(error)
}

#[test]
fn the_next_appmaster_reads_what_was_written_last() {
    let place = Place::new();
    assert_eq!(place.hold().expect("held").state, None);
    for number in 1..=3 {
        drop(place.write(&numbered(number)));
        assert_eq!(place.hold().expect("held").state, Some(numbered(number)));
    }
    let store = place.store();
    store.remove().expect("removed");
    store.remove().expect("nothing to remove");
    drop(store);
    assert_eq!(place.hold().expect("held").state, None);
    assert!(!place.file(NEW).exists());
}

#[test]
fn a_write_that_ends_after_any_byte_leaves_the_older_state() {
    let place = Place::new();
    drop(place.write(&numbered(1)));
    let bytes = record_file::wrap(&record::encode(&numbered(2)).expect("encoded"));
    for length in 0..=bytes.len() {
        fs::write(place.file(NEW), &bytes[..length]).expect("written");
        assert_eq!(read(&place.directory()).expect("readable"), Some(numbered(1)), "after {length} bytes");
    }
    drop(place.write(&numbered(3)));
    assert_eq!(read(&place.directory()).expect("readable"), Some(numbered(3)));
}

#[test]
fn a_state_cut_short_anywhere_is_refused_and_left_as_it_is() {
    let place = Place::new();
    drop(place.write(&numbered(1)));
    let whole = fs::read(place.file(STATE)).expect("a state");
    for length in 0..whole.len() {
        fs::write(place.file(STATE), &whole[..length]).expect("written");
        let error = place.hold().expect_err("cut short");
        let text = told(&error);
        assert!(
            text.contains(&place.file(STATE).display().to_string()) && text.contains("damaged"),
            "{text}"
        );
        assert_eq!(error.exit(), base::exit::Exit::Data);
        assert_eq!(fs::read(place.file(STATE)).expect("a state"), &whole[..length]);
    }
}

proptest! {
    #[test]
    fn damage_is_never_taken_for_a_state(at in any::<prop::sample::Index>(), byte in any::<u8>(), tail in any::<Vec<u8>>()) {
        let whole = record_file::wrap(&record::encode(&numbered(2)).expect("encoded"));
        let mut changed = whole.clone();
        let at = at.index(changed.len());
        changed[at] = byte;
        changed.extend(tail);
        let read = record_file::unwrap(&changed);
        if changed == whole {
            prop_assert!(read.is_ok());
        } else {
            prop_assert!(matches!(read, Err(RecordError::Damaged(_))));
        }
    }
}

#[test]
fn a_newer_state_is_refused() {
    let place = Place::new();
    drop(place.store());
    fs::write(place.file(STATE), record_file::wrap(br#"{"version": 99, "state": 1}"#)).expect("written");
    let error = place.hold().expect_err("newer");
    assert!(told(&error).contains("newer program: version 99"), "{}", told(&error));
    assert_eq!(error.exit(), base::exit::Exit::Data);
}

#[test]
fn files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    fs::create_dir_all(place.directory()).expect("a directory");
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o755)).expect("open to all");
    let _store = place.write(&numbered(1));
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(place.directory()), 0o700);
    assert_eq!([STATE, LOCK].map(|name| mode(place.file(name))), [0o600; 2]);
}

#[test]
fn a_second_appmaster_is_told_who_has_the_directory() {
    let place = Place::new();
    let _first = place.hold().expect("held");
    let error = place.hold().expect_err("held by the first");
    let text = told(&error);
    assert!(text.contains(HOLDER) && text.contains(&place.directory().display().to_string()), "{text}");
    assert_eq!(error.exit(), base::exit::Exit::CannotCreate);
    // Another cluster's directory beside it is free.
    let beside = place.directory().with_file_name("flink-2");
    Hold::take(&beside, HOLDER).expect("held");
}

#[test]
fn what_cannot_be_a_state_directory_is_told_with_its_path() {
    let place = Place::new();
    let base = place.base.path();
    fs::write(base.join("file"), "").expect("a file");
    symlink(base.join("nowhere"), base.join("dangling")).expect("a link");
    let cases = [
        (base.join("file").join("c"), "is not a directory"),
        (base.join("missing").join("states").join("c"), "create the directory, or mount it"),
        (base.join("dangling").join("c"), "is not a directory"),
        (PathBuf::from("/proc").join("c"), "/proc/c"),
    ];
    for (directory, expected) in cases {
        let error = Hold::take(&directory, HOLDER).expect_err("unusable");
        assert!(told(&error).contains(expected), "{expected}: {}", told(&error));
        assert_eq!(error.exit(), base::exit::Exit::CannotCreate);
    }
}

#[test]
fn the_check_changes_nothing_and_finds_the_same() {
    let place = Place::new();
    let base = place.base.path();
    check(&place.directory()).expect("both can be created");
    assert!(!base.join("states").exists());
    fs::write(base.join("file"), "").expect("a file");
    for (directory, expected) in [
        (base.join("file").join("c"), "is not a directory"),
        (base.join("missing").join("states").join("c"), "create the directory, or mount it"),
    ] {
        let error = check(&directory).expect_err("unusable");
        assert!(told(&error).contains(expected), "{}", told(&error));
    }
    let _holder = place.write(&numbered(1));
    check(&place.directory()).expect("good, though an AppMaster works there");
    fs::write(place.file(STATE), "garbage").expect("written");
    assert_eq!(check(&place.directory()).expect_err("damaged").exit(), base::exit::Exit::Data);
}

#[test]
fn nothing_is_written_without_the_lock() {
    let place = Place::new();
    let store = place.write(&numbered(1));
    fs::remove_file(place.file(LOCK)).expect("removed");
    let content = record::encode(&numbered(2)).expect("encoded");
    store.write(&content).expect_err("the lock is gone");
    let _other = place.hold().expect("another one has taken it");
    let error = store.write(&content).expect_err("it is another's");
    assert!(base::log::chain(&error).contains("another file has replaced it"));
    assert_eq!(read(&place.directory()).expect("readable"), Some(numbered(1)));
}
