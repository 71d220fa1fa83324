//! Flink's version in the operator's spelling.

use std::fmt;

use serde::{Deserialize, Serialize};

use conf::grammar;

/// `v1_20`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FlinkVersion {
    major: u32,
    minor: u32,
}

impl FlinkVersion {
    /// Those that this program has been tried with.
    pub const SUPPORTED: [Self; 8] = [
        Self::new(1, 17),
        Self::new(1, 18),
        Self::new(1, 19),
        Self::new(1, 20),
        Self::new(2, 0),
        Self::new(2, 1),
        Self::new(2, 2),
        Self::new(2, 3),
    ];

    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// `v1_20`, whatever the numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.strip_prefix('v')?.split_once('_')?;
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let has_zero = text.len() > 1 && text.starts_with('0');
            text.parse().ok().filter(|_| is_plain && !has_zero)
        };
        Some(Self::new(number(major)?, number(minor)?))
    }

    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }

    pub fn number(self) -> grammar::Version {
        (self.major, self.minor)
    }

    /// `v1_17, v1_18, …`
    pub(super) fn supported() -> String {
        Self::SUPPORTED.map(|version| version.to_string()).join(", ")
    }
}

impl fmt::Display for FlinkVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "v{}_{}", self.major, self.minor)
    }
}

impl TryFrom<String> for FlinkVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "expected a version such as v1_20".to_owned())
    }
}

impl From<FlinkVersion> for String {
    fn from(version: FlinkVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_spelled_in_one_way() {
        for text in ["v1_17", "v1_20", "v2_0", "v2_3", "v3_10"] {
            assert_eq!(FlinkVersion::parse(text).map(|version| version.to_string()).as_deref(), Some(text));
        }
        for wrong in ["1.20", "v1.20", "v1_", "v1_020", "v1_20_5", "V1_20", "v1_+9", "v1_99999999999", ""] {
            assert_eq!(FlinkVersion::parse(wrong), None, "{wrong}");
        }
        assert!(FlinkVersion::new(2, 3).is_supported() && !FlinkVersion::new(1, 16).is_supported());
    }
}
