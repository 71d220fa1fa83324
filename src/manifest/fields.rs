//! Takes the fields of a map one after the other, and gathers what is wrong with them.

use std::collections::BTreeMap;
use std::str::FromStr;

use conf::document::{Node, Value};
use conf::keys::Key;
use conf::{nearest, redact};

use super::finding::{Finding, Lines};

/// Nobody reads more, and what is no manifest at all can have any number of fields.
pub const MAX_TOLD: usize = 100;

/// What was found while a document was read.
#[derive(Debug, Default)]
pub struct Reading {
    pub findings: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub lines: Lines,
}

impl Reading {
    pub fn refuse(&mut self, field: &str, reason: impl Into<String>) {
        let finding = self.lines.finding(field, reason);
        self.found(finding);
    }

    pub fn found(&mut self, finding: Finding) {
        if !self.is_full() {
            self.findings.push(finding);
        }
    }

    pub fn warn(&mut self, field: &str, reason: impl Into<String>) {
        if self.warnings.len() < MAX_TOLD {
            self.warnings.push(self.lines.finding(field, reason));
        }
    }

    fn is_full(&self) -> bool {
        self.findings.len() >= MAX_TOLD
    }
}

/// A map of which fields are taken.
pub struct Fields<'r> {
    pub reading: &'r mut Reading,
    path: String,
    /// Those that nobody has taken yet.
    pairs: Vec<(String, usize, Node)>,
    known: Vec<&'static str>,
}

impl<'r> Fields<'r> {
    pub fn of(reading: &'r mut Reading, path: &str, node: Node) -> Option<Self> {
        if reading.lines.of(path).is_none() {
            reading.lines.note(path, node.line);
        }
        let Value::Map(map) = node.value else {
            reading.refuse(path, format!("expected a map, not {}", described(&node.value)));
            return None;
        };
        let mut pairs = Vec::with_capacity(map.len());
        for (key, value) in map {
            match key.value {
                Value::Text(name) => pairs.push((name, key.line, value)),
                _ => reading.found(Finding {
                    field: path.to_owned(),
                    line: Some(key.line),
                    reason: format!("expected the name of a field, not {}", described(&key.value)),
                }),
            }
        }
        Some(Self { reading, path: path.to_owned(), pairs, known: Vec::new() })
    }

    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether something stands there.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(own, _, node)| own == name && node.value != Value::Null)
    }

    pub fn is_map(&self, name: &str) -> bool {
        self.pairs.iter().any(|(own, _, node)| own == name && matches!(node.value, Value::Map(_)))
    }

    /// `None` where nothing or `null` stands.
    pub fn take(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        let index = self.pairs.iter().position(|(own, ..)| own == name)?;
        let (_, line, node) = self.pairs.remove(index);
        self.reading.lines.note(&self.path(name), line);
        (node.value != Value::Null).then_some(node)
    }

    pub fn refuse(&mut self, name: &str, reason: impl Into<String>) {
        self.reading.refuse(&self.path(name), reason);
    }

    pub fn nested(&mut self, name: &'static str) -> Option<Fields<'_>> {
        let node = self.take(name)?;
        let path = self.path(name);
        Fields::of(self.reading, &path, node)
    }

    /// As in the API of Kubernetes nothing but text is text.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)?.value {
            Value::Text(text) => Some(text),
            value => self.wrong(name, &not_text(&value)),
        }
    }

    pub fn number<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.scalar(name, expected)?;
        match text.trim().parse() {
            Ok(number) => Some(number),
            Err(_) => self.unexpected(name, expected, &text),
        }
    }

    /// Any scalar, as text that `read` understands.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.scalar(name, expected)?;
        match read(&text) {
            Some(value) => Some(value),
            None => self.unexpected(name, expected, &text),
        }
    }

    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, "`true` or `false`", |text| text.parse().ok())
    }

    pub fn one_of<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let expected = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        self.parsed(name, &expected, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
        })
    }

    pub fn texts(&mut self, name: &'static str) -> Vec<String> {
        let Some(node) = self.take(name) else { return Vec::new() };
        let Value::List(items) = node.value else {
            self.wrong::<()>(name, &format!("expected a list of texts, not {}", described(&node.value)));
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item.value {
                Value::Text(text) => texts.push(text),
                value => {
                    let field = format!("{}[{index}]", self.path(name));
                    self.reading.lines.note(&field, item.line);
                    self.reading.refuse(&field, not_text(&value));
                }
            }
        }
        texts
    }

    pub fn map(&mut self, name: &'static str) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let Some(fields) = self.nested(name) else { return map };
        let Fields { reading, path, pairs, .. } = fields;
        for (key, line, node) in pairs {
            let field = format!("{path}.{key}");
            reading.lines.note(&field, line);
            match node.value {
                Value::Text(text) => _ = map.insert(key, text),
                value => reading.refuse(&field, not_text(&value)),
            }
        }
        map
    }

    /// In the form that a key of the configuration has, or as YAML lists and maps of the same.
    pub fn of_key<T>(&mut self, name: &'static str, key: &Key<T>) -> Option<T> {
        let text = self.take(name)?.value.into_text();
        match key.read(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                let shown = redact::shown(key.name, &text);
                let expected = redact::expected_without(&expected, &text, &shown);
                self.wrong(name, &format!("expected {expected}, found `{shown}`"))
            }
        }
    }

    /// What is left is either `meaningless` on Mesos or not known at all.
    pub fn finish(mut self, meaningless: &[&'static str]) {
        for (name, line, _) in std::mem::take(&mut self.pairs) {
            let field = self.path(&name);
            self.reading.lines.note(&field, line);
            if meaningless.contains(&name.as_str()) {
                self.reading.warn(&field, "has no meaning on Mesos and is ignored");
                continue;
            }
            if self.reading.is_full() {
                return;
            }
            let known = self.known.iter().chain(meaningless).copied();
            let hint = nearest::of(&name, known)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            self.reading.refuse(&field, format!("unknown field{hint}"));
        }
    }

    fn scalar(&mut self, name: &'static str, expected: &str) -> Option<String> {
        match self.take(name)?.value {
            value @ (Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
                Some(value.into_text())
            }
            value => self.wrong(name, &format!("expected {expected}, not {}", described(&value))),
        }
    }

    fn unexpected<T>(&mut self, name: &str, expected: &str, text: &str) -> Option<T> {
        let shown = redact::shown(name, text);
        self.wrong(name, &format!("expected {expected}, found `{shown}`"))
    }

    fn wrong<T>(&mut self, name: &str, reason: &str) -> Option<T> {
        self.refuse(name, reason);
        None
    }
}

fn not_text(value: &Value) -> String {
    let hint = match value {
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => "; put it in quotes",
        _ => "",
    };
    format!("expected text, not {}{hint}", described(value))
}

pub fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::Binary(_) => "binary data",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Set(_) => "a set",
    }
}
