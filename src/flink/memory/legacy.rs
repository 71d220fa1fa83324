//! The sizes of before Flink 1.10, which Flink 1.x still reads.

use std::borrow::Cow;

use super::options::{Key, Options};
use super::{MemoryError, MemorySize};
use crate::version::Version;
use conf::environment::Environment;
use conf::table::{Origin, Table};

pub(super) struct LegacyHeap {
    variable: &'static str,
    size: Key,
    mebibytes: Key,
    /// What the old size means today.
    target: Key,
}

pub(super) const JOBMANAGER: LegacyHeap = LegacyHeap {
    variable: "FLINK_JM_HEAP",
    size: Key::new("jobmanager.heap.size"),
    mebibytes: Key::new("jobmanager.heap.mb"),
    target: Key::new("jobmanager.memory.heap.size"),
};

pub(super) const TASKMANAGER: LegacyHeap = LegacyHeap {
    variable: "FLINK_TM_HEAP",
    size: Key::new("taskmanager.heap.size"),
    mebibytes: Key::new("taskmanager.heap.mb"),
    target: Key::new("taskmanager.memory.flink.size"),
};

/// The configuration with the old size under its new key, unless that is set; gone in Flink 2.
pub(super) fn with_heap<'a>(
    table: &'a Table,
    environment: &Environment,
    version: Version,
    legacy: &LegacyHeap,
) -> Result<Cow<'a, Table>, MemoryError> {
    let options = Options::new(table);
    if version.at_least(2, 0) || options.is_set(legacy.target) {
        return Ok(Cow::Borrowed(table));
    }
    let Some((size, from)) = legacy_heap(options, environment, legacy)? else {
        return Ok(Cow::Borrowed(table));
    };
    let mut table = table.clone();
    let origin = Origin::Rewritten { why: format!("from {from}") };
    table.set(legacy.target.name, size.bytes().to_string(), origin);
    Ok(Cow::Owned(table))
}

fn legacy_heap(
    options: Options<'_>,
    environment: &Environment,
    legacy: &LegacyHeap,
) -> Result<Option<(MemorySize, &'static str)>, MemoryError> {
    if let Some(value) = environment.text(legacy.variable) {
        let size = MemorySize::parse(value).ok_or_else(|| MemoryError::Unreadable {
            key: legacy.variable.to_owned(),
            value: value.to_owned(),
            origin: "environment".to_owned(),
            expected: "a size such as 1728m, 4g or a number of bytes",
        })?;
        return Ok(Some((size, legacy.variable)));
    }
    if let Some(size) = options.size(legacy.size)? {
        return Ok(Some((size, legacy.size.name)));
    }
    let Some(mebibytes) = options.integer(legacy.mebibytes)? else { return Ok(None) };
    let mebibytes = u32::try_from(mebibytes)
        .map_err(|_negative| options.unusable(legacy.mebibytes, "a number of MiB from 0 up"))?;
    Ok(Some((MemorySize::from_mib(mebibytes), legacy.mebibytes.name)))
}
