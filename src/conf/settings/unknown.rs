//! Keys under `mesos.` that nobody reads, which are mostly misspelled ones.

use super::super::keys;
use super::super::nearest;
use super::super::retired;
use super::super::table::Table;

const OURS: &str = "mesos.";

/// One line for each, with the nearest key that is known.
pub fn warnings(table: &Table) -> Vec<String> {
    let known = |name: &str| keys::KEYS.iter().any(|key| key.name == name);
    let in_map = |name: &str| name.starts_with(keys::TASK_LABELS_PREFIX);
    let unknown = table.iter().filter(|(name, _)| name.starts_with(OURS) && !known(name) && !in_map(name));
    unknown
        .map(|(name, setting)| {
            let hint = retired::renamed(name)
                .or_else(|| nearest::of(name, keys::KEYS.iter().map(|key| key.name)))
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("`{name}` ({}) is not a known key{hint}", setting.origin)
        })
        .collect()
}
