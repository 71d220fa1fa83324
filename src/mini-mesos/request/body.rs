//! Bytes to messages.

use prost::Message as _;
use serde_json::Value;
use serde_json::error::Category;

use mesos::wire::call::Call;

use super::MediaType;
use super::required;

/// The call, or why there is none in the words of the answer.
pub fn decode(media: MediaType, body: &[u8]) -> Result<Call, String> {
    match media {
        MediaType::Protobuf => {
            let call = Call::decode(body).ok().filter(|call| required::missing(call).is_empty());
            call.ok_or_else(|| "Failed to parse body into Call protobuf".to_owned())
        }
        MediaType::Json => decode_json(body),
    }
}

fn decode_json(body: &[u8]) -> Result<Call, String> {
    let mut json: Value = serde_json::from_slice(body).map_err(|error| {
        let near = String::from_utf8_lossy(after(body, &error));
        format!("Failed to parse body into JSON: syntax error at line {} near: {near}", error.line().max(1))
    })?;
    let unusable = |detail: String| format!("Failed to convert JSON into Call protobuf: {detail}");
    read_numbers(&mut json);
    // As text again, so that there is one reader of messages.
    let call: Call =
        serde_json::from_slice(json.to_string().as_bytes()).map_err(|error| unusable(error.to_string()))?;
    let missing = required::missing(&call);
    if missing.is_empty() {
        return Ok(call);
    }
    Err(unusable(format!("Missing required fields: {}", missing.join(", "))))
}

/// The rest of the line from the place where the error is.
fn after<'a>(body: &'a [u8], error: &serde_json::Error) -> &'a [u8] {
    let line = body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    match error.classify() {
        Category::Eof => &[],
        Category::Syntax | Category::Data | Category::Io => {
            line.get(error.column().saturating_sub(1)..).unwrap_or_default()
        }
    }
}

/// 64-bit numbers may also come as texts, as the canonical JSON of protobuf writes them.
fn read_numbers(json: &mut Value) {
    const NUMBERS: [&str; 3] = ["begin", "end", "nanoseconds"];
    match json {
        Value::Array(items) => items.iter_mut().for_each(read_numbers),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if NUMBERS.contains(&name.as_str()) => {
                        let number = text.parse::<i64>().map(Value::from);
                        let number = number.or_else(|_| text.parse::<u64>().map(Value::from));
                        if let Ok(number) = number {
                            *value = number;
                        }
                    }
                    _ => read_numbers(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
