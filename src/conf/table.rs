//! The effective configuration: each key with its value and where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a value came from; later layers win (`../conf.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// Set by this program because nobody set it.
    Default,
    File {
        path: PathBuf,
        line: usize,
    },
    /// A line of `FLINK_PROPERTIES`.
    Properties {
        line: usize,
    },
    Environment {
        variable: String,
    },
    /// `-D key=value`
    Argument,
    /// A field of a specification, such as `spec.flinkConfiguration`.
    Specification {
        field: String,
        line: Option<usize>,
    },
    /// Changed by this program, and why.
    Rewritten {
        why: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(out, "default"),
            Self::File { path, line } => write!(out, "{}:{line}", path.display()),
            Self::Properties { line } => write!(out, "FLINK_PROPERTIES:{line}"),
            Self::Environment { variable } => write!(out, "${variable}"),
            Self::Argument => write!(out, "-D"),
            Self::Specification { field, line: Some(line) } => write!(out, "{field}, line {line}"),
            Self::Specification { field, line: None } => write!(out, "{field}"),
            Self::Rewritten { why } => write!(out, "rewritten: {why}"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub value: String,
    pub origin: Origin,
}

/// Keys in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    settings: BTreeMap<String, Setting>,
    /// What stood at a key before, the oldest first; also of keys that were removed.
    overridden: BTreeMap<String, Vec<Setting>>,
}

impl Table {
    /// Sets `key`; what stood there before is returned.
    pub fn set(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
        origin: Origin,
    ) -> Option<Setting> {
        let key = key.into();
        let before = self.settings.insert(key.clone(), Setting { value: value.into(), origin });
        self.remember(key, before.as_ref());
        before
    }

    /// Sets `key` as a default unless somebody has set it already.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>) {
        if !self.settings.contains_key(key) {
            self.set(key, value, Origin::Default);
        }
    }

    /// The value of exactly this `key`; `keys::value` also knows older names.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(|setting| setting.value.as_str())
    }

    /// As [`Self::get`], with the origin.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// Removes `key`; what stood there is returned.
    pub fn remove(&mut self, key: &str) -> Option<Setting> {
        let before = self.settings.remove(key);
        self.remember(key.to_owned(), before.as_ref());
        before
    }

    /// What earlier layers had set at `key`, the oldest first; for a removed key all of it.
    pub fn overridden(&self, key: &str) -> &[Setting] {
        self.overridden.get(key).map_or(&[], Vec::as_slice)
    }

    /// In alphabetical order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(key, setting)| (key.as_str(), setting))
    }

    fn remember(&mut self, key: String, before: Option<&Setting>) {
        if let Some(before) = before {
            self.overridden.entry(key).or_default().push(before.clone());
        }
    }
}
