//! Which agents and whose resources TaskManagers get.

use serde::{Deserialize, Serialize};

use super::super::keys;
use super::super::yaml::Item;
use super::parse;
use super::reader::Reader;
use domain::constraint::Constraint;

/// Which of several fitting agents is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Over many agents, so that losing one loses little.
    Spread,
    /// On few agents, so that others stay free.
    Pack,
}

/// What agents must or should have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraints {
    /// All must hold.
    pub hard: Vec<Constraint>,
    /// Agents for which more of them hold come first.
    pub soft: Vec<Constraint>,
}

impl Constraints {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            hard: reader.optional(&keys::CONSTRAINTS_HARD).unwrap_or_default(),
            soft: reader.optional(&keys::CONSTRAINTS_SOFT).unwrap_or_default(),
        }
    }
}

pub fn placement(text: &str) -> Result<Placement, String> {
    match text.trim() {
        "spread" => Ok(Placement::Spread),
        "pack" => Ok(Placement::Pack),
        _ => Err("`spread` or `pack`".to_owned()),
    }
}

/// Mesos' rules for a role: `*`, or a path of names that are not `.`, `..` or `*` and do not start with `-`.
pub fn role(text: &str) -> Result<String, String> {
    let text = text.trim();
    let bad_name = |name: &str| {
        matches!(name, "" | "." | ".." | "*")
            || name.starts_with('-')
            || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
    };
    if text != "*" && text.split('/').any(bad_name) {
        return Err("a role of Mesos, such as `*`, `analytics` or `analytics/flink`".to_owned());
    }
    Ok(text.to_owned())
}

/// Roles of Mesos, each once.
pub fn roles(text: &str) -> Result<Vec<String>, String> {
    let mut roles = parse::list(role)(text)?;
    roles.sort();
    roles.dedup();
    Ok(roles)
}

pub fn constraints(text: &str) -> Result<Vec<Constraint>, String> {
    parse::list_with(spelled, Constraint::parse)(text)
}

/// `{rack: r1}`, and Marathon's `[rack, CLUSTER, r1]`.
pub fn spelled(item: &Item) -> Option<Vec<String>> {
    match item {
        Item::Texts(texts) if texts.len() > 1 => Some(vec![texts.join(":")]),
        Item::Texts(_) | Item::Text(_) | Item::Nested(_) => None,
        Item::Pairs(pairs) => {
            Some(pairs.iter().map(|(attribute, value)| format!("{attribute}:{value}")).collect())
        }
    }
}
