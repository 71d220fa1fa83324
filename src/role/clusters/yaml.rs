//! JSON's values as YAML that people can read.

use serde_json::Value;

/// Texts that would be something else without quotes.
const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];

pub fn text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write(value, 0, &mut text),
        Value::Array(items) if !items.is_empty() => write(value, 0, &mut text),
        scalar => {
            text.push_str(&inline(scalar));
            text.push('\n');
        }
    }
    text
}

/// A map or list that is not empty, each line of it indented.
fn write(value: &Value, indent: usize, text: &mut String) {
    let blanks = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                text.push_str(&format!("{blanks}{}:", shown(key)));
                write_after(value, indent, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut below = String::new();
                write_item(item, indent, &mut below);
                text.push_str(&below);
            }
        }
        scalar => text.push_str(&format!("{blanks}{}\n", inline(scalar))),
    }
}

/// After `key:`.
fn write_after(value: &Value, indent: usize, text: &mut String) {
    if is_inline(value) {
        text.push_str(&format!(" {}\n", inline(value)));
    } else {
        text.push('\n');
        write(value, indent + 2, text);
    }
}

/// The first line of what is below begins with the dash.
fn write_item(item: &Value, indent: usize, text: &mut String) {
    let blanks = " ".repeat(indent);
    if is_inline(item) {
        text.push_str(&format!("{blanks}- {}\n", inline(item)));
        return;
    }
    let mut below = String::new();
    write(item, indent + 2, &mut below);
    text.push_str(&format!("{blanks}- {}", &below[indent + 2..]));
}

fn is_inline(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// In quotes unless it is beyond doubt a text without them. JSON's quotes are YAML's too.
fn shown(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+=() ,".contains(c))
        && !text.ends_with(' ')
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use conf::document::{self, Node, Value as Read};
    use serde_json::json;

    use super::*;

    fn read(node: Node) -> Value {
        match node.value {
            Read::Map(pairs) => {
                let pairs = pairs.into_iter().map(|(key, value)| (key.value.into_text(), read(value)));
                Value::Object(pairs.collect())
            }
            Read::List(items) => items.into_iter().map(read).collect(),
            Read::Text(text) => Value::from(text),
            other => panic!("taken for no text: {}", other.into_text()),
        }
    }

    #[test]
    fn a_reader_finds_the_same_in_it() {
        let value = json!({
            "name": "a-1", "empty": "", "none": {}, "nothing": [],
            "odd": ["yes", "- x", "a: b", "a #b", "1e3", "tab\tand\nline", "\"q\"", "ü", " x ", "x ", "[", "*a", "null"],
            "deep": [{"a": {"b": ["c", "d"]}, "e": "f"}, [["g"], "h"], {"i": [{"j": "k"}]}],
            "key: odd": "v",
        });
        let written = text(&value);
        let mut nodes =
            document::documents(&written).unwrap_or_else(|remark| panic!("{remark:?}: {written}"));
        let (node, rest) = (nodes.remove(0), nodes.len());
        assert_eq!((read(node), rest), (value, 0), "{written}");
    }

    #[test]
    fn it_is_as_people_write_it() {
        let value = json!({"name": "a", "count": 2, "is": true, "none": null, "texts": ["x", "2"], "maps": [{"a": 1, "b": 2}]});
        assert_eq!(
            text(&value),
            "name: a\ncount: 2\nis: true\nnone: null\ntexts:\n  - x\n  - \"2\"\nmaps:\n  - a: 1\n    b: 2\n"
        );
        assert_eq!(text(&json!([])), "[]\n");
        assert_eq!(text(&json!("x")), "x\n");
    }
}
