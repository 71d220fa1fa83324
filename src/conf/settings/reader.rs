//! Reads values out of a table and gathers what is wrong with them.

use std::collections::BTreeMap;

use super::super::keys::{self, Key};
use super::super::problem::{Found, Problem};
use super::super::table::{Origin, Setting, Table};

pub struct Reader<'a> {
    table: &'a Table,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(table: &'a Table) -> Self {
        Self { table, problems: Vec::new() }
    }

    /// The value of a key with a default. After a wrong value reading goes on with the default, so that all
    /// problems are told.
    pub fn value<T>(&mut self, key: &Key<T>) -> T {
        let default = key.default.expect("only keys with a default are read so");
        self.optional(key).unwrap_or_else(|| key.read(default).expect("a test reads all defaults"))
    }

    /// By somebody, not as a default.
    pub fn is_given<T>(&self, key: &Key<T>) -> bool {
        keys::lookup(self.table, key.name).is_some_and(|(_, setting)| setting.origin != Origin::Default)
    }

    /// Looked up as Flink does.
    pub fn optional<T>(&mut self, key: &Key<T>) -> Option<T> {
        let (_, setting) = keys::lookup(self.table, key.name)?;
        match key.read(&setting.value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.reject(key.name, expected);
                None
            }
        }
    }

    /// A key that must be set.
    pub fn required<T>(&mut self, key: &Key<T>, expected: &str) -> Option<T> {
        if keys::lookup(self.table, key.name).is_none() {
            let expected = expected.to_owned();
            self.problems.push(Problem { subject: key.name.to_owned(), found: Found::Nothing, expected });
        }
        self.optional(key)
    }

    /// The keys that start with `prefix`, without it.
    pub fn with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        let named = |(key, setting): (&str, &Setting)| {
            key.strip_prefix(prefix).map(|name| (name.to_owned(), setting.value.clone()))
        };
        self.table.iter().filter_map(named).collect()
    }

    /// Records that the value of `key`, which was read before, does not fit.
    pub fn reject(&mut self, key: &str, expected: impl Into<String>) {
        let Some((name, setting)) = keys::lookup(self.table, key) else {
            return;
        };
        let found = Found::Value { value: setting.value.clone(), origin: setting.origin.clone() };
        self.problems.push(Problem { subject: name.to_owned(), found, expected: expected.into() });
    }

    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}
