//! An event of a cluster as a line.

use dispatcher::{Event, Level};

use super::text::{plain, time};

pub fn line(event: &Event, as_json: bool) -> String {
    if as_json {
        return serde_json::to_string(event).expect("all keys are texts");
    }
    let mark = match event.level {
        Level::Warn => '!',
        Level::Info => ' ',
    };
    format!("{} {mark} {}: {}", time(event.at), plain(&event.cluster), plain(&event.text))
}
