//! A raw server in the place of a master: the test decides on every byte.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mesos::recordio;
use mesos::wire::event::{Event, EventType, ExecutorMessage, Subscribed};
use mesos::wire::id::FrameworkId;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::traffic::Http;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Master(TcpListener);

pub struct Connection(TcpStream);

impl Master {
    pub async fn bind() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    pub fn address(&self) -> String {
        self.0.local_addr().expect("an address").to_string()
    }

    pub async fn accept(&self) -> Connection {
        let (socket, _) = tokio::time::timeout(PATIENCE, self.0.accept())
            .await
            .expect("a client in time")
            .expect("a connection");
        Connection(socket)
    }
}

impl Connection {
    /// Reads one request with a `Content-Length`.
    pub async fn request(&mut self) -> Http {
        let mut bytes = BytesMut::new();
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(request) = complete(&bytes) {
                    break request;
                }
                let read = self.0.read_buf(&mut bytes).await.expect("bytes");
                assert_ne!(read, 0, "the client hung up after {bytes:?}");
            }
        })
        .await
        .expect("a request in time")
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("a client that reads");
    }

    pub async fn send_if_open(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    pub async fn is_closed_by_peer(&mut self) -> bool {
        let mut byte = [0];
        matches!(tokio::time::timeout(PATIENCE, self.0.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    }
}

/// The header of an answer to SUBSCRIBE.
pub fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: 6d5f9682-c989-4ba0-9bce-9f621acaf8b8\r\n\
      Content-Type: application/x-protobuf\r\n\r\n"
        .to_vec()
}

/// One chunk of a chunked body.
pub fn chunk(content: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", content.len()).as_bytes(), content, b"\r\n"].concat()
}

/// A record with SUBSCRIBED.
pub fn subscribed(heartbeat_interval_seconds: f64) -> BytesMut {
    let subscribed = Subscribed {
        framework_id: Some(FrameworkId::new("framework-1")),
        heartbeat_interval_seconds: Some(heartbeat_interval_seconds),
        master_info: None,
    };
    let event = Event {
        r#type: Some(EventType::Subscribed as i32),
        subscribed: Some(subscribed),
        ..Event::default()
    };
    record(&event)
}

/// A record with HEARTBEAT.
pub fn heartbeat() -> BytesMut {
    record(&Event { r#type: Some(EventType::Heartbeat as i32), ..Event::default() })
}

/// A record of about `length` bytes with an event from the future.
pub fn ignored(length: usize) -> BytesMut {
    let message = ExecutorMessage { data: Some(vec![0; length].into()), ..ExecutorMessage::default() };
    record(&Event { r#type: Some(i32::MAX), message: Some(message), ..Event::default() })
}

fn record(event: &Event) -> BytesMut {
    let mut record = BytesMut::new();
    recordio::encode(&event.encode_to_vec(), &mut record);
    record
}

fn complete(bytes: &[u8]) -> Option<Http> {
    bytes
        .windows(4)
        .any(|window| window == b"\r\n\r\n")
        .then(|| Http::parse(&Bytes::copy_from_slice(bytes)))
        .filter(|request| {
            let length =
                request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
            request.body.len() >= length
        })
}
