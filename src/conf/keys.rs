//! One definition for each key that this program defines or reads: how it is named, read, shown and tried.

pub mod dispatcher;
pub mod flink;
mod mesos;
pub mod types;

use super::redact::Secrecy;
use super::table::{Setting, Table};
pub use mesos::*;
use types::Type;

/// A key whose value is read as a `T`.
#[derive(Debug)]
pub struct Key<T: 'static> {
    pub name: &'static str,
    /// Older names, in the order in which Flink tries them after the exact one.
    pub aliases: &'static [&'static str],
    pub(super) of: Type<T>,
    /// As a user would write it; it is read by the same code as a user's value.
    pub default: Option<&'static str>,
    /// One line.
    pub meaning: &'static str,
    pub tried: Tried,
}

/// What `config --check` and the start look at besides the value's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    Nothing,
    /// It can be read.
    File,
    /// It is there or can be created, and can be written to.
    Directory,
    /// No other key names it.
    Port,
}

/// A key without its type; the tables of the README come from these.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// The type in words.
    pub kind: &'static str,
    pub secrecy: Secrecy,
    pub default: Option<&'static str>,
    pub meaning: &'static str,
    pub tried: Tried,
}

/// Keys that begin alike, of which each has a value of this kind.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub prefix: &'static str,
    pub secrecy: Secrecy,
}

/// Labels can be given as a map in `config.yaml`; its entries arrive as keys of their own.
pub const TASK_LABELS_PREFIX: &str = "mesos.resourcemanager.tasks.labels.";

pub const FAMILIES: [Family; 5] = [
    Family { prefix: TASK_LABELS_PREFIX, secrecy: Secrecy::Text },
    Family { prefix: flink::MASTER_ENVIRONMENT, secrecy: Secrecy::Everything },
    Family { prefix: flink::TASK_MANAGER_ENVIRONMENT, secrecy: Secrecy::Everything },
    Family { prefix: "env.java.default-opts", secrecy: Secrecy::JavaOptions },
    Family { prefix: "env.java.opts", secrecy: Secrecy::JavaOptions },
];

impl<T> Key<T> {
    /// What most keys have: one name, no default, and nothing to try.
    const fn of(of: Type<T>) -> Self {
        Self { name: "", aliases: &[], of, default: None, meaning: "", tried: Tried::Nothing }
    }

    pub const fn definition(&self) -> Definition {
        Definition {
            name: self.name,
            aliases: self.aliases,
            kind: self.of.words,
            secrecy: self.of.secrecy,
            default: self.default,
            meaning: self.meaning,
            tried: self.tried,
        }
    }

    /// Answers a wrong text with what was expected.
    pub fn read(&self, text: &str) -> Result<T, String> {
        (self.of.read)(text)
    }
}

/// All that have a definition, ours first.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    KEYS.iter().chain(&dispatcher::KEYS).chain(&flink::KEYS)
}

/// What Flink would find for `key`: the exact key first, then its older names; with the name found.
pub fn lookup<'a>(table: &'a Table, key: &'a str) -> Option<(&'a str, &'a Setting)> {
    let older = all().find(|definition| definition.name == key).map_or(&[][..], |found| found.aliases);
    std::iter::once(key)
        .chain(older.iter().copied())
        .find_map(|name| table.setting(name).map(|setting| (name, setting)))
}

/// The value that [`lookup`] finds.
pub fn value<'a>(table: &'a Table, key: &'a str) -> Option<&'a str> {
    lookup(table, key).map(|(_, setting)| setting.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::table::Origin;
    use super::*;

    #[test]
    fn the_exact_key_comes_first_and_then_the_listed_order() {
        let mut table = Table::default();
        let key = flink::REST_BIND_PORT.name;
        assert_eq!(lookup(&table, key), None);
        for (name, value) in [("web.port", "3"), (flink::REST_PORT.name, "2"), (key, "1")] {
            table.set(name, value, Origin::Argument);
            let (found, setting) = lookup(&table, key).unwrap();
            assert_eq!((found, &*setting.value), (name, value));
        }
    }

    #[test]
    fn keys_are_sorted_and_unique() {
        for keys in [&KEYS[..], &dispatcher::KEYS, &flink::KEYS] {
            for pair in keys.windows(2) {
                assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
            }
        }
    }
}
