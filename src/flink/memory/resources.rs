//! External resources (GPUs and the like): how many of each a TaskManager has.

use std::collections::BTreeMap;

use super::MemoryError;
use super::options::{Key, Options};
use crate::version::Version;

pub(super) const LIST: Key = Key::new("external-resources");
const NONE: &str = "none";
/// Flink keeps an amount as a 64-bit float; above this it would start another number than configured.
const MAX_AMOUNT: i64 = 1 << 53;

pub(super) fn amount_key(name: &str) -> String {
    format!("external-resource.{name}.amount")
}

/// The listed resources that have a positive amount; Flink ignores the others.
pub(super) fn amounts(options: Options<'_>, version: Version) -> Result<BTreeMap<String, u64>, MemoryError> {
    let mut amounts = BTreeMap::new();
    let Some(list) = options.text(LIST).filter(|list| *list != NONE) else { return Ok(amounts) };
    for name in names(list, version)
        .ok_or_else(|| options.unusable(LIST, "a list such as gpu;fpga or [gpu, fpga]"))?
    {
        let key = amount_key(&name);
        let amount = options.long(&key, "a whole number up to 2^53", |amount| *amount <= MAX_AMOUNT)?;
        if let Some(amount) =
            amount.and_then(|amount| u64::try_from(amount).ok()).filter(|amount| *amount > 0)
        {
            amounts.insert(name, amount);
        }
    }
    Ok(amounts)
}

/// The list as Flink's scripts pass it on: quoted since 1.15.
pub(super) fn list_text(amounts: &BTreeMap<String, u64>, version: Version) -> String {
    if amounts.is_empty() {
        return NONE.to_owned();
    }
    let joined = amounts.keys().cloned().collect::<Vec<_>>().join(";");
    if version.at_least(1, 15) { format!("\"{joined}\"") } else { joined }
}

/// A list as `a;b`, since Flink 1.19 also as `[a, b]`; None when a quote is left open.
fn names(list: &str, version: Version) -> Option<Vec<String>> {
    let list = list.trim();
    match list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if version.at_least(1, 19) => split(inner, ','),
        Some(_) | None => split(list, ';'),
    }
}

fn split(list: &str, separator: char) -> Option<Vec<String>> {
    let mut names = vec![];
    let mut name = String::new();
    let mut quote = None;
    for c in list.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => name.push(c),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == separator => names.push(std::mem::take(&mut name)),
            None => name.push(c),
        }
    }
    names.push(name);
    if quote.is_some() {
        return None;
    }
    Some(names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect())
}
