//! The grammar of `config.yaml`: YAML 1.2 with the core schema, flattened to dotted keys, every value
//! rendered back to the text that Flink hands to its options.
//!
//! Stricter than YAML where Flink is: a key twice in one map, an empty value, a key that is not text and a
//! second document are errors. Lists become flow text (`[a, b]`); a map inside a list too.

mod compose;
mod cursor;
mod scalar;
mod scan;
mod tag;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::entry::{Entry, Remark};
pub use compose::{Node, documents};
use scalar::render_text;

/// What Flink's writer takes for a simple key.
const MAX_SHORT_KEY: usize = 128;

/// The entries of `text` in document order. A dotted key can occur twice when it is spelled in different
/// ways (`a.b: 1` and `a: {b: 1}`); the later one wins.
pub fn parse(text: &str) -> Result<Vec<Entry>, Remark> {
    let root = compose::compose(text)?;
    let mut entries = Vec::new();
    match &root.value {
        Value::Map(pairs) => flatten(pairs, "", &mut entries)?,
        Value::Null => {}
        Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Binary(_)
        | Value::List(_)
        | Value::Set(_) => {
            return Err(root.remark("expected `key: value`, not a single value or a list"));
        }
    }
    Ok(entries)
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Rendered as Flink hands it to an option.
    Text(String),
    /// The keys and values of a map, which are all texts.
    Pairs(Vec<(String, String)>),
    /// A list of texts within the list.
    Texts(Vec<String>),
    /// Deeper than that, as Flink prints it.
    Nested(String),
}

impl Item {
    /// As Flink prints it.
    pub fn into_text(self) -> String {
        let texts =
            |texts: &[String]| texts.iter().map(|text| render_text(text)).collect::<Vec<_>>().join(", ");
        match self {
            Self::Text(text) | Self::Nested(text) => text,
            Self::Texts(items) => format!("[{}]", texts(&items)),
            Self::Pairs(pairs) => {
                let pair =
                    |(key, value): &(String, String)| format!("{}: {}", render_text(key), render_text(value));
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The items of a flow list (`[a, 'b, c', {d: e}]`); `None` for what is no list.
pub fn items(text: &str) -> Option<Vec<Item>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    match compose::compose(text).ok()?.value {
        Value::List(items) => Some(items.into_iter().map(|item| item_of(item.value)).collect()),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Binary(_)
        | Value::Map(_)
        | Value::Set(_) => None,
    }
}

fn item_of(value: Value) -> Item {
    let is_flat = |node: &Node| !matches!(node.value, Value::List(_) | Value::Map(_) | Value::Set(_));
    match value {
        Value::List(items) if items.iter().all(is_flat) => {
            Item::Texts(items.into_iter().map(|item| item.value.into_text()).collect())
        }
        Value::Map(pairs) if pairs.iter().all(|(key, value)| is_flat(key) && is_flat(value)) => {
            let pair = |(key, value): (Node, Node)| (key.value.into_text(), value.value.into_text());
            Item::Pairs(pairs.into_iter().map(pair).collect())
        }
        value @ (Value::List(_) | Value::Map(_) | Value::Set(_)) => Item::Nested(value.into_text()),
        value => Item::Text(value.into_text()),
    }
}

/// Why `key: value` cannot be written in this grammar so that Flink reads the same back.
pub fn inexpressible(key: &str) -> Option<&'static str> {
    // The limit of YAML for a key without an explicit `?`; escaped, a character can take ten.
    (render_text(key).len() > 1000).then_some("a key of more than 1000 characters cannot be written there")
}

/// One line; values are text for Flink whatever they look like (`1.50` must not become `1.5`).
pub fn write_entry(out: &mut String, key: &str, value: &str) {
    out.extend([&render_text(key), ": ", &render_text(value), "\n"]);
}

/// A value by the core schema, already normalised: `010` is `Int("10")`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Bool(bool),
    Int(String),
    Float(String),
    Text(String),
    Binary(Vec<u8>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Set(Vec<Node>),
}

impl Value {
    /// Of all texts in it.
    fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 0,
            Self::Int(text) | Self::Float(text) | Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::List(nodes) | Self::Set(nodes) => nodes.iter().map(|node| node.value.bytes()).sum(),
            Self::Map(pairs) => pairs.iter().map(|(key, node)| key.value.bytes() + node.value.bytes()).sum(),
        }
    }

    /// What Flink hands to an option.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) if !bytes.is_empty() => format!("!!binary |-\n  {}", STANDARD.encode(bytes)),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Float(_)
            | Self::Binary(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Set(_) => flow(&self),
        }
    }
}

/// The entries of a map, whose keys begin with `prefix`.
pub fn flatten(pairs: &[(Node, Node)], prefix: &str, entries: &mut Vec<Entry>) -> Result<(), Remark> {
    for (key, node) in pairs {
        let name = match &key.value {
            Value::Text(name) => name,
            // What Flink's `String.valueOf` makes of it.
            Value::Null => "null",
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Binary(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Set(_) => {
                return Err(
                    key.remark(format!("the key `{}` must be text; put it in quotes", flow(&key.value)))
                );
            }
        };
        let name = format!("{prefix}{name}");
        match &node.value {
            Value::Null => {
                return Err(node.remark(format!("`{name}` has no value; write `\"\"` for an empty text")));
            }
            Value::Map(inner) => flatten(inner, &format!("{name}."), entries)?,
            value @ (Value::Text(_)
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Binary(_)
            | Value::List(_)
            | Value::Set(_)) => {
                entries.push(Entry { key: name, value: value.clone().into_text(), line: node.line });
            }
        }
    }
    Ok(())
}

/// The value as Flink prints it inside a list.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(text) | Value::Float(text) => text.clone(),
        Value::Text(text) => render_text(text),
        Value::Binary(bytes) => format!("!!binary \"{}\"", STANDARD.encode(bytes)),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| flow(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(pairs) => {
            let pair = |(key, node): &(Node, Node)| flow_pair(&key.value, &flow(&node.value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::Set(keys) => {
            let pairs: Vec<_> = keys.iter().map(|key| flow_pair(&key.value, "null")).collect();
            format!("!!set {{{}}}", pairs.join(", "))
        }
    }
}

/// A key that is no short text gets a `?` in front.
fn flow_pair(key: &Value, value: &str) -> String {
    let shown = flow(key);
    let is_simple = match key {
        Value::Text(text) if text.is_empty() || text.contains('\n') => false,
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Binary(_) => shown.chars().count() < MAX_SHORT_KEY,
        Value::List(items) => items.is_empty(),
        Value::Map(pairs) => pairs.is_empty(),
        Value::Set(keys) => keys.is_empty(),
    };
    if is_simple { format!("{shown}: {value}") } else { format!("? {shown} : {value}") }
}

/// Fails on the second of two equal keys of one map.
fn check_duplicates(pairs: &[(Node, Node)]) -> Result<(), Remark> {
    let mut seen = BTreeSet::new();
    for (key, _) in pairs {
        if !seen.insert(&key.value) {
            return Err(key.remark(format!("the key `{}` is twice in one map", flow(&key.value))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Recorded from `GlobalConfiguration.loadConfiguration` of Flink 1.20.5 and 2.3.0, which agree: one
    /// object a line, `text` with either `values` or `fatal`.
    const RECORDED: &str = include_str!("../../tests/data/conf/config-yaml.jsonl");

    /// Where we answer otherwise, and why: the text, and our values or the error's text.
    const DEVIATIONS: [(&str, &str); 4] = [
        // An alias in a list is written out: Flink prints the anchor's number, which only it can read.
        ("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "a=[1, 2]|b=[1, 2]|c=[[1, 2], [1, 2]]"),
        ("a: &x {p: [1]}\nb: [*x, *x]\n", "a.p=[1]|b=[{p: [1]}, {p: [1]}]"),
        ("a: &x [*x]\n", "1: an alias inside of its own value"),
        // Printed by JDK 19 and later; JDK 17 prints more digits than needed (JDK-4511638).
        ("b: 1.0E23\nc: 2e23\nj: 8.41e21\n", "b=1.0E23|c=2.0E23|j=8.41E21"),
    ];

    #[test]
    fn reads_what_flink_reads() {
        let deviations = BTreeMap::from(DEVIATIONS);
        let mut wrong = Vec::new();
        for line in RECORDED.lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = case["text"].as_str().unwrap();
            let read = parse(text);
            let told = tell(&read);
            let right = match (deviations.get(text), case["values"].as_object()) {
                (Some(expected), _) => told == **expected,
                (None, None) => read.is_err(),
                (None, Some(values)) => {
                    let value = |(key, value): (&String, &serde_json::Value)| {
                        format!("{key}={}", value.as_str().unwrap())
                    };
                    told == values.iter().map(value).collect::<Vec<_>>().join("|")
                }
            };
            if !right {
                wrong.push(format!("{line}\n  read {told:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// `key=value|…` in the order of the keys, or `line: reason`.
    fn tell(read: &Result<Vec<Entry>, Remark>) -> String {
        match read {
            Ok(entries) => {
                let values: BTreeMap<_, _> = entries.iter().map(|entry| (&entry.key, &entry.value)).collect();
                values.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("|")
            }
            Err(remark) => format!("{}: {}", remark.line, remark.text),
        }
    }
}
