//! Texts for a terminal.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use dispatcher::Timestamp;

/// A reader that has gone is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What others have written must not move the cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// With a dash where there is nothing.
pub fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| plain(&text.to_string()))
}

pub fn time(at: Timestamp) -> String {
    // What no calendar has is a clock's mistake.
    let at = Duration::from_millis(at.0).min(LAST);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + at).to_string()
}

/// The year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);
