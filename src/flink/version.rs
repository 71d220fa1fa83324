//! Which Flink: read from the name of its flink-dist jar.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Flink release, ordered by its numbers. A suffix (`-SNAPSHOT`, `-rc1`) does not take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl Version {
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// True for `major.minor.0` and everything after it.
    pub const fn at_least(self, major: u16, minor: u16) -> bool {
        self.major > major || (self.major == major && self.minor >= minor)
    }

    /// From `1.20.5`, `2.3` or `2.4-SNAPSHOT`; None when it is no version.
    pub fn parse(text: &str) -> Option<Self> {
        let (numbers, _suffix) = text.split_once('-').unwrap_or((text, ""));
        let mut numbers = numbers.split('.');
        let major = number(numbers.next()?)?;
        let minor = number(numbers.next()?)?;
        let patch = numbers.next().map_or(Some(0), number)?;
        if numbers.next().is_some() {
            return None;
        }
        Some(Self { major, minor, patch })
    }

    /// From a file name: `flink-dist-1.20.5.jar`, `flink-dist_2.12-1.13.6.jar`.
    pub fn of_dist_jar(file_name: &str) -> Option<Self> {
        let rest = file_name.strip_prefix("flink-dist")?.strip_suffix(".jar")?;
        let version = match rest.strip_prefix('_') {
            Some(scala_and_version) => scala_and_version.split_once('-')?.1,
            None => rest.strip_prefix('-')?,
        };
        Self::parse(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

fn number(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_names_of_dist_jars() {
        for (name, expected) in [
            ("flink-dist-1.20.5.jar", Some(Version::new(1, 20, 5))),
            ("flink-dist_2.12-1.13.6.jar", Some(Version::new(1, 13, 6))),
            ("flink-dist-2.4-SNAPSHOT.jar", Some(Version::new(2, 4, 0))),
            ("flink-dist-1.17.2-vendor-7.jar", Some(Version::new(1, 17, 2))),
            ("flink-dist.jar", None),
            ("flink-dist-1.jar", None),
            ("flink-dist-1.2.3.4.jar", None),
            ("flink-dist-1.20.+5.jar", None),
            ("flink-table-1.20.5.jar", None),
        ] {
            assert_eq!(Version::of_dist_jar(name), expected, "{name}");
        }
    }

    #[test]
    fn orders_by_number_not_by_text() {
        let mut versions =
            ["2.0.0", "1.9.3", "1.20.5", "1.20", "1.13.6"].map(|text| Version::parse(text).unwrap());
        versions.sort();
        let sorted = versions.map(|version| version.to_string());
        assert_eq!(sorted, ["1.9.3", "1.13.6", "1.20.0", "1.20.5", "2.0.0"]);
        assert!(Version::new(2, 0, 0).at_least(1, 19));
        assert!(!Version::new(1, 18, 9).at_least(1, 19));
    }
}
