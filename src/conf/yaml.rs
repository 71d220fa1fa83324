//! The grammar of `config.yaml`: YAML 1.2 with the core schema, flattened to dotted keys, every value
//! rendered back to the text that Flink hands to its options.
//!
//! Stricter than YAML where Flink is: a key twice in one map, an empty value, a key that is not text and a
//! second document are errors. Lists become flow text (`[a, b]`); a map inside a list too.

mod compose;
mod scalar;

use std::collections::BTreeSet;

use super::entry::{Entry, Remark};
use compose::Node;
use scalar::render_text;

/// The entries of `text` in document order. A dotted key can occur twice when it is spelled in different
/// ways (`a.b: 1` and `a: {b: 1}`); the later one wins.
pub fn parse(text: &str) -> Result<Vec<Entry>, Remark> {
    let root = compose::compose(text)?;
    let mut entries = Vec::new();
    match &root.value {
        Value::Map(pairs) => flatten(pairs, "", &mut entries)?,
        Value::Null => {}
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
            return Err(root.remark("expected `key: value`, not a single value or a list"));
        }
    }
    Ok(entries)
}

/// The items of a flow list (`[a, 'b, c']`), rendered as text; `None` for what is no list.
pub fn items(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with('[') {
        return None;
    }
    match compose::compose(text).ok()?.value {
        Value::List(items) => Some(items.into_iter().map(|item| item.value.into_text()).collect()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Map(_) => {
            None
        }
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
enum Value {
    Null,
    Bool(bool),
    Int(String),
    Float(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What Flink hands to an option.
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => {
                flow(&self)
            }
        }
    }
}

fn flatten(pairs: &[(Node, Node)], prefix: &str, entries: &mut Vec<Entry>) -> Result<(), Remark> {
    for (key, node) in pairs {
        let name = match &key.value {
            Value::Text(name) => name,
            // What Flink's `String.valueOf` makes of it.
            Value::Null => "null",
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
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
            value @ (Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_)) => {
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
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| flow(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Map(pairs) => {
            let pair = |(key, node): &(Node, Node)| format!("{}: {}", flow(&key.value), flow(&node.value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Fails on the second of two equal keys of one map.
fn check_duplicates(pairs: &[(Node, Node)]) -> Result<(), Remark> {
    let mut seen = BTreeSet::new();
    for (key, _) in pairs {
        if !seen.insert(&key.value) {
            return Err(key.remark(format!("the key `{}` stands twice in one map", flow(&key.value))));
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
    const DEVIATIONS: [(&str, &str); 14] = [
        // An alias in a list is written out: Flink prints the anchor's number, which only it can read.
        ("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "a=[1, 2]|b=[1, 2]|c=[[1, 2], [1, 2]]"),
        ("a: &x {p: [1]}\nb: [*x, *x]\n", "a.p=[1]|b=[{p: [1]}, {p: [1]}]"),
        ("a: &x [*x]\n", "1: an alias inside of what it stands for"),
        // No option of Flink takes these types.
        ("a: !!binary aGVsbG8=\n", "1: the tag `!!binary` is not supported"),
        ("a: !!set {x, y}\n", "1: the tag `!!set` is not supported here"),
        // Printed by JDK 19 and later; JDK 17 prints more digits than needed (JDK-4511638).
        ("b: 1.0E23\nc: 2e23\nj: 8.41e21\n", "b=1.0E23|c=2.0E23|j=8.41E21"),
        // More tolerant, at no harm.
        ("%YAML 2.0\n---\na: 1\n", "a=1"),
        ("a: 1\n\t\nb: 2\n", "a=1|b=2"),
        ("a: &x-y.z x\nb: *x-y.z\n", "a=x|b=x"),
        // Less tolerant: YAML demands that continued lines are indented, Flink's reader does not.
        ("a: [1,\n2]\n", "2: not YAML: invalid indentation in flow construct"),
        ("a: {b: 1,\nc: 2}\n", "2: not YAML: invalid indentation in flow construct"),
        ("a: \"x\ny\"\n", "1: not YAML: invalid indentation in quoted scalar"),
        ("a: [\n1\n]\n", "2: not YAML: invalid indentation"),
        ("a: {\nb: 1\n}\n", "2: not YAML: invalid indentation"),
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
