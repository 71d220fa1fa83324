//! The only reader of the process's environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A snapshot of the environment, taken once at the start; everything else takes it as an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The environment of this process.
    pub fn read() -> Self {
        // One by one: `collect` sorts a copy first.
        let mut variables = BTreeMap::new();
        variables.extend(std::env::vars_os());
        Self { variables }
    }

    /// The value of `name` when it is set, not empty and UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.variables
            .get(OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of `name` as it is, also when it is empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.variables.insert(name.into(), value.into());
    }

    pub fn remove(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
    }

    /// All of it, as a child gets it.
    pub fn into_pairs(self) -> Vec<(OsString, OsString)> {
        self.variables.into_iter().collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}
