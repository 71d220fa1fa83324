//! The client against a master that is broken, or no master at all: each time it says what is wrong, waits, and
//! asks again.

use std::time::{Duration, Instant};

use base::log;
use mesos::client::Reports;
use mesos::event::Event;
use mesos::report::Report;

use super::client::{next, start, subscribe};
use super::master::{Connection, Master, chunk, heartbeat, ignored, stream_head, subscribed};

/// Why the last attempt or stream was given up.
async fn complaint(reports: &mut Reports) -> String {
    loop {
        match next(reports).await {
            Report::Event(_) => {}
            Report::Unreachable { why, .. } | Report::Disconnected { why, .. } => return log::chain(&why),
            other => panic!("{other:?}"),
        }
    }
}

async fn is_named_and_survived(master: &Master, reports: &mut Reports, what: &str, expected: &str) {
    let why = complaint(reports).await;
    assert!(why.contains(expected), "{what}: {why}");
    let mut stream = master.accept().await;
    stream.request().await;
    subscribe(&mut stream, reports).await;
}

#[tokio::test]
async fn broken_answers_are_named_and_survived() {
    let head = |more: &str| format!("HTTP/1.1 200 OK\r\n{more}\r\n").into_bytes();
    let huge = head(&format!("X-Filler: {}\r\n", "x".repeat(1 << 20)));
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "invalid HTTP"),
        ("half a head", b"HTTP/1.1 200 OK\r\nTransfer-Enc".to_vec(), "connection closed"),
        ("nothing at all", Vec::new(), "connection closed"),
        ("huge headers", huge, "message head is too large"),
        (
            "a web page",
            head("Content-Type: text/html\r\nContent-Length: 6\r\n"),
            "this is no Mesos master: it answers SUBSCRIBE with a web page",
        ),
        (
            "no stream id",
            head("Content-Type: application/x-protobuf\r\nContent-Length: 0\r\n"),
            "the answer to SUBSCRIBE has no Mesos-Stream-Id",
        ),
        (
            "a redirect to nowhere",
            b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "a redirect without Location",
        ),
    ];
    for (what, answer, expected) in cases {
        let master = Master::bind().await;
        let (_calls, mut reports) = start(&master.address(), None);
        let mut connection = master.accept().await;
        connection.request().await;
        connection.send_if_open(&answer).await;
        drop(connection);
        is_named_and_survived(&master, &mut reports, what, expected).await;
    }
}

#[tokio::test]
async fn broken_streams_are_named_and_survived() {
    let endless = [b'7'; 4096];
    let cases: [(&str, &[u8], &str); 4] = [
        ("longer than any record", b"268435457\n", "a record of 268435457 bytes is longer than"),
        ("no end of digits", &endless, "the stream is broken: "),
        ("negative", b"-1\n", "expected a record's length, got \"-1"),
        ("half a record", b"5000\nabc", "the stream ended within a record"),
    ];
    for (what, bytes, expected) in cases {
        let master = Master::bind().await;
        let (_calls, mut reports) = start(&master.address(), None);
        let mut stream = open(&master).await;
        stream.send(&[chunk(bytes).as_slice(), b"0\r\n\r\n"].concat()).await;
        is_named_and_survived(&master, &mut reports, what, expected).await;
    }
}

#[tokio::test]
async fn a_record_of_64_mib_is_read() {
    const CHUNK: usize = 1 << 20;
    let master = Master::bind().await;
    let (_calls, mut reports) = start(&master.address(), None);
    let mut stream = open(&master).await;
    for part in ignored(64 << 20).chunks(CHUNK) {
        stream.send(&chunk(part)).await;
    }
    stream.send(&chunk(&heartbeat())).await;
    assert!(matches!(next(&mut reports).await, Report::Event(Event::Subscribed { .. })));
    assert_eq!(next(&mut reports).await, Report::Event(Event::Heartbeat));
}

#[tokio::test]
async fn a_master_that_hangs_up_is_not_hammered() {
    const WATCHED: Duration = Duration::from_secs(3);
    let master = Master::bind().await;
    let (_calls, mut reports) = start(&master.address(), None);
    let begin = Instant::now();
    let mut attempts = 0;
    while begin.elapsed() < WATCHED {
        let Ok(connection) = tokio::time::timeout(WATCHED - begin.elapsed(), master.accept()).await else {
            break;
        };
        drop(connection);
        attempts += 1;
        let Report::Unreachable { .. } = next(&mut reports).await else { panic!("reached") };
    }
    // The pauses begin with half of 0.5 s at least and double.
    assert!((2..=6).contains(&attempts), "{attempts} in {WATCHED:?}");
}

/// Accepts the client's subscription and welcomes it.
async fn open(master: &Master) -> Connection {
    let mut stream = master.accept().await;
    stream.request().await;
    stream.send(&[stream_head(), chunk(&subscribed(15.0))].concat()).await;
    stream
}
