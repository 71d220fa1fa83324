use std::fs;
use std::path::PathBuf;

use super::*;
use crate::suite;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("dispatcher")
    }
}

impl suite::Storage for Directory {
    type Records = DirectoryRecords;

    async fn open(&mut self, instance: &str) -> Result<DirectoryRecords, OpenError> {
        DirectoryRecords::open(&self.path(), instance).await
    }
}

#[tokio::test]
async fn the_directory_passes_the_suite() {
    let mut directory = Directory::new();
    suite::all(&mut directory).await;
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it stays").collect();
    assert!(left.is_empty(), "{left:?}");
}

async fn open(directory: &Directory) -> DirectoryRecords {
    DirectoryRecords::open(&directory.path(), "one").await.expect("open")
}

async fn refused(directory: &Directory) -> String {
    let error = DirectoryRecords::open(&directory.path(), "one").await.expect_err("refused");
    base::log::chain(&error)
}

/// With one record.
async fn begun() -> Directory {
    let directory = Directory::new();
    let mut records = open(&directory).await;
    records.load(None).await.expect("readable");
    records.commit(&[suite::create("a/b", b"1")]).await.expect("committed");
    directory
}

/// As another program would, behind this one's back.
fn overwrite(directory: &Directory, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(directory.path().join("records")).expect("open");
    let transaction = database.begin_write().expect("begun");
    change(&transaction);
    transaction.commit().expect("committed");
}

#[tokio::test]
async fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = begun().await;
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(directory.path()), 0o700);
    assert_eq!(mode(directory.path().join("records")), 0o600);
}

#[tokio::test]
async fn a_creation_that_was_cut_short_begins_anew() {
    let directory = Directory::new();
    fs::create_dir(directory.path()).expect("a directory");
    for left in [&b""[..], b"redb", &[0; 9_000]] {
        fs::write(directory.path().join("records.new"), left).expect("written");
        let mut records = open(&directory).await;
        assert_eq!(records.load(None).await.expect("readable").records, []);
        assert!(!directory.path().join("records.new").exists());
        records.purge().await.expect("purged");
    }
}

#[tokio::test]
async fn a_file_that_is_none_of_ours_is_refused_and_left_as_it_is() {
    let directory = begun().await;
    let path = directory.path().join("records");
    let whole = fs::read(&path).expect("a file");
    let cut = &whole[..whole.len() / 2];
    for content in [&b""[..], b"garbage", cut, &[0; 100_000]] {
        fs::write(&path, content).expect("written");
        let told = refused(&directory).await;
        assert!(told.contains(&format!("{} is damaged", path.display())), "{told}");
        assert_eq!(fs::read(&path).expect("a file"), content);
    }
    fs::write(&path, &whole).expect("written");
    assert_eq!(open(&directory).await.load(None).await.expect("readable").records.len(), 1);
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_refused_by_name() {
    let directory = begun().await;
    let path = directory.path().join("records").display().to_string();
    overwrite(&directory, |transaction| {
        let mut records = transaction.open_table(file::RECORDS).expect("there");
        records.insert("a/c", &b"flink-on-mesos-record 2 new\n"[..]).expect("inserted");
    });
    let error = open(&directory).await.load(None).await.expect_err("newer");
    let why = "it was written by a newer program: format 2, this one reads up to 1";
    assert_eq!(base::log::chain(&error), format!("failed to read record a/c in {path}: {why}"));
    overwrite(&directory, |transaction| {
        let mut roots = transaction.open_table(file::ROOT).expect("there");
        roots.insert((), &br#"{"records-format":2,"all":"new"}"#[..]).expect("inserted");
    });
    assert_eq!(refused(&directory).await, format!("cannot use {path}: {why}"));
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_told() {
    let directory = Directory::new();
    let base = directory.0.path();
    fs::write(base.join("file"), "").expect("a file");
    for (path, expected) in [
        (base.join("file"), "is not a directory"),
        (base.join("missing").join("records"), "create the directory, or mount it"),
    ] {
        let error = DirectoryRecords::open(&path, "one").await.expect_err("unusable");
        let told = base::log::chain(&error);
        assert!(told.contains(expected) && told.contains(&path.display().to_string()), "{told}");
    }
}

#[tokio::test]
async fn a_purge_leaves_what_is_not_its_own() {
    let directory = begun().await;
    fs::write(directory.path().join("notes"), "theirs").expect("written");
    let records = open(&directory).await;
    records.purge().await.expect("purged");
    let left: Vec<_> = fs::read_dir(directory.path()).expect("it stays").flatten().collect();
    assert_eq!(left.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), ["notes"]);
}
