//! Reads values out of a table and gathers what is wrong with them.

use std::collections::BTreeMap;

use super::super::keys::{self, Key};
use super::super::problem::{Found, Problem};
use super::super::table::{Origin, Setting, Table};

/// A parser answers a wrong text with what was expected.
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
    pub fn value<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let default = key.default.expect("only keys with a default are read so");
        self.flink(key.name, default, parse)
    }

    /// The value of a key of Flink, looked up as Flink does.
    pub fn flink<T>(&mut self, key: &str, default: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let given = self.given(key, &parse);
        given.unwrap_or_else(|| parse(default).expect("a test reads all defaults"))
    }

    /// By somebody, not as a default.
    pub fn is_given(&self, key: &Key) -> bool {
        keys::lookup(self.table, key.name).is_some_and(|(_, setting)| setting.origin != Origin::Default)
    }

    pub fn optional<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.given(key.name, parse)
    }

    /// As [`Self::flink`] without a default.
    pub fn optional_flink<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.given(key, parse)
    }

    /// A key that must be set.
    pub fn required<T>(
        &mut self,
        key: &Key,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.required_flink(key.name, expected, parse)
    }

    /// A key of Flink that must be set.
    pub fn required_flink<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if keys::lookup(self.table, key).is_none() {
            let expected = expected.to_owned();
            self.problems.push(Problem { subject: key.to_owned(), found: Found::Nothing, expected });
        }
        self.given(key, parse)
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

    fn given<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (_, setting) = keys::lookup(self.table, key)?;
        match parse(&setting.value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.reject(key, expected);
                None
            }
        }
    }
}
