//! Sends recorded requests again and compares what comes back with what came back then.
//!
//! Identifiers differ from run to run: each live one that turns up in the place of a recorded one is
//! remembered and put into the requests that follow. Process ids, ports, times, uuids and containers are not
//! compared.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use mesos::recordio::Decoder;
use mesos::wire::call::Call;
use prost::Message as _;
use serde_json::{Value, json};

use super::client::{self, Events, Form};
use super::compare::{self, Batches, comparable, kind, learn, parts, subject};
use super::embedded::{Embedded, PATIENCE};

/// Scenarios that were recorded one after the other or side by side on one master.
pub struct Replay {
    embedded: Embedded,
    form: Form,
    root: PathBuf,
    /// Recorded identifier → live identifier.
    names: BTreeMap<String, String>,
    streams: BTreeMap<String, Stream>,
    batches: Batches,
    /// When the first scenario began; the times of the others count from there.
    began: Instant,
}

/// One step: a line of a scenario's timeline, and when it happened.
struct Step {
    at: Duration,
    scenario: String,
    what: What,
}

enum What {
    Call {
        file: String,
    },
    Event {
        stream: String,
    },
    /// The recorder closed its connection.
    Closed {
        stream: String,
    },
    Operator {
        request: Value,
    },
    /// What was done to the cluster by other means.
    Fault {
        name: &'static str,
        fields: Value,
    },
}

/// What was done at a note in a timeline.
fn faults_of(note: &str) -> Vec<(&'static str, Value)> {
    match note {
        "agent process killed (SIGKILL); the task goes on" => {
            vec![("disconnect-agent", json!({ "agent": "S0" }))]
        }
        // To an agent that was started again executors repeat what they have not seen acknowledged.
        "agent started again with its old work directory" => {
            vec![("duplicate-updates", json!({})), ("connect-agent", json!({ "agent": "S0" }))]
        }
        // The agents came to the new master as late as recorded, counted from here.
        "master killed" => {
            vec![("change-master", json!({ "registry": "lost", "agents_after_ms": [6500, 8600] }))]
        }
        _ => Vec::new(),
    }
}

/// The recorder heard of what an operator's call did before it had the answer.
const BEFORE_ANSWER: Duration = Duration::from_millis(20);

struct Stream {
    events: Events,
    /// Recorded events that are still to come.
    recorded: VecDeque<Value>,
    /// Live events that no recorded one was found for yet.
    pending: Vec<Value>,
}

/// The recorded subscriptions came about this long before a regular allocation.
const BEFORE_ALLOCATION: Duration = Duration::from_millis(740);

impl Replay {
    pub fn new(embedded: Embedded, form: Form, batches: Batches) -> Self {
        let folder = match form {
            Form::Protobuf => "pb",
            Form::Json => "json",
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mesos-traffic").join(folder);
        let since = embedded.started.elapsed().as_millis() % 1000;
        let since = Duration::from_millis(u64::try_from(since).expect("below 1000"));
        thread::sleep(Duration::from_secs(2) - since - BEFORE_ALLOCATION);
        let began = Instant::now();
        Self { embedded, form, root, names: BTreeMap::new(), streams: BTreeMap::new(), batches, began }
    }

    /// What is recorded as `recorded` is `live` here.
    pub fn name(&mut self, recorded: &str, live: &str) {
        self.names.insert(recorded.to_owned(), live.to_owned());
    }

    /// Replays scenarios, each from its own offset on.
    pub fn run(&mut self, scenarios: &[(&str, u64)]) {
        let mut steps: Vec<Step> =
            scenarios.iter().flat_map(|(name, offset_ms)| self.steps(name, *offset_ms)).collect();
        steps.sort_by_key(|step| step.at);
        for step in steps {
            let key = |stream: &str| format!("{}/{stream}", step.scenario);
            match &step.what {
                What::Call { file } => {
                    self.wait_until(step.at);
                    self.call(&step.scenario, file);
                }
                What::Event { stream } => self.expect_event(&key(stream)),
                What::Closed { stream } => drop(self.streams.remove(&key(stream))),
                What::Operator { request } => {
                    self.wait_until(step.at);
                    self.operate(request);
                }
                What::Fault { name, fields } => {
                    self.wait_until(step.at);
                    client::fault(self.embedded.address, name, fields);
                }
            }
        }
        for (name, stream) in &mut self.streams {
            stream.pending.extend(stream.events.take_ready());
            let surplus: Vec<_> = stream.pending.iter().filter(|event| kind(event) != "HEARTBEAT").collect();
            assert!(surplus.is_empty(), "{name}: not recorded: {surplus:#?}");
        }
    }

    fn steps(&self, scenario: &str, offset_ms: u64) -> Vec<Step> {
        let path = self.root.join(scenario).join("timeline.json");
        let timeline: Value = serde_json::from_slice(&fs::read(path).expect("a timeline")).expect("JSON");
        let lines = timeline["timeline"].as_array().expect("a list");
        let mut steps: Vec<Step> = Vec::new();
        for line in lines {
            let text = |key: &str| line[key].as_str().map(str::to_owned);
            let at = Duration::from_secs_f64(line["t"].as_f64().expect("a time"));
            let at = at + Duration::from_millis(offset_ms);
            if let Some(note) = line["note"].as_str() {
                let fault = |(name, fields)| What::Fault { name, fields };
                let step = |what| Step { at, scenario: scenario.to_owned(), what };
                steps.extend(faults_of(note).into_iter().map(fault).map(step));
                continue;
            }
            if line["operator_call"].is_string() {
                let what = What::Operator { request: line["request"].clone() };
                let at = at.saturating_sub(BEFORE_ANSWER);
                steps.push(Step { at, scenario: scenario.to_owned(), what });
                continue;
            }
            let what = if line["eof"] == true {
                What::Closed { stream: text("stream").expect("a stream") }
            } else if let (Some(stream), Some(_)) = (text("stream"), text("event")) {
                What::Event { stream }
            } else if let Some(file) = text("file") {
                What::Call { file }
            } else {
                continue;
            };
            // The answers of a call can stand before it in the list, for it is written when it is answered.
            steps.push(Step { at, scenario: scenario.to_owned(), what });
        }
        steps
    }

    fn wait_until(&self, at: Duration) {
        // A little patience keeps what was sent at once after an event from being sent before it.
        const NOISE: Duration = Duration::from_millis(50);
        let left = at.saturating_sub(self.began.elapsed());
        if left > NOISE {
            thread::sleep(left);
        }
    }

    fn call(&mut self, scenario: &str, file: &str) {
        let directory = self.root.join(scenario);
        let recorded = fs::read(directory.join(format!("{file}.request.http"))).expect("a request");
        let request = self.translate_request(&recorded);
        let stream = directory.join(format!("{file}.stream.http"));
        let expected = if stream.exists() {
            let head = fs::read(stream).expect("a stream");
            if head.starts_with(b"HTTP/1.1 200 ") {
                self.open(scenario, file, &request);
                return;
            }
            head
        } else {
            fs::read(directory.join(format!("{file}.response.http"))).expect("a response")
        };
        let answer = client::call(self.embedded.address, &request);
        let mut expected = client::parse_answer(&expected);
        expected.body = self.translate(&String::from_utf8_lossy(&expected.body)).into_bytes();
        expected.location = expected.location.map(|location| self.translate(&location));
        let context = format!("{scenario}/{file}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(compare::answer(&answer), compare::answer(&expected), "{context}");
    }

    fn operate(&self, request: &Value) {
        let request: Value = serde_json::from_str(&self.translate(&request.to_string())).expect("JSON");
        let answer = client::post(self.embedded.address, "/api/v1", &request);
        assert_eq!((answer.status.as_str(), answer.body.as_slice()), ("200 OK", b"".as_slice()), "{request}");
    }

    fn open(&mut self, scenario: &str, file: &str, request: &[u8]) {
        let directory = self.root.join(scenario);
        let events = client::subscribe(self.embedded.address, request, self.form);
        let head = fs::read(directory.join(format!("{file}.stream.http"))).expect("a stream");
        let head = String::from_utf8_lossy(&head);
        let recorded_id = head.lines().find_map(|line| line.strip_prefix("Mesos-Stream-Id: "));
        self.names.insert(recorded_id.expect("a stream id").trim().to_owned(), events.stream_id.clone());
        let bytes = fs::read(directory.join(format!("{file}.stream.recordio"))).expect("records");
        let mut decoder = Decoder::with_limit(1 << 20);
        decoder.push(bytes.into());
        let mut recorded = VecDeque::new();
        while let Some(record) = decoder.next_record().expect("RecordIO") {
            recorded.push_back(client::event(&record, self.form));
        }
        let stream = Stream { events, recorded, pending: Vec::new() };
        self.streams.insert(format!("{scenario}/{file}"), stream);
    }

    /// The next recorded event must come. Between others' events its place is free, for tasks run side by
    /// side; among those about the same thing the order counts.
    fn expect_event(&mut self, stream_key: &str) {
        let stream = self.streams.get_mut(stream_key).expect("an open stream");
        let recorded = stream.recorded.pop_front().expect("as many records as the timeline has events");
        for recorded in parts(recorded, self.batches) {
            self.expect_part(stream_key, &recorded);
        }
    }

    fn expect_part(&mut self, stream_key: &str, recorded: &Value) {
        let subject = subject(&serde_json::from_str(&self.translate(&recorded.to_string())).expect("JSON"));
        let deadline = Instant::now() + PATIENCE;
        let batches = self.batches;
        let stream = self.streams.get_mut(stream_key).expect("an open stream");
        let live = loop {
            if let Some(index) = stream.pending.iter().position(|live| compare::subject(live) == subject) {
                break stream.pending.remove(index);
            }
            assert!(Instant::now() < deadline, "{stream_key}: never came: {recorded:#}");
            match stream.events.next() {
                Some(event) => stream.pending.extend(parts(event, batches)),
                None => panic!("{stream_key}: the stream ended before {recorded:#}"),
            }
        };
        learn(&mut self.names, recorded, &live);
        let expected: Value = serde_json::from_str(&self.translate(&recorded.to_string())).expect("JSON");
        let (expected, live) = (comparable(expected), comparable(live));
        assert_eq!(expected, live, "{stream_key}\nrecorded: {expected:#}\nlive: {live:#}");
    }

    fn translate_request(&self, request: &[u8]) -> Vec<u8> {
        let end = request.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = request.split_at(end);
        let body = self.translate_body(body);
        let head = self.translate(&String::from_utf8_lossy(head));
        let line = |line: &str| match line.split_once(": ") {
            Some(("Content-Length", _)) => format!("Content-Length: {}\r\n", body.len()),
            _ => format!("{line}\r\n"),
        };
        let head: String = head.trim_end().lines().map(line).collect();
        [head.as_bytes(), b"\r\n", &body].concat()
    }

    fn translate_body(&self, body: &[u8]) -> Vec<u8> {
        if self.form == Form::Json {
            return match std::str::from_utf8(body) {
                Ok(text) => self.translate(text).into_bytes(),
                Err(_) => body.to_vec(),
            };
        }
        // What is no call is sent as it is.
        let Ok(call) = Call::decode(body) else { return body.to_vec() };
        let text = serde_json::to_string(&call).expect("its JSON form");
        let call: Call = serde_json::from_str(&self.translate(&text)).expect("a call");
        call.encode_to_vec()
    }

    /// Longer names first: one may be the beginning of another.
    fn translate(&self, text: &str) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(recorded, _)| std::cmp::Reverse(recorded.len()));
        // Through placeholders, so that no live name is taken for a recorded one.
        let mut text = text.to_owned();
        for (index, (recorded, _)) in names.iter().enumerate() {
            text = text.replace(recorded.as_str(), &format!("\u{1}{index}\u{2}"));
        }
        for (index, (_, live)) in names.iter().enumerate() {
            text = text.replace(&format!("\u{1}{index}\u{2}"), live);
        }
        text
    }
}
