//! One line per event on stderr; stdout belongs to the children.
//!
//! The asynchronous parts log through `tracing`; `init` writes its few lines with [`line`], in the same
//! shape, without a subscriber.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The variable with the lowest level that is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "FLINK_ON_MESOS_LOG";

/// The variable that makes each line a JSON object: `json`.
pub const FORMAT_VARIABLE: &str = "FLINK_ON_MESOS_LOG_FORMAT";

/// Fields whose names begin so are told by the message already.
const SILENT: &str = "event.";

static IS_JSON: AtomicBool = AtomicBool::new(false);

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

/// What the variable says; `info` if it says nothing that is a level.
pub fn level(text: Option<&str>) -> Level {
    text.and_then(|text| text.parse().ok()).unwrap_or(Level::INFO)
}

/// Sends everything from `level` up to stderr; `part` names the process in each line (`worker`, `mesos`).
pub fn start(level: Level, part: &'static str) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(Line { part })
        .finish();
    // A second call in one process (tests) keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Writes one line with a single `write`, so that lines of several processes never interleave. A closed or
/// full stderr is no reason to fail.
pub fn line(level: Level, part: &str, text: &str) {
    let _ = std::io::stderr().write_all(format(level, part, text).as_bytes());
}

/// One event as one line with its end, whatever the text contains.
pub fn format(level: Level, part: &str, text: &str) -> String {
    if Format::chosen() == Format::Json {
        return json(level, part, text, Map::new());
    }
    let mut buffer = String::with_capacity(64 + text.len());
    let _ = write!(buffer, "{} {level:5} {part}: {text}", timestamp());
    let mut buffer = buffer.replace('\n', "\\n");
    buffer.push('\n');
    buffer
}

/// The same as a JSON object.
fn json(level: Level, part: &str, message: &str, fields: Map<String, Value>) -> String {
    let (time, level) = (timestamp().to_string(), level.to_string());
    let own = [("time", &*time), ("level", &level), ("part", part), ("message", message)];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(own.chain(fields).collect()).to_string() + "\n"
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
        let text = format!("{}{}", fields.message, fields.rest).replace('\n', "\\n");
        writeln!(writer, "{} {level:5} {}: {text}", timestamp(), self.part)
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
}
