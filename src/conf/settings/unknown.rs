//! Keys under our prefixes that nobody reads, which are mostly misspelled ones.

use super::super::keys;
use super::super::nearest;
use super::super::retired;
use super::super::table::Table;
use super::super::warning::Warning;

const OURS: [&str; 2] = ["dispatcher.", "mesos."];

/// One line for each, with the nearest key that is known.
pub fn warnings(table: &Table) -> Vec<Warning> {
    let names = || keys::KEYS.iter().chain(&keys::dispatcher::KEYS).map(|key| key.name);
    let is_ours = |name: &str| OURS.iter().any(|prefix| name.starts_with(prefix));
    let in_map = |name: &str| name.starts_with(keys::TASK_LABELS_PREFIX);
    let unknown = table
        .iter()
        .filter(|(name, _)| is_ours(name) && !in_map(name) && !names().any(|known| known == *name));
    unknown
        .map(|(name, setting)| {
            let hint = retired::renamed(name)
                .or_else(|| nearest::of(name, names()))
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Warning::of_setting(name, setting, format!("is not a known key{hint}"))
        })
        .collect()
}
