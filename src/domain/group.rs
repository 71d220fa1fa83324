//! The names of the groups of tasks that one framework keeps.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Part of task ids, whose length Mesos does not limit but file systems do.
const MAX_NAME_BYTES: usize = 100;

/// Tasks of one group have the same need and the same template, and are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct GroupName(Cow<'static, str>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` cannot name a group: 1 to {MAX_NAME_BYTES} letters, digits, `-`, `_` or `.`, the first a letter or a digit"
)]
pub struct BadGroupName {
    name: String,
}

impl GroupName {
    /// The one group of a cluster: its TaskManagers.
    pub const TASKMANAGERS: Self = Self(Cow::Borrowed("taskmanager"));

    pub fn parse(name: &str) -> Result<Self, BadGroupName> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || name.len() > MAX_NAME_BYTES || !name.chars().all(is_fine) {
            return Err(BadGroupName { name: name.to_owned() });
        }
        if name == Self::TASKMANAGERS.0 {
            return Ok(Self::TASKMANAGERS);
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn is_taskmanagers(&self) -> bool {
        *self == Self::TASKMANAGERS
    }
}

/// Records from before there were groups name none.
impl Default for GroupName {
    fn default() -> Self {
        Self::TASKMANAGERS
    }
}

impl TryFrom<String> for GroupName {
    type Error = BadGroupName;

    fn try_from(name: String) -> Result<Self, BadGroupName> {
        Self::parse(&name)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_for_a_task_id_and_a_path() {
        for name in ["taskmanager", "a", "0", "cluster-7.blue_1"] {
            assert_eq!(GroupName::parse(name).expect("a name").text(), name);
        }
        for name in ["", "-a", ".hidden", "a/b", "a b", "ä", &"a".repeat(101)] {
            let refused = GroupName::parse(name).expect_err("no name").to_string();
            assert!(refused.contains("cannot name a group"), "{refused}");
        }
        assert!(serde_json::from_str::<GroupName>(r#""a/b""#).is_err());
    }
}
