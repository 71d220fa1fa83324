use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener as StdTcpListener, TcpStream as StdTcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::header::CONTENT_LENGTH;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use bytes::Bytes;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::{Limits, Listening, Outbox, Pace, Part, Section, Threads};
use base::descriptors;
use base::events::{Journal, Level};

mod held;

const SOON: Duration = Duration::from_secs(30);

/// Long enough for those who ask at once, on a busy machine too.
const REQUEST_WAIT: Duration = Duration::from_secs(2);

const SHORT: Limits = Limits {
    connections: 4096,
    request_wait: REQUEST_WAIT,
    reading: Pace { bytes: 16 << 10, within: Duration::from_millis(400) },
};

/// More than the kernel holds for a connection.
const LARGE: u64 = 24 << 20;

/// Of a port.
const THREADS: usize = 3;

/// A file without a repetition that a shift by a page could hide.
fn file_of(length: u64) -> File {
    let file = tempfile::tempfile().expect("a file");
    let bytes: Vec<u8> = (0..length).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 16) as u8).collect();
    file.write_all_at(&bytes, 0).expect("written");
    file
}

/// `/file` is `<` and the file and `>`, `/word` a word, and `/thread` names the thread that answers.
fn routes(file: File) -> Router {
    let file = Arc::new(file);
    let answer = async move |outbox: Option<Extension<Outbox>>| {
        let length = file.metadata().expect("it is open").len();
        let section = Section { file, offset: 0, length };
        let mark = |text| Ok(Part::Bytes(Bytes::from_static(text)));
        let parts = [mark(b"<"), Ok(Part::File(section)), mark(b""), mark(b">")];
        let head = [(CONTENT_LENGTH, (length + 2).to_string())];
        (head, super::body(parts.into_iter(), outbox.map(|Extension(outbox)| outbox))).into_response()
    };
    let thread = async || format!("{:?}", std::thread::current().id());
    Router::new()
        .route("/file", get(answer))
        .route("/word", get(async || "word"))
        .route("/thread", get(thread))
}

async fn serve(limits: Limits, routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let threads = Threads::beside(Handle::current(), "test", THREADS).expect("threads");
    let listening = Listening::within(limits, listener, "test").spread(threads);
    tokio::spawn(super::serve(listening, routes));
    address
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

/// The head of the answer, and where its body begins.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.expect("a head")));
    }
    head
}

async fn word(address: SocketAddr) -> String {
    text(&mut connect(address).await, "/word").await
}

async fn text(stream: &mut TcpStream, path: &str) -> String {
    ask(stream, path).await;
    let head = head(stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("a body");
    String::from_utf8_lossy(&body).into_owned()
}

async fn until_gone(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut rest = Vec::new();
    // Its end or an error, both of which end the connection.
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
}

#[tokio::test]
async fn files_go_over_a_connection_as_they_are_and_it_stays() {
    for length in [0, 1, 4095, 1 << 20, (3 << 20) + 7] {
        let file = file_of(length);
        let mut expected = vec![0; usize::try_from(length).expect("it fits")];
        file.read_exact_at(&mut expected, 0).expect("read");
        let address = serve(SHORT, routes(file)).await;
        let mut stream = connect(address).await;
        for _ in 0..3 {
            ask(&mut stream, "/file").await;
            let head = head(&mut stream).await;
            assert!(head.contains(&format!("content-length: {}\r\n", length + 2)), "{head}");
            let mut body = vec![0; expected.len() + 2];
            stream.read_exact(&mut body).await.expect("a body");
            assert!(body == [b"<", &expected[..], b">"].concat(), "{length} bytes");
            ask(&mut stream, "/word").await;
            self::head(&mut stream).await;
            let mut word = [0; 4];
            stream.read_exact(&mut word).await.expect("a body");
            assert_eq!(&word, b"word");
        }
    }
}

#[tokio::test]
async fn connections_are_shared_out_among_the_threads_and_stay_there() {
    let address = serve(SHORT, routes(file_of(1))).await;
    let mut streams = Vec::new();
    let mut answering: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..2 * THREADS {
        let mut stream = connect(address).await;
        let thread = text(&mut stream, "/thread").await;
        *answering.entry(thread.clone()).or_default() += 1;
        streams.push((stream, thread));
    }
    assert_eq!(answering.into_values().collect::<Vec<_>>(), [2; THREADS]);
    for (mut stream, thread) in streams {
        assert_eq!(text(&mut stream, "/thread").await, thread);
    }
}

/// Readers who take all that they can get keep no thread for themselves, and another port's not at all.
#[tokio::test]
async fn readers_of_files_who_keep_all_threads_busy_hold_up_nobody_else() {
    let port = || StdTcpListener::bind("127.0.0.1:0").expect("a port");
    let (files, status) = (port(), port());
    let [of_files, of_status] = [&files, &status].map(|port| port.local_addr().expect("an address"));
    super::on_own_threads("files", async move |threads| {
        let listening = Listening::new(super::asynchronous(&files).expect("it listens"), "files");
        let Err(_) = super::serve(listening.spread(threads), routes(file_of(LARGE))).await;
    })
    .expect("threads");
    super::on_own_thread("status", async move || {
        let listening = Listening::new(super::asynchronous(&status).expect("it listens"), "status");
        let Err(_) = super::serve(listening, routes(file_of(1))).await;
    })
    .expect("a thread");
    let (stop, read) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..16)
        .map(|_| {
            let (stop, read) = (Arc::clone(&stop), Arc::clone(&read));
            std::thread::spawn(move || read_over_and_over(of_files, &stop, &read))
        })
        .collect();
    // As many answers as it takes until all of the readers are well into their files.
    while read.load(Ordering::Relaxed) < 32 * LARGE {
        for address in [of_status, of_files] {
            let answer = timeout(SOON, word(address)).await;
            assert_eq!(answer.expect("it is answered while files are read"), "word");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().expect("it has read");
    }
}

fn read_over_and_over(address: SocketAddr, stop: &AtomicBool, read: &AtomicU64) {
    let mut stream = StdTcpStream::connect(address).expect("connected");
    let mut buffer = vec![0; 1 << 20];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        let mut left = LARGE + 2;
        while left > 0 && !stop.load(Ordering::Relaxed) {
            let count = stream.read(&mut buffer).expect("read") as u64;
            assert!(count > 0, "the connection has ended");
            read.fetch_add(count, Ordering::Relaxed);
            // Heads are counted too: they are short.
            left = left.saturating_sub(count);
        }
    }
}

#[tokio::test]
async fn an_answer_breaks_off_when_its_file_has_become_shorter() {
    let file = file_of(LARGE);
    let other = file.try_clone().expect("a descriptor");
    let address = serve(SHORT, routes(file)).await;
    let mut stream = connect(address).await;
    ask(&mut stream, "/file").await;
    head(&mut stream).await;
    other.set_len(1000).expect("cut");
    let mut body = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut body)).await.expect("it ends");
    assert!((body.len() as u64) < LARGE, "{}", body.len());
}

#[tokio::test]
async fn a_thousand_idle_and_a_thousand_slow_connections_keep_nobody_waiting_and_go() {
    descriptors::raise();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).expect("bound");
    tokio::spawn(super::serve(Listening::within(SHORT, listener, "test"), routes(file_of(1))));
    let address = serve(SHORT, routes(file_of(1))).await;
    let (mut tcp, mut unix) = (Vec::new(), Vec::new());
    for number in 0..2_000 {
        let (mut one, mut other) =
            (connect(address).await, UnixStream::connect(&path).await.expect("connected"));
        if number % 2 == 0 {
            one.write_all(b"GET /word HTT").await.expect("sent");
            other.write_all(b"GET /word HTT").await.expect("sent");
        }
        tcp.push(one);
        unix.push(other);
    }
    let begin = Instant::now();
    assert_eq!(word(address).await, "word");
    assert!(begin.elapsed() < REQUEST_WAIT, "{:?}", begin.elapsed());
    for stream in tcp {
        until_gone(stream).await;
    }
    for stream in unix {
        until_gone(stream).await;
    }
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert_eq!(word(address).await, "word");
}

#[tokio::test]
async fn a_connection_that_was_used_is_closed_when_nothing_more_is_asked() {
    let address = serve(SHORT, routes(file_of(1))).await;
    let mut stream = connect(address).await;
    ask(&mut stream, "/word").await;
    head(&mut stream).await;
    let begin = Instant::now();
    until_gone(stream).await;
    assert!(begin.elapsed() >= REQUEST_WAIT / 2, "{:?}", begin.elapsed());
}

/// What answers without having read the body would close the connection under the next question.
#[tokio::test]
async fn a_connection_stays_when_a_body_comes_after_its_head_and_nobody_wants_it() {
    let routes = routes(file_of(1)).layer(middleware::from_fn(super::whole));
    let mut stream = connect(serve(SHORT, routes).await).await;
    stream.write_all(b"POST /word HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n").await.expect("sent");
    let early = timeout(Duration::from_millis(200), stream.readable()).await;
    assert!(early.is_err(), "it was answered before its body was there");
    stream.write_all(b"body").await.expect("sent");
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 405"));
    ask(&mut stream, "/word").await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_comes_to_a_full_port_waits_for_a_place() {
    let limits = Limits { connections: 3, ..SHORT };
    let address = serve(limits, routes(file_of(1))).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(address).await;
        ask(&mut stream, "/word").await;
        head(&mut stream).await;
        idle.push(stream);
    }
    let mut waiting = tokio::spawn(word(address));
    // The kernel has taken the connection; nobody answers before there is a place.
    tokio::select! {
        biased;
        () = until_gone(idle.remove(0)) => {}
        answer = &mut waiting => panic!("it was answered while the port was full: {answer:?}"),
    }
    assert_eq!(timeout(SOON, waiting).await.expect("an answer").expect("a task"), "word");
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let address = serve(SHORT, routes(file_of(LARGE))).await;
    let mut stream = connect(address).await;
    ask(&mut stream, "/file").await;
    head(&mut stream).await;
    timeout(SOON, stream.ready(Interest::ERROR)).await.expect("it is reset").expect("it is open");
    let mut body = Vec::new();
    stream.read_to_end(&mut body).await.expect_err("the rest is lost");
}

#[tokio::test]
async fn who_reads_slowly_and_steadily_gets_everything() {
    let address = serve(SHORT, routes(file_of(LARGE))).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 << 10).expect("set");
    let mut stream = socket.connect(address).await.expect("connected");
    ask(&mut stream, "/file").await;
    head(&mut stream).await;
    // Slow against what the kernel holds, which would fill a new buffer only now and then.
    let mut steps = tokio::time::interval(SHORT.reading.within / 8);
    let (mut buffer, mut read) = (vec![0; 24 << 10], 0);
    let begin = Instant::now();
    while begin.elapsed() < SHORT.reading.within * 12 {
        steps.tick().await;
        read += stream.read_exact(&mut buffer).await.expect("it goes on");
    }
    let rest = timeout(SOON, stream.read_to_end(&mut Vec::new())).await.expect("it ends");
    // The connection stays until it is idle for too long.
    assert_eq!((read + rest.expect("the rest")) as u64, LARGE + 2);
}

#[tokio::test]
async fn a_server_that_ends_is_told_of_and_started_again() {
    // By number, so that the socket keeps it.
    let free = StdTcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a port");
    let listener = StdTcpListener::bind(address).expect("it is free");
    let (journal, socket) = (Arc::new(Journal::default()), listener.try_clone().expect("a descriptor"));
    let told = Arc::clone(&journal);
    let server = async move || {
        let serve = async || {
            let port = Listening::within(SHORT, super::asynchronous(&listener)?, "test");
            super::serve(port, routes(file_of(1))).await
        };
        match super::keep("the server of the test", told, serve).await {}
    };
    super::on_own_thread("test", server).expect("a thread");
    assert_eq!(word(address).await, "word");

    let (_, mut events) = journal.follow(0);
    shutdown(socket.as_raw_fd(), Shutdown::Both).expect("it no longer listens");
    let event = timeout(SOON, events.recv()).await.expect("it is told").expect("an event");
    assert_eq!((&*event.kind, event.level), ("server_ended", Level::Warn));
    assert!(event.text.starts_with("the server of the test has ended and starts again"), "{}", event.text);
    let again = async {
        loop {
            if TcpStream::connect(address).await.is_ok() {
                return word(address).await;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(timeout(SOON, again).await.expect("it listens again"), "word");
}
