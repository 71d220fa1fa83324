//! An event as a line.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use base::events::{Event, Level};

/// A reader that has gone is no reason to fail.
pub fn print(event: &Event, as_json: bool) {
    let line = if as_json { serde_json::to_string(event).unwrap_or_default() } else { text(event) };
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn text(event: &Event) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(event.at);
    let mark = match event.level {
        Level::Warn => '!',
        Level::Info => ' ',
    };
    format!("{} {mark} {}", humantime::format_rfc3339_seconds(at), event.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_marked() {
        let event = Event {
            id: 1,
            at: 1_000,
            kind: "x".to_owned(),
            task_id: None,
            level: Level::Warn,
            text: "a".to_owned(),
        };
        assert_eq!(text(&event), "1970-01-01T00:00:01Z ! a");
    }
}
