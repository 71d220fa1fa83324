//! Quotes around a value, which are a part of it everywhere but in YAML: for our own keys they are left out, and for those of Flink
//! that this program reads as well they are told.

use super::keys::{self, flink};
use super::redact;
use super::table::Table;
use super::warning::Warning;

/// Their quotes are the shell's.
const SHELL_TEXTS: [&str; 2] = [keys::TASK_COMMAND.name, keys::BOOTSTRAP_COMMAND.name];

/// Those of Flink's keys whose value is a text that anything can be.
const FLINK_TEXTS: [&str; 14] = [
    flink::ADDRESS.name,
    flink::CLUSTER_ID.name,
    flink::HA_QUORUM.name,
    flink::HA_ROOT.name,
    flink::HA_STORAGE_DIR.name,
    flink::HA_WORKERS.name,
    flink::JOB_MANAGER_BIND_HOST.name,
    flink::REST_ADDRESS.name,
    flink::REST_BIND_ADDRESS.name,
    flink::REST_KEYSTORE.name,
    flink::SASL_SECTION.name,
    flink::TASK_MANAGER_BIND_HOST.name,
    flink::TASK_MANAGER_HOST.name,
    "env.java.home",
];

/// One line for each key.
pub fn undo(table: &mut Table) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let quoted: Vec<_> = table
        .iter()
        .filter(|(key, _)| key.starts_with("mesos.") && !SHELL_TEXTS.contains(key))
        .filter_map(|(key, setting)| Some((key.to_owned(), inner(&setting.value)?.to_owned())))
        .collect();
    for (key, value) in quoted {
        let Some(before) = table.remove(&key) else { continue };
        let shown = redact::shown(&key, &value);
        let rest = format!("is {shown} without the quotes around it");
        warnings.push(Warning::of_setting(&key, &before, rest));
        table.set(key, value, before.origin);
    }
    for key in FLINK_TEXTS {
        if let Some((name, setting)) = keys::lookup(table, key)
            && inner(&setting.value).is_some()
        {
            let value = redact::shown(name, &setting.value);
            let rest = format!("is {value}: for Flink the quotes are a part of it");
            warnings.push(Warning::of_setting(name, setting, rest));
        }
    }
    warnings
}

/// What stands between two quotes of one kind that hold the whole text.
pub fn inner(text: &str) -> Option<&str> {
    let text = text.trim();
    ['"', '\''].into_iter().find_map(|quote| {
        text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::Origin;
    use super::*;

    #[test]
    fn ours_lose_them_and_flink_s_are_told() {
        for (key, value, expected, is_told) in [
            ("mesos.resourcemanager.framework.role", "\"flink\"", "flink", true),
            ("mesos.initial-tasks", " '3' ", "3", true),
            ("mesos.resourcemanager.tasks.labels.team", "'a b'", "a b", true),
            ("mesos.resourcemanager.framework.name", "it's", "it's", false),
            ("mesos.resourcemanager.framework.name", "\"a\" and \"b\"", "\"a\" and \"b\"", false),
            ("mesos.resourcemanager.framework.name", "\"", "\"", false),
            ("mesos.resourcemanager.tasks.taskmanager-cmd", "\"/opt/x\"", "\"/opt/x\"", false),
            ("high-availability.cluster-id", "\"/a\"", "\"/a\"", true),
            ("web.address", "'h'", "'h'", true),
            ("env.java.opts.all", "\"-Da=b\"", "\"-Da=b\"", false),
        ] {
            let mut table = Table::default();
            table.set(key, value, Origin::Argument);
            let warnings = undo(&mut table);
            assert_eq!(table.get(key), Some(expected), "{key}");
            assert_eq!(warnings.len(), usize::from(is_told), "{warnings:?}");
            assert!(warnings.iter().all(|warning| warning.contains(key)), "{warnings:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let mut table = Table::default();
        table.set(keys::FRAMEWORK_SECRET.name, "\"hidden\"", Origin::Argument);
        let warnings = undo(&mut table);
        assert!(warnings.len() == 1 && !warnings[0].contains("hidden"), "{warnings:?}");
    }
}
