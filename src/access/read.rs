//! The file of tokens. What stands as a `sha256` is never told: people put the token itself there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use conf::document::{self, Node, Remark, Value};
use conf::keys;

use super::grant::{Defaults, Grant, Pattern, Role};
use super::tokens::Known;

const TOKENS: &str = "tokens";
const KEYS: [&str; 6] = ["name", "sha256", "role", "mesos-roles", "users", "expires"];
const MAX_NAME: usize = 64;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.line, self.text)
    }
}

impl From<Remark> for Wrong {
    fn from(Remark { line, text }: Remark) -> Self {
        Self { line, text }
    }
}

pub fn tokens(text: &str, defaults: &Arc<Defaults>) -> Result<Vec<Known>, Vec<Wrong>> {
    let items = items(text).map_err(|wrong| vec![wrong])?;
    let mut reading =
        Reading { defaults, wrong: Vec::new(), names: BTreeMap::new(), hashes: BTreeMap::new() };
    let known: Vec<_> = items.into_iter().filter_map(|item| reading.entry(item)).collect();
    if reading.wrong.is_empty() {
        return Ok(known);
    }
    reading.wrong.sort_by_key(|wrong| wrong.line);
    Err(reading.wrong)
}

/// A file that is being written may be empty for a moment, which is not the same as a list of none.
fn items(text: &str) -> Result<Vec<Node>, Wrong> {
    let expected = |line| Wrong { line, text: format!("expected one key, `{TOKENS}`, with a list") };
    let mut documents = document::documents(text)?;
    let (Some(Node { value, line }), true) = (documents.pop(), documents.is_empty()) else {
        return Err(expected(1));
    };
    let Value::Map(mut pairs) = value else { return Err(expected(line)) };
    let (Some((key, node)), true) = (pairs.pop(), pairs.is_empty()) else { return Err(expected(line)) };
    match node.value {
        _ if key.value != Value::Text(TOKENS.to_owned()) => Err(expected(key.line)),
        Value::List(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        _ => Err(expected(node.line)),
    }
}

struct Reading<'a> {
    defaults: &'a Arc<Defaults>,
    wrong: Vec<Wrong>,
    /// With their lines.
    names: BTreeMap<String, usize>,
    hashes: BTreeMap<[u8; 32], usize>,
}

impl Reading<'_> {
    fn refuse(&mut self, line: usize, text: impl Into<String>) {
        self.wrong.push(Wrong { line, text: text.into() });
    }

    /// None where something is wrong with it.
    fn entry(&mut self, item: Node) -> Option<Known> {
        let (before, line) = (self.wrong.len(), item.line);
        let Value::Map(pairs) = item.value else {
            self.refuse(line, "expected a token's entry, with `name`, `sha256` and `role`");
            return None;
        };
        let mut fields = BTreeMap::new();
        for (key, node) in pairs {
            match &key.value {
                Value::Text(name) if KEYS.contains(&name.as_str()) => {
                    fields.insert(name.clone(), node);
                }
                _ => self.refuse(key.line, format!("unknown key; there are {}", KEYS.join(", "))),
            }
        }
        let name = self.name(fields.remove("name"), line);
        let hash = self.hash(fields.remove("sha256"), line);
        let role = self.role(fields.remove("role"), line);
        let lists = [fields.remove("mesos-roles"), fields.remove("users")];
        for (key, node) in [("mesos-roles", &lists[0]), ("users", &lists[1])] {
            if let (Some(node), Some(role @ (Role::View | Role::Admin))) = (node, role) {
                let why = if role == Role::View { "changes nothing" } else { "may take any" };
                let text = format!("{key}: is for role edit; {} {why}, so leave it out", role.word());
                self.refuse(node.line, text);
            }
        }
        let [roles, users] = lists;
        let roles =
            self.list(roles, "mesos-roles", "a Mesos role, or a role and all below it as `team/*`", |text| {
                Pattern::parse(text)
            });
        let users = self.list(users, "users", "the name of a user", |text| {
            keys::FRAMEWORK_USER.read(text).is_ok_and(|read| read == text).then(|| text.to_owned())
        });
        let expires = fields.remove("expires").and_then(|node| self.time(&node));
        if self.wrong.len() > before {
            return None;
        }
        let grant = Grant { name: name?, role: role?, roles, users, defaults: Arc::clone(self.defaults) };
        Some(Known { hash: hash?, expires, grant: Arc::new(grant) })
    }

    fn name(&mut self, node: Option<Node>, line: usize) -> Option<String> {
        let is_good = |text: &str| {
            (1..=MAX_NAME).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte))
        };
        let expected = format!("name: expected up to {MAX_NAME} letters, digits, `.`, `_`, `@` and `-`");
        let (name, line) = self.text(node, line, &expected, |text| is_good(text).then(|| text.to_owned()))?;
        if let Some(before) = self.names.insert(name.clone(), line) {
            self.refuse(line, format!("name: the token of line {before} has the same"));
        }
        Some(name)
    }

    fn hash(&mut self, node: Option<Node>, line: usize) -> Option<[u8; 32]> {
        let expected = "sha256: expected 64 hexadecimal digits, the SHA-256 of a token and not the token";
        let (hash, line) = self.text(node, line, expected, digest)?;
        if let Some(before) = self.hashes.insert(hash, line) {
            self.refuse(line, format!("sha256: the token of line {before} has the same"));
        }
        Some(hash)
    }

    fn role(&mut self, node: Option<Node>, line: usize) -> Option<Role> {
        let words: Vec<_> = Role::ALL.iter().map(|role| role.word()).collect();
        self.text(node, line, &format!("role: expected one of {}", words.join(", ")), Role::named)
            .map(|(role, _)| role)
    }

    /// What must be there, with its line.
    fn text<T>(
        &mut self,
        node: Option<Node>,
        line: usize,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<(T, usize)> {
        let line = node.as_ref().map_or(line, |node| node.line);
        let value = match node.map(|node| node.value) {
            Some(Value::Text(text)) => read(&text),
            Some(value @ Value::Int(_)) => read(&value.into_text()),
            Some(_) | None => None,
        };
        if value.is_none() {
            self.refuse(line, expected);
        }
        value.map(|value| (value, line))
    }

    fn list<T>(
        &mut self,
        node: Option<Node>,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let node = node?;
        let Value::List(items) = node.value else {
            self.refuse(node.line, format!("{key}: expected a list"));
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = match &item.value {
                Value::Text(text) => read(text),
                _ => None,
            };
            match value {
                Some(value) => values.push(value),
                None => self.refuse(item.line, format!("{key}: expected {expected}")),
            }
        }
        Some(values)
    }

    fn time(&mut self, node: &Node) -> Option<u64> {
        let time = match &node.value {
            Value::Text(text) => humantime::parse_rfc3339(text).ok(),
            _ => None,
        };
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        if since.is_none() {
            self.refuse(node.line, "expires: expected a time such as `2027-01-31T00:00:00Z`");
        }
        since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    (0..32).map(byte).collect::<Option<Vec<_>>>()?.try_into().ok()
}
