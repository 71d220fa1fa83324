//! Answers that are held back.

use std::fs;
use std::sync::Mutex;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::*;
use crate::{Closing, held};

/// Who has asked and not been answered, and what ends with a question that is given up.
struct Desk {
    asked: mpsc::UnboundedReceiver<oneshot::Sender<Body>>,
    given_up: Arc<Semaphore>,
}

/// Given back when it is dropped, whether there was an answer or not.
struct Question(Arc<Semaphore>);

impl Drop for Question {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

impl Desk {
    /// `/held` reads what is asked, `/unread` does not.
    fn new() -> (Self, Router) {
        let given_up = Arc::new(Semaphore::new(0));
        let (sender, asked) = mpsc::unbounded_channel();
        let ends = Arc::clone(&given_up);
        let ask = move || {
            let (reply, answer) = oneshot::channel::<Body>();
            let question = Question(Arc::clone(&ends));
            sender.send(reply).expect("the desk is there");
            held(async move {
                let answer = answer.await;
                drop(question);
                answer.map_or_else(|_| StatusCode::GONE.into_response(), Response::new)
            })
        };
        let unread = ask.clone();
        let routes = routes(file_of(1))
            .route("/held", post(async move |_: Bytes| ask()))
            .route("/unread", post(async move || unread()));
        (Self { asked, given_up }, routes)
    }

    async fn next(&mut self) -> oneshot::Sender<Body> {
        timeout(SOON, self.asked.recv()).await.expect("it is asked").expect("somebody may ask")
    }

    /// Until so many questions have an answer or nobody waits for one.
    async fn ended(&self, count: u32) {
        let ended = timeout(SOON, self.given_up.acquire_many(count)).await;
        ended.expect("they end").expect("never closed").forget();
    }
}

async fn post_to(stream: &mut (impl tokio::io::AsyncWrite + Unpin), path: &str, body: &str) {
    let length = body.len();
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

async fn answer(stream: &mut TcpStream) -> String {
    let head = timeout(SOON, head(stream)).await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).await.expect("a body");
    String::from_utf8_lossy(&body).into_owned()
}

#[tokio::test]
async fn an_answer_that_was_held_comes_and_the_connection_stays() {
    let (mut desk, routes) = Desk::new();
    let mut stream = connect(serve(SHORT, routes).await).await;
    for text in ["one", "two"] {
        post_to(&mut stream, "/held", "a question").await;
        let reply = desk.next().await;
        let mut none = [0];
        assert!(stream.try_read(&mut none).is_err(), "nothing has come yet");
        reply.send(Body::from(text)).expect("it is waited for");
        assert_eq!(answer(&mut stream).await, text);
        assert_eq!(self::text(&mut stream, "/word").await, "word");
    }
    post_to(&mut stream, "/held", "").await;
    desk.next().await.send(Body::from("three")).expect("it is waited for");
    assert_eq!(answer(&mut stream).await, "three");
    let begin = Instant::now();
    until_gone(stream).await;
    assert!(begin.elapsed() >= REQUEST_WAIT / 2, "an idle connection is closed in its time");
}

#[tokio::test]
async fn a_body_in_chunks_may_be_held_for_too() {
    let (mut desk, routes) = Desk::new();
    let mut stream = connect(serve(SHORT, routes).await).await;
    let request =
        b"POST /held HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    desk.next().await.send(Body::from("one")).expect("it is waited for");
    assert_eq!(answer(&mut stream).await, "one");
    assert_eq!(text(&mut stream, "/word").await, "word");
}

#[tokio::test]
async fn what_is_asked_meanwhile_is_answered_afterwards() {
    let (mut desk, routes) = Desk::new();
    let address = serve(SHORT, routes).await;
    let word = b"GET /word HTTP/1.1\r\nHost: x\r\n\r\n";
    // In one segment, of which hyper has read all.
    let mut at_once = connect(address).await;
    let both = [b"POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n!", &word[..]].concat();
    at_once.write_all(&both).await.expect("sent");
    let first = desk.next().await;
    // And after it, longer than what is looked at meanwhile.
    let mut later = connect(address).await;
    post_to(&mut later, "/held", "!").await;
    let second = desk.next().await;
    for _ in 0..9 {
        later.write_all(word).await.expect("sent");
    }
    for (reply, stream, words) in [(first, &mut at_once, 1), (second, &mut later, 9)] {
        reply.send(Body::from("held")).expect("it is waited for");
        assert_eq!(answer(stream).await, "held");
        for _ in 0..words {
            assert_eq!(answer(stream).await, "word");
        }
        assert_eq!(text(stream, "/word").await, "word");
    }
}

#[tokio::test]
async fn who_goes_away_is_no_longer_answered() {
    let (mut desk, routes) = Desk::new();
    let address = serve(SHORT, routes).await;
    let mut stream = connect(address).await;
    post_to(&mut stream, "/held", "a question").await;
    let reply = desk.next().await;
    drop(stream);
    desk.ended(1).await;
    assert!(reply.send(Body::empty()).is_err(), "nobody waits for it");
}

/// A body that looks like a request is none.
#[tokio::test]
async fn what_was_not_read_of_a_question_is_not_taken_for_another() {
    let (mut desk, routes) = Desk::new();
    let mut stream = connect(serve(SHORT, routes).await).await;
    post_to(&mut stream, "/unread", "GET /word HTTP/1.1\r\nHost: x\r\n\r\n").await;
    desk.next().await.send(Body::from("held")).expect("it is waited for");
    assert_eq!(answer(&mut stream).await, "held");
    let mut rest = Vec::new();
    let _closed = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

#[tokio::test]
async fn who_wants_the_connection_closed_has_it_closed_after_the_answer() {
    let (mut desk, routes) = Desk::new();
    let address = serve(SHORT, routes).await;
    for (version, line) in [("1.1", "Connection: close\r\n"), ("1.0", "")] {
        let mut stream = connect(address).await;
        let request = format!("POST /held HTTP/{version}\r\nHost: x\r\n{line}Content-Length: 1\r\n\r\n!");
        stream.write_all(request.as_bytes()).await.expect("sent");
        desk.next().await.send(Body::from("held")).expect("it is waited for");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it is closed");
        assert!(text.starts_with(&format!("HTTP/{version} 200")) && text.ends_with("\r\n\r\nheld"), "{text}");
    }
}

#[tokio::test]
async fn who_does_not_read_what_was_held_is_dropped() {
    let (mut desk, routes) = Desk::new();
    let mut stream = connect(serve(SHORT, routes).await).await;
    post_to(&mut stream, "/held", "a question").await;
    let large = vec![0; usize::try_from(LARGE).expect("it fits")];
    desk.next().await.send(Body::from(large)).expect("it is waited for");
    head(&mut stream).await;
    timeout(SOON, stream.ready(Interest::ERROR)).await.expect("it is reset").expect("it is open");
    stream.read_to_end(&mut Vec::new()).await.expect_err("the rest is lost");
}

#[tokio::test]
async fn a_connection_that_is_held_has_its_place_at_the_port() {
    let (mut desk, routes) = Desk::new();
    let address = serve(Limits { connections: 1, ..SHORT }, routes).await;
    let mut stream = connect(address).await;
    post_to(&mut stream, "/held", "a question").await;
    let reply = desk.next().await;
    let is_answered = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&is_answered);
    let waiting = tokio::spawn(async move {
        let word = word(address).await;
        assert!(*seen.lock().expect("no panic"), "it came before there was a place");
        word
    });
    *is_answered.lock().expect("no panic") = true;
    reply.send(Body::from("held")).expect("it is waited for");
    assert_eq!(answer(&mut stream).await, "held");
    drop(stream);
    assert_eq!(timeout(SOON, waiting).await.expect("an answer").expect("a task"), "word");
}

#[tokio::test]
async fn what_is_held_is_answered_before_the_end() {
    let (mut desk, routes) = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut stream = connect(listener.local_addr().expect("an address")).await;
    let closing = Closing::default();
    let listening = Listening::within(SHORT, listener, "test").until(closing.clone());
    tokio::spawn(crate::serve(listening, routes));
    post_to(&mut stream, "/held", "a question").await;
    let reply = desk.next().await;
    let mut open = closing.open();
    let closed = tokio::spawn(closing.close());
    open.until_closing().await;
    drop(open);
    reply.send(Body::from("held")).expect("it is waited for");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it is closed");
    assert!(text.contains("\r\nconnection: close\r\n") && text.ends_with("\r\n\r\nheld"), "{text}");
    timeout(SOON, closed).await.expect("it ends").expect("a task");
}

/// Of this process, in bytes, without what is of files.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[tokio::test]
async fn a_thousand_questions_are_held_in_little_memory() {
    const MANY: usize = 1_000;
    descriptors::raise();
    let (mut desk, routes) = Desk::new();
    let address = serve(Limits { request_wait: SOON, ..SHORT }, routes).await;
    let mut held = Vec::with_capacity(MANY);
    let mut before = 0;
    // The first few pay for what is there once.
    for number in 0..MANY + 10 {
        if number == 10 {
            before = memory();
        }
        let mut stream = connect(address).await;
        post_to(&mut stream, "/held", &"a question".repeat(100)).await;
        held.push((stream, desk.next().await));
    }
    let each = memory().saturating_sub(before) / MANY;
    assert!(each < 6 << 10, "{each} bytes for each connection, with both of its ends");
    for (mut stream, reply) in held {
        reply.send(Body::from("held")).expect("it is waited for");
        assert_eq!(answer(&mut stream).await, "held");
    }
}
