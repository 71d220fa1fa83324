//! Records in a directory, and the processes and disks that they lie on.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base::log;
use records::directory::DirectoryRecords;
use records::suite::{Model, Script, create, delete, put};
use records::{CommitError, Loaded, OpenError, Records as _, Revision};
use tempfile::TempDir;

use crate::init::process::helper;
use crate::mount::Mount;

const INSTANCE: &str = "one";
const SEED: u64 = 11;
/// Enough for the first file and some records.
const DISK_KIB: usize = 512;

fn scratch() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("records");
    (scratch, directory)
}

/// What the writer has written up to a revision.
fn model_at(revision: Revision) -> Loaded {
    let (mut model, mut script) = (Model::default(), Script::new(SEED));
    while Revision(model.revision) < revision {
        let changes = script.next(&model);
        model.apply(&changes);
    }
    model.loaded()
}

fn writer(directory: &Path) -> Child {
    let mut command = Command::new(helper());
    command.arg("commit").arg(directory).args([INSTANCE, &SEED.to_string()]);
    command.stdout(Stdio::piped()).spawn().expect("it starts")
}

#[tokio::test]
async fn a_writer_that_is_killed_at_any_moment_has_kept_what_it_acknowledged() {
    let (_scratch, directory) = scratch();
    let mut lot = fastrand::Rng::with_seed(5);
    let (mut last, mut unacknowledged) = (0, 0);
    for round in 0..60 {
        let mut child = writer(&directory);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut acknowledged: Vec<u64> = Vec::new();
        for _ in 0..lot.usize(0..6) {
            let line = lines.next().expect("it goes on").expect("text");
            acknowledged.push(line.parse().expect("a revision"));
        }
        // In the middle of whatever comes next.
        std::thread::sleep(Duration::from_micros(lot.u64(0..6_000)));
        child.kill().expect("a child");
        child.wait().expect("a child");
        acknowledged.extend(lines.map_while(|line| line.ok()?.parse::<u64>().ok()));
        let acknowledged = acknowledged.last().copied().unwrap_or(last);

        let mut records = DirectoryRecords::open(&directory, INSTANCE).await.expect("open");
        let found = records.load(None).await.expect("readable");
        let allowed = acknowledged..=acknowledged + 1;
        assert!(allowed.contains(&found.revision.0), "round {round}: {} of {allowed:?}", found.revision);
        assert_eq!(found, model_at(found.revision), "round {round}");
        unacknowledged += found.revision.0 - acknowledged;
        last = found.revision.0;
    }
    println!("{last} commits, of which {unacknowledged} were durable and not acknowledged");
    assert!(last > 60, "{last}");
}

#[tokio::test]
async fn a_second_process_is_refused_as_long_as_the_first_lives() {
    let (_scratch, directory) = scratch();
    let mut child = writer(&directory);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    lines.next().expect("it writes").expect("text");
    let error = DirectoryRecords::open(&directory, INSTANCE).await.expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }));
    assert_eq!(log::chain(&error), format!("another process uses {}", directory.display()));
    child.kill().expect("a child");
    child.wait().expect("a child");
    DirectoryRecords::open(&directory, INSTANCE).await.expect("nobody uses it any more");
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_takes_more_when_there_is_room() {
    let (_scratch, directory) = scratch();
    fs::create_dir(&directory).expect("a directory");
    let disk = Mount::tmpfs(&directory, DISK_KIB);
    // Not even a first file.
    let filler = disk.fill();
    let error = DirectoryRecords::open(&directory, INSTANCE).await.expect_err("no room");
    assert!(log::chain(&error).contains("No space left on device"), "{}", log::chain(&error));
    fs::remove_file(filler).expect("removed");
    let mut records = DirectoryRecords::open(&directory, INSTANCE).await.expect("open");
    records.load(None).await.expect("readable");
    records.commit(&[create("a", b"1")]).await.expect("there is room");

    let filler = disk.fill();
    let mut acknowledged = Revision(1);
    let error = loop {
        match records.commit(&[put(&format!("large/{acknowledged}"), &[7; 60_000])]).await {
            Ok(revision) => acknowledged = revision,
            Err(error) => break error,
        }
    };
    let told = log::chain(&error);
    let path = directory.join("records").display().to_string();
    assert!(told.contains(&path) && told.contains("No space left on device"), "{told}");
    // What was read before may be outdated.
    let error = records.commit(&[put("a", b"2")]).await.expect_err("not loaded");
    assert!(matches!(error, CommitError::NotLoaded), "{error:?}");
    fs::remove_file(filler).expect("removed");
    let found = records.load(None).await.expect("readable");
    let expected = acknowledged..=acknowledged.next();
    assert!(expected.contains(&found.revision), "{} of {expected:?}", found.revision);
    assert_eq!(
        found.records.iter().find(|record| record.key.as_str() == "a").expect("it is there").value,
        b"1"
    );
    records.commit(&[put("a", b"2"), delete("large/1")]).await.expect("there is room");
    drop(records);
    let mut records = DirectoryRecords::open(&directory, INSTANCE).await.expect("open");
    assert_eq!(records.load(None).await.expect("readable").revision, found.revision.next());
}
