//! What the client takes for offers and calls, against a server on this machine that does nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use base::lease::Lease;
use bytes::BytesMut;
use mesos::call::Call;
use mesos::client::{self, Config};
use mesos::event::Event;
use mesos::recordio;
use mesos::report::Report;
use mesos::wire;
use mesos::wire::event::{EventType, Subscribed};
use mesos::wire::framework::FrameworkInfo;
use mesos::wire::id::{FrameworkId, OfferId};
use prost::Message as _;
use std::time::Duration;

/// For each number of agents: their offers from the first byte on the wire to the decoded event, and a call for each
/// tenth agent from the first to the last answer.
pub fn run(agents: &[usize]) {
    println!("agents  MiB  offers_ms (RecordIO, socket and decoding)  calls  calls_ms (one after the other)");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for &agents in agents {
        let bytes = crate::offers(agents);
        let mib = f64::from(u32::try_from(bytes.len()).expect("small")) / f64::from(1 << 20);
        let (offers_ms, calls_ms) = runtime.block_on(measure(bytes.to_vec(), agents / 10));
        println!("{agents:>6} {mib:>4.1} {offers_ms:>10.2} {:>39} {calls_ms:>9.2}", agents / 10);
    }
}

async fn measure(offers: Vec<u8>, calls: usize) -> (f64, f64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let master = listener.local_addr().expect("an address").to_string().parse().expect("a master's address");
    let mesos::address::MasterAddress::Masters(masters) = master else { unreachable!() };
    let (start, started) = channel();
    let (answer, answered) = channel();
    thread::spawn(move || serve(&listener, &offers, &started, &answer));

    let framework = FrameworkInfo { name: Some("bench".into()), ..FrameworkInfo::default() };
    let (masters, lease) = (client::Masters::Known(masters), Lease::unlimited());
    let config = Config {
        masters,
        framework,
        suppressed_roles: Vec::new(),
        credentials: None,
        lease,
        trust: client::Trust::System,
    };
    let (outgoing, mut reports) = client::start(config).expect("a client");
    let until = async |reports: &mut client::Reports, wanted: fn(&Event) -> bool| loop {
        if matches!(reports.next().await, Some(Report::Event(event)) if wanted(&event)) {
            return;
        }
    };
    until(&mut reports, |event| matches!(event, Event::Subscribed { .. })).await;
    let begin = Instant::now();
    start.send(()).expect("a server");
    until(&mut reports, |event| matches!(event, Event::Offers(_))).await;
    let offers_ms = crate::ms(begin.elapsed());

    let begin = Instant::now();
    for number in 0..calls {
        let offer_ids = vec![OfferId::new(number.to_string())];
        outgoing.send(Call::Decline { offer_ids, refuse: Duration::from_secs(5) }).expect("room");
    }
    let mut count = 0;
    while count < calls {
        count += answered.try_iter().count();
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    (offers_ms, crate::ms(begin.elapsed()))
}

/// A subscription first, then a connection for calls.
fn serve(listener: &TcpListener, offers: &[u8], start: &Receiver<()>, answered: &Sender<()>) {
    let (mut stream, _) = listener.accept().expect("a client");
    read_request(&mut stream);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: 1\r\n\
                Content-Type: application/x-protobuf\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("a client");
    let subscribed =
        Subscribed { framework_id: Some(FrameworkId::new("framework")), ..Subscribed::default() };
    let event = wire::event::Event {
        r#type: Some(EventType::Subscribed as i32),
        subscribed: Some(subscribed),
        ..wire::event::Event::default()
    };
    let mut record = BytesMut::new();
    recordio::encode(&event.encode_to_vec(), &mut record);
    write_chunk(&mut stream, &record);
    start.recv().expect("a start");
    write_chunk(&mut stream, offers);
    let (mut calls, _) = listener.accept().expect("a client");
    calls.set_nodelay(true).expect("TCP");
    while read_request(&mut calls) {
        calls.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").expect("a client");
        if answered.send(()).is_err() {
            return;
        }
    }
}

fn write_chunk(stream: &mut TcpStream, content: &[u8]) {
    write!(stream, "{:x}\r\n", content.len()).expect("a client");
    stream.write_all(content).expect("a client");
    stream.write_all(b"\r\n").expect("a client");
}

/// Whether there was one.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |text| text.parse().expect("a number"));
            if bytes.len() >= end + 4 + length {
                return true;
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return false,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}
