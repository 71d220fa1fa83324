//! A scheduler's side of the wire, down to the bytes: plain sockets, one connection per call.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use bytes::Bytes;
use mesos::recordio::Decoder;
use mesos::wire::event::Event;
use prost::Message as _;
use serde_json::Value;

use super::embedded::PATIENCE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Protobuf,
    Json,
}

/// An answer that has an end.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Such as `400 Bad Request`.
    pub status: String,
    pub content_type: Option<String>,
    /// The `WWW-Authenticate` header.
    pub challenge: Option<String>,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// A stream of events. Dropped, its connection is closed.
pub struct Events {
    pub stream_id: String,
    socket: TcpStream,
    records: Receiver<Bytes>,
    form: Form,
}

struct Head {
    status: String,
    headers: Vec<(String, String)>,
}

pub fn call(address: SocketAddr, request: &[u8]) -> Answer {
    let mut reader = send(address, request);
    let head = read_head(&mut reader);
    let body = match head.header("content-length") {
        Some(length) => {
            let mut body = vec![0; length.parse().expect("a length")];
            reader.read_exact(&mut body).expect("the body");
            body
        }
        None => {
            let mut body = Vec::new();
            while let Some(chunk) = read_chunk(&mut reader) {
                body.extend(chunk);
            }
            body
        }
    };
    answer(head, body)
}

/// A JSON body to any path.
pub fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    call(address, request.as_bytes())
}

/// Makes something go wrong.
pub fn fault(address: SocketAddr, name: &str, fields: &Value) {
    let answer = post(address, &format!("/mini/{name}"), fields);
    assert_eq!(answer.status, "200 OK", "{name}: {}", String::from_utf8_lossy(&answer.body));
}

pub fn subscribe(address: SocketAddr, request: &[u8], form: Form) -> Events {
    let mut reader = send(address, request);
    let head = read_head(&mut reader);
    assert_eq!(head.status, "200 OK");
    let expected = match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    };
    assert_eq!(head.header("content-type"), Some(expected));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    let stream_id = head.header("mesos-stream-id").expect("a stream id").to_owned();
    let socket = reader.get_ref().try_clone().expect("a second handle");
    let (sender, records) = mpsc::channel();
    thread::spawn(move || {
        let mut decoder = Decoder::with_limit(1 << 20);
        while let Some(chunk) = read_chunk(&mut reader) {
            decoder.push(Bytes::from(chunk));
            while let Some(record) = decoder.next_record().expect("RecordIO") {
                let _ = sender.send(record);
            }
        }
    });
    Events { stream_id, socket, records, form }
}

impl Events {
    /// The next event, or nothing at the end of the stream.
    pub fn next(&self) -> Option<Value> {
        match self.records.recv_timeout(PATIENCE) {
            Ok(record) => Some(event(&record, self.form)),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("waited in vain for an event"),
        }
    }

    /// What is there already.
    pub fn take_ready(&self) -> Vec<Value> {
        self.records.try_iter().map(|record| event(&record, self.form)).collect()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// An event in its JSON form, whatever form it came in.
pub fn event(record: &[u8], form: Form) -> Value {
    match form {
        Form::Json => serde_json::from_slice(record).expect("a JSON event"),
        Form::Protobuf => {
            serde_json::to_value(Event::decode(record).expect("an event")).expect("its JSON form")
        }
    }
}

/// Splits a whole answer as it was recorded.
pub fn parse_answer(bytes: &[u8]) -> Answer {
    let mut reader = BufReader::new(bytes);
    let head = read_head(&mut reader);
    let mut body = Vec::new();
    if head.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = read_chunk(&mut reader) {
            body.extend(chunk);
        }
    } else {
        reader.read_to_end(&mut body).expect("the body");
    }
    answer(head, body)
}

fn answer(head: Head, body: Vec<u8>) -> Answer {
    let text = |name: &str| head.header(name).map(str::to_owned);
    let (content_type, challenge) = (text("content-type"), text("www-authenticate"));
    let location = text("location");
    Answer { status: head.status, content_type, challenge, location, body }
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn send(address: SocketAddr, request: &[u8]) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.write_all(request).expect("the request");
    BufReader::new(socket)
}

fn read_head(reader: &mut BufReader<impl Read>) -> Head {
    let mut status = String::new();
    reader.read_line(&mut status).expect("a status line");
    let status = status.trim().strip_prefix("HTTP/1.1 ").expect("HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim().split_once(':') else { return Head { status, headers } };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}

/// Nothing at the end, be it announced or not.
fn read_chunk(reader: &mut BufReader<impl Read>) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let length = usize::from_str_radix(line.trim(), 16).ok()?;
    let mut chunk = vec![0; length + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(length);
    (length > 0).then_some(chunk)
}
