//! The store with a directory, and uploads that go wrong.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::digest::Digest;
use bytes::Bytes;
use domain::time::Timestamp;
use futures_util::{Stream, stream};
use tempfile::TempDir;

use super::*;

const LIMITS: Limits = Limits { file: 100, total: 150, grace: Duration::ZERO };

fn store(directory: &Path) -> Arc<Store> {
    Arc::new(Store::new(directory.join("artifacts"), LIMITS, || Timestamp(7)))
}

fn chunks(text: &str) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin + use<> {
    let bytes: Vec<_> = text.as_bytes().chunks(3).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(bytes)
}

fn coming(store: &Arc<Store>, digest: Digest, length: Option<u64>) -> Coming {
    match store.begin(digest, length).expect("room") {
        Begun::Comes(coming) => coming,
        Begun::There(about) => panic!("it is there: {about:?}"),
    }
}

async fn push(store: &Arc<Store>, text: &str) -> Result<About, UploadError> {
    let about = About { name: Some(format!("{text}.jar")), ..About::default() };
    coming(store, Digest::of(text), None).keep(about, chunks(text)).await
}

fn files(directory: &TempDir) -> usize {
    fs::read_dir(directory.path().join("artifacts")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn what_was_pushed_is_found_by_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let digest = Digest::of("content");
    let about = push(&store(directory.path()), "content").await.expect("kept");
    assert_eq!((about.size, about.at), (7, Timestamp(7)));
    let next = store(directory.path());
    assert!(!next.has(&digest));
    next.begin_with().await.expect("read");
    assert_eq!(next.list(), [Listed { digest, about: about.clone() }]);
    assert!(matches!(next.begin(digest, None), Ok(Begun::There(found)) if found == about));
    let (file, found) = next.open(digest).await.expect("read").expect("there");
    assert_eq!((io::read_to_string(file).expect("text"), found), ("content".to_owned(), about));
    // Who it was is no condition.
    fs::remove_file(directory.path().join("artifacts").join(format!("{digest}.json"))).expect("removed");
    next.refresh().await.expect("read");
    assert_eq!(next.list()[0].about.size, 7);
    assert_eq!(next.due(&[digest].into(), Duration::ZERO), []);
    assert_eq!(next.due(&[].into(), Duration::ZERO), [digest]);
    next.remove(digest).await.expect("removed");
    assert!(next.open(digest).await.expect("read").is_none());
    assert_eq!(files(&directory), 0);
}

#[tokio::test]
async fn what_is_wrong_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(directory.path());
    let (a, about) = (Digest::of("a"), About::default());
    let other = coming(&store, a, None).keep(about.clone(), chunks("b")).await.expect_err("other");
    let text = format!("what was sent has the SHA-256 {}, and {a} was expected", Digest::of("b"));
    assert_eq!(other.to_string(), text);
    let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(io::Error::other("gone"))]);
    let cut = coming(&store, a, None).keep(about.clone(), broken).await.expect_err("cut");
    assert_eq!(cut.to_string(), "the upload was cut off after 1 bytes");
    let short = coming(&store, a, Some(2)).keep(about.clone(), chunks("a")).await.expect_err("short");
    assert!(matches!(short, UploadError::Cut { bytes: 1 }), "{short}");
    let long = "x".repeat(101);
    let large = push(&store, &long).await.expect_err("too large");
    assert!(matches!(large, UploadError::Refused(Refusal::File { bytes: 101, .. })), "{large}");
    assert!(store.begin(a, Some(101)).is_err());
    assert_eq!(files(&directory), 0);
    // Nothing is reserved any more.
    push(&store, &"y".repeat(100)).await.expect("kept");
    let full = push(&store, &"z".repeat(51)).await.expect_err("full");
    assert!(matches!(full, UploadError::Refused(Refusal::Total { kept: 100, .. })), "{full}");
    push(&store, &"z".repeat(50)).await.expect("kept");
    assert_eq!(files(&directory), 4);
}

#[tokio::test]
async fn an_upload_whose_caller_goes_away_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(directory.path());
    let silent = Box::pin(stream::pending::<Result<Bytes, Infallible>>());
    let keep = coming(&store, Digest::of("a"), Some(90)).keep(About::default(), silent);
    let _ = tokio::time::timeout(Duration::from_millis(20), keep).await.expect_err("it waits");
    let begin = std::time::Instant::now();
    while files(&directory) > 0 || store.begin(Digest::of("b"), Some(100)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it is left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_killed_process_has_left_goes_and_what_comes_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("artifacts");
    fs::create_dir(&root).expect("created");
    fs::write(root.join(".coming-0000000000000000"), "half").expect("written");
    let alive = part::Part::create(&root).expect("created");
    store(directory.path()).begin_with().await.expect("read");
    assert_eq!(files(&directory), 1);
    drop(alive);
    assert_eq!(files(&directory), 0);
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(&directory.path().join("none"));
    store.begin_with().await.expect("there is nothing");
    let error = push(&store, "a").await.expect_err("nowhere");
    assert_eq!(error.to_string(), "cannot keep artifacts");
    let chain = base::log::chain(&error);
    assert!(
        chain.contains("none/artifacts does not exist") && chain.contains("create the directory"),
        "{chain}"
    );
}
