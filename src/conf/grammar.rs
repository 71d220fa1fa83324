//! The two grammars of Flink's configuration file.

use serde::{Deserialize, Serialize};

use super::{legacy, yaml};

/// Flink's version as far as the configuration depends on it: major, minor.
pub type Version = (u32, u32);

/// How a configuration file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grammar {
    /// `flink-conf.yaml`: one `key: value` a line.
    Legacy,
    /// `config.yaml`: YAML 1.2.
    Yaml,
}

impl Grammar {
    /// The grammars that a Flink of `version` reads; where both files are there, the first one counts.
    pub fn of(version: Version) -> &'static [Self] {
        match version {
            (0, _) | (1, ..=18) => &[Self::Legacy],
            (1, _) => &[Self::Legacy, Self::Yaml],
            _ => &[Self::Yaml],
        }
    }

    /// The only name under which Flink looks for a file of this grammar.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Legacy => "flink-conf.yaml",
            Self::Yaml => "config.yaml",
        }
    }

    /// Why `key: value` cannot be written so that Flink reads the same back.
    pub fn inexpressible(self, key: &str, value: &str) -> Option<&'static str> {
        match self {
            Self::Legacy => legacy::inexpressible(key, value),
            Self::Yaml => yaml::inexpressible(key),
        }
    }

    pub(super) fn write_entry(self, out: &mut String, key: &str, value: &str) {
        match self {
            Self::Legacy => legacy::write_entry(out, key, value),
            Self::Yaml => yaml::write_entry(out, key, value),
        }
    }
}
