//! One line per event on stderr; stdout belongs to the children.
//!
//! The asynchronous parts log through `tracing`; `init` writes its few lines with [`line`], in the same
//! shape, without a subscriber.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

mod output;

/// The variable with the lowest level that is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "FLINK_ON_MESOS_LOG";

/// The variable that makes each line a JSON object: `json`.
pub const FORMAT_VARIABLE: &str = "FLINK_ON_MESOS_LOG_FORMAT";

/// Fields whose names begin so are told by the message already.
const SILENT: &str = "event.";

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Writes to stderr what can be written without waiting for a reader, and returns how many bytes that was.
pub type WriteSome = fn(&[u8]) -> usize;

/// None while lines wait for their reader.
static WRITE_SOME: OnceLock<WriteSome> = OnceLock::new();

/// How often a full stderr is tried again.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl Format {
    /// What [`FORMAT_VARIABLE`] says; text if it says nothing that is a format.
    pub fn named(text: Option<&str>) -> Self {
        if text == Some("json") { Self::Json } else { Self::Text }
    }

    /// That of all lines from now on.
    pub fn choose(self) {
        IS_JSON.store(self == Self::Json, Ordering::Relaxed);
    }

    pub fn chosen() -> Self {
        if IS_JSON.load(Ordering::Relaxed) { Self::Json } else { Self::Text }
    }
}

/// Whether [`FORMAT_VARIABLE`] may say so.
pub fn is_format(text: &str) -> bool {
    matches!(text, "text" | "json")
}

/// Whether [`LEVEL_VARIABLE`] may say so.
pub fn is_level(text: &str) -> bool {
    text.parse::<Level>().is_ok()
}

/// What the variable says; `info` if it says nothing that is a level.
pub fn level(text: Option<&str>) -> Level {
    text.and_then(|text| text.parse().ok()).unwrap_or(Level::INFO)
}

/// Sends everything from `level` up to stderr; `part` names the process in each line (`worker`, `mesos`).
pub fn start(level: Level, part: &'static str, write_some: WriteSome) {
    never_wait(write_some);
    // As other lines, for the default hook waits for stderr.
    std::panic::set_hook(Box::new(move |panic| line(Level::ERROR, part, &panic.to_string())));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(move || Stderr { part })
        .event_format(Line { part })
        .finish();
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// From now on a full stderr makes nobody wait: lines are dropped and counted. For processes that live long; what a
/// command of a person says is worth its time.
pub fn never_wait(write_some: WriteSome) {
    let _ = WRITE_SOME.set(write_some);
}

/// Says how many lines were dropped as soon as somebody reads again, though there be nothing else to say.
pub async fn catch_up(part: &'static str) {
    let Some(write_some) = WRITE_SOME.get() else { return };
    loop {
        output::dropped().await;
        while !output::catch_up(|count| dropped(part, count), write_some) {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Writes one line with a single `write`, so that lines of several processes never interleave. A closed
/// stderr is no reason to fail.
pub fn line(level: Level, part: &str, text: &str) {
    write(part, &format(level, part, text));
}

fn write(part: &str, line: &str) {
    match WRITE_SOME.get() {
        None => drop(io::stderr().write_all(line.as_bytes())),
        Some(write_some) => output::write(line, |count| dropped(part, count), write_some),
    }
}

fn dropped(part: &str, count: u64) -> String {
    format(
        Level::WARN,
        part,
        &format!("{count} log lines were dropped: nobody read stderr, whose buffer was full"),
    )
}

/// What `tracing` writes to, an event at a time.
struct Stderr {
    part: &'static str,
}

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(self.part, &String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Text from others may hold anything: control characters, which a terminal would obey and some collectors end at, and
/// marks that turn the reading direction are spelt out.
fn clean(text: &str) -> Cow<'_, str> {
    clean_but(text, |_| false)
}

fn clean_but(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_spelt = |char: char| {
        let turns =
            matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (char.is_control() || turns) && !keep(char)
    };
    if !text.contains(is_spelt) {
        return text.into();
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_spelt(char) { cleaned.extend(char.escape_default()) } else { cleaned.push(char) }
    }
    cleaned.into()
}

/// JSON has spellings of its own for line ends and tabs.
fn clean_value(value: Value) -> Value {
    match value {
        Value::String(text) => {
            clean_but(&text, |char| matches!(char, '\n' | '\r' | '\t')).into_owned().into()
        }
        other => other,
    }
}

/// One event as one line with its end, whatever the text contains.
pub fn format(level: Level, part: &str, text: &str) -> String {
    if Format::chosen() == Format::Json {
        return json(level, part, text, Map::new());
    }
    let mut buffer = String::with_capacity(64 + text.len());
    let _ = writeln!(buffer, "{} {level:5} {part}: {}", timestamp(), clean(text));
    buffer
}

/// The same as a JSON object.
fn json(level: Level, part: &str, message: &str, fields: Map<String, Value>) -> String {
    let (time, level) = (timestamp().to_string(), level.to_string());
    let own = [("time", &*time), ("level", &level), ("part", part), ("message", message)];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    let all = own.chain(fields).map(|(name, value)| (name, clean_value(value)));
    Value::Object(all.collect()).to_string() + "\n"
}

/// An error with its chain of causes, `: ` between them.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

fn timestamp() -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_millis(SystemTime::now())
}

struct Line {
    part: &'static str,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level();
        if Format::chosen() == Format::Json {
            return writer.write_str(&json(*level, self.part, &fields.message, fields.values));
        }
        let text = format!("{}{}", fields.message, fields.rest);
        writeln!(writer, "{} {level:5} {}: {}", timestamp(), self.part, clean(&text))
    }
}

/// The message first, then ` key=value` for each field, and the fields as they are.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
    values: Map<String, Value>,
}

impl Fields {
    fn add(&mut self, field: &Field, text: &str, value: Value) {
        if !field.name().starts_with(SILENT) {
            let _ = write!(self.rest, " {}={text}", field.name());
        }
        self.values.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, &text, Value::from(&*text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &format!("{value:?}"), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value.to_string(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_one_object_whatever_it_tells() {
        let fields = Map::from_iter([("event.kind".to_owned(), Value::from("x"))]);
        let line = json(Level::WARN, "worker", "a \"b\"\nc", fields);
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&value["level"], &value["part"]), (&"WARN".into(), &"worker".into()));
        assert_eq!((&value["message"], &value["event.kind"]), (&"a \"b\"\nc".into(), &"x".into()));
    }
    #[test]
    fn what_others_say_stays_text() {
        let text = "a\0b\u{1b}[31mred\r\n\u{7f}\u{9b}x\u{202e}\té";
        assert_eq!(clean(text), r"a\u{0}b\u{1b}[31mred\r\n\u{7f}\u{9b}x\u{202e}\té");
        assert!(matches!(clean("nothing odd: é → ☃"), Cow::Borrowed(_)));
        let line = format(Level::INFO, "x", text);
        assert!(line.trim_end_matches('\n').chars().all(|char| !char.is_control()), "{line:?}");
        let fields = Map::from_iter([("detail".to_owned(), Value::from(text))]);
        let line = json(Level::WARN, "worker", text, fields);
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["message"], "a\\u{0}b\\u{1b}[31mred\r\n\\u{7f}\\u{9b}x\\u{202e}\té");
        assert_eq!(value["detail"], value["message"]);
    }
}
