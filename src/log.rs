//! One line per event on stderr; stdout belongs to the children.
//!
//! The asynchronous parts log through `tracing`; `init` writes its few lines with [`line`], in the same
//! shape, without a subscriber.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The variable with the lowest level that is logged: `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "FLINK_ON_MESOS_LOG";

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
    let mut buffer = String::with_capacity(64 + text.len());
    let _ = write!(buffer, "{} {level:5} {part}: {text}", timestamp());
    let mut buffer = buffer.replace('\n', "\\n");
    buffer.push('\n');
    buffer
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
        let text = format!("{}{}", fields.message, fields.rest).replace('\n', "\\n");
        writeln!(writer, "{} {:5} {}: {text}", timestamp(), event.metadata().level(), self.part)
    }
}

/// The message first, then ` key=value` for each field.
#[derive(Default)]
struct Fields {
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.rest, " {name}={value:?}"),
        };
    }
}
