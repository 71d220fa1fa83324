//! Memory in keys of several generations: one of them decides, the same on every Flink, and what is given up is told.
//!
//! On Mesos a size of the TaskManager's heap from before Flink 1.10 meant the container, and the container's own size went before it.

use super::super::environment::Environment;
use super::super::grammar::Version;
use super::super::keys::{self, flink};
use super::super::retired::{self, JOB_MANAGER, TASK_MANAGER};
use super::super::table::{Origin, Setting};
use super::super::warning::Warning;
use super::{Change, Rewriter};

/// Each alone says how much memory a TaskManager has; the first that is set decides.
const TASK_MANAGER_SIZES: [&str; 4] = [
    flink::PROCESS_MEMORY.name,
    keys::TASK_MEM.name,
    "taskmanager.memory.flink.size",
    "taskmanager.memory.task.heap.size",
];
const JOB_MANAGER_SIZES: [&str; 1] = ["jobmanager.memory.process.size"];

/// What fits into the container goes before the container's old key in no case.
const INSIDE: &str = "taskmanager.memory.flink.size";

/// What was given up, one line each.
pub fn settle(rewriter: &mut Rewriter<'_>, environment: &Environment, version: Version) -> Vec<Warning> {
    let mut given_up = Vec::new();
    container(rewriter, &mut given_up);
    for (role, sizes) in [(TASK_MANAGER, &TASK_MANAGER_SIZES[..]), (JOB_MANAGER, &JOB_MANAGER_SIZES)] {
        heaps(rewriter, environment, version, (role, sizes), &mut given_up);
    }
    given_up
}

/// `mesos.resourcemanager.tasks.mem` becomes the key of today.
fn container(rewriter: &mut Rewriter<'_>, given_up: &mut Vec<Warning>) {
    let Some(old) = rewriter.table.setting(keys::TASK_MEM.name).cloned() else { return };
    if let Some(new) = rewriter.table.setting(flink::PROCESS_MEMORY.name) {
        let is_rewritten = matches!(new.origin, Origin::Rewritten { .. });
        if !is_rewritten && new.value.trim() != format!("{}m", old.value.trim()) {
            given_up.push(line((keys::TASK_MEM.name, &old), (flink::PROCESS_MEMORY.name, new)));
        }
        return;
    }
    if let Some(inside) = rewriter.table.setting(INSIDE).cloned() {
        given_up.push(line((INSIDE, &inside), (keys::TASK_MEM.name, &old)));
        rewriter.table.remove(INSIDE);
    }
    let mebibytes = format!("{}m", old.value.trim());
    rewriter.set(flink::PROCESS_MEMORY.name, &mebibytes, "from mesos.resourcemanager.tasks.mem");
}

fn heaps(
    rewriter: &mut Rewriter<'_>,
    environment: &Environment,
    version: Version,
    (role, sizes): (&str, &[&str]),
    given_up: &mut Vec<Warning>,
) {
    let variable = retired::heap_variable(role);
    let of_variable = environment.text(variable).map(|value| {
        let origin = Origin::Environment { variable: variable.to_owned() };
        (variable.to_owned(), Setting { value: value.to_owned(), origin })
    });
    let of_keys = retired::heap_keys(role)
        .into_iter()
        .filter_map(|key| Some((key.clone(), rewriter.table.setting(&key)?.clone())));
    let heaps: Vec<_> = of_variable.into_iter().chain(of_keys).collect();
    let decides = sizes.iter().find_map(|key| Some((*key, rewriter.table.setting(key)?.clone())));
    if let Some((key, setting)) = &decides {
        for (name, heap) in &heaps {
            given_up.push(line((name.as_str(), heap), (*key, setting)));
            rewriter.table.remove(name);
        }
    } else if let [(name, heap), ..] = &heaps[..]
        && role == TASK_MANAGER
        && version < (2, 0)
    {
        let unit = if name.ends_with(".mb") { "m" } else { "" };
        let why = format!("from {name}, which meant the container on Mesos");
        let size = format!("{}{unit}", heap.value.trim());
        for (name, _) in &heaps {
            rewriter.table.remove(name);
        }
        rewriter.table.set(flink::PROCESS_MEMORY.name, &size, Origin::Rewritten { why: why.clone() });
        rewriter.changes.push(Change {
            key: flink::PROCESS_MEMORY.name.to_owned(),
            old: None,
            new: Some(size),
            why: why.into(),
        });
    }
}

fn line((name, given_up): (&str, &Setting), (key, decides): (&str, &Setting)) -> Warning {
    let rest = format!(
        "is {} and is ignored: `{key}` ({}) is {} and takes precedence",
        given_up.value, decides.origin, decides.value
    );
    Warning::of_setting(name, given_up, rest)
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Table;
    use super::*;

    /// `key=value …`, with variables behind `$`; the answer is what is left, then what was given up.
    fn settled(text: &str, version: Version) -> String {
        let (mut table, mut environment) = (Table::default(), Environment::default());
        for (key, value) in text.split(' ').filter_map(|pair| pair.split_once('=')) {
            match key.strip_prefix('$') {
                Some(variable) => environment.set(variable, value),
                None => _ = table.set(key, value, Origin::Argument),
            }
        }
        let mut changes = Vec::new();
        let given_up =
            settle(&mut Rewriter { table: &mut table, changes: &mut changes }, &environment, version);
        let left = table.iter().map(|(key, setting)| format!("{key}={}", setting.value));
        let names = given_up.iter().filter_map(|line| line.split('`').nth(1));
        left.chain(names.map(|name| format!("!{name}"))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_container_s_size_wins_on_every_flink() {
        for version in [(1, 17), (1, 20), (2, 0), (2, 3)] {
            for (text, expected) in [
                (
                    "mesos.resourcemanager.tasks.mem=2048",
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.process.size=2048m",
                ),
                (
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.heap.mb=1024 taskmanager.heap.size=1g",
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.process.size=2048m \
                     !taskmanager.heap.size !taskmanager.heap.mb",
                ),
                (
                    "taskmanager.memory.process.size=4g taskmanager.heap.size=1g $FLINK_TM_HEAP=3g",
                    "taskmanager.memory.process.size=4g !FLINK_TM_HEAP !taskmanager.heap.size",
                ),
                (
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.process.size=4g",
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.process.size=4g \
                     !mesos.resourcemanager.tasks.mem",
                ),
                (
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.flink.size=1500m",
                    "mesos.resourcemanager.tasks.mem=2048 taskmanager.memory.process.size=2048m \
                     !taskmanager.memory.flink.size",
                ),
                (
                    "taskmanager.memory.flink.size=1g taskmanager.heap.mb=512",
                    "taskmanager.memory.flink.size=1g !taskmanager.heap.mb",
                ),
                (
                    "jobmanager.memory.process.size=1600m jobmanager.heap.mb=256 $FLINK_JM_HEAP=1g",
                    "jobmanager.memory.process.size=1600m !FLINK_JM_HEAP !jobmanager.heap.mb",
                ),
                ("jobmanager.heap.size=1g", "jobmanager.heap.size=1g"),
            ] {
                assert_eq!(settled(text, version), expected, "{version:?}");
            }
        }
    }

    #[test]
    fn a_heap_alone_meant_the_container() {
        for (text, expected) in [
            ("taskmanager.heap.mb=1024", "taskmanager.memory.process.size=1024m"),
            ("taskmanager.heap.size=1g taskmanager.heap.mb=512", "taskmanager.memory.process.size=1g"),
            ("$FLINK_TM_HEAP=2g taskmanager.heap.mb=512", "taskmanager.memory.process.size=2g"),
        ] {
            assert_eq!(settled(text, (1, 20)), expected);
        }
        assert_eq!(settled("taskmanager.heap.mb=1024", (2, 0)), "taskmanager.heap.mb=1024");
    }
}
