use std::sync::atomic::{AtomicUsize, Ordering};

use mesos::address::{HostPort, Master, Scheme};
use mesos::client::{Credentials, Masters, Trust};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A port at which everybody is answered so, or nobody; with the heads of requests, one after the other.
async fn master(answer: Option<&'static str>) -> (Masters, sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, heads) = sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a request"));
            }
            sender.send(String::from_utf8(head).expect("UTF-8")).expect("it is looked at");
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.expect("written"),
                None => kept.push(stream),
            }
        }
    });
    let at = HostPort { host: "127.0.0.1".to_owned(), port };
    (Masters::Known(vec![Master { scheme: Scheme::Http, at }]), heads)
}

fn operator(masters: Masters) -> Operator {
    let credentials = Credentials { principal: "ops".to_owned(), secret: "hidden".to_owned() };
    Operator::new(masters, &Trust::System, Some(&credentials)).expect("a client")
}

#[tokio::test]
async fn the_master_is_asked_once_by_all_who_ask_at_a_time() {
    const BODY: &str = r#"{"roles":[{"name":"etl","quota":{"limit":{"cpus":1.0},"consumed":{}}}]}"#;
    let answer =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    let (masters, mut heads) = master(Some(answer.leak())).await;
    let quotas = Quotas::default();
    assert!(quotas.told().await.is_none(), "this dispatcher does not lead");
    let asked = quotas.ask(operator(masters));
    let told = AtomicUsize::new(0);
    let ask = async || {
        let known = quotas.told().await.expect("it leads").expect("an answer");
        told.fetch_add(known.of("etl").count(), Ordering::Relaxed);
    };
    tokio::join!(ask(), ask(), ask());
    assert_eq!(told.into_inner(), 3);
    let head = heads.recv().await.expect("a request").to_lowercase();
    assert!(head.starts_with("get /roles http/1.1\r\n") && head.contains("authorization: basic "), "{head}");
    assert!(heads.try_recv().is_err(), "one request for all");
    drop(asked);
    assert!(quotas.told().await.is_none(), "it leads no longer");
}

#[tokio::test]
async fn why_nobody_knows_is_told() {
    let refused = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let strange = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>";
    for (answer, expected) in [
        (Some(refused), "answers 403 Forbidden"),
        (Some(strange), "is not what a master writes of its roles: "),
        (None, "the master has not answered for 2 s"),
    ] {
        let (masters, heads) = master(answer).await;
        let quotas = Quotas::default();
        let _asked = quotas.ask(operator(masters));
        let why = quotas.told().await.expect("it leads").expect_err("no answer");
        assert!(why.contains(expected), "{why}");
        drop(heads);
    }
}
