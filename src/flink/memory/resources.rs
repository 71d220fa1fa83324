//! External resources (GPUs and the like): how many of each a TaskManager has.

use std::collections::BTreeMap;

use super::MemoryError;
use super::options::{Key, Options};
use crate::flink::version::Version;

pub(super) const LIST: Key = Key::new("external-resources");
const NONE: &str = "none";

pub(super) fn amount_key(name: &str) -> String {
    format!("external-resource.{name}.amount")
}

/// The listed resources that have a positive amount; Flink ignores the others.
pub(super) fn amounts(options: Options<'_>) -> Result<BTreeMap<String, u64>, MemoryError> {
    let mut amounts = BTreeMap::new();
    let Some(list) = options.text(LIST).filter(|list| *list != NONE) else { return Ok(amounts) };
    for name in names(list).ok_or_else(|| options.unusable(LIST, "a list such as gpu;fpga or [gpu, fpga]"))? {
        let amount = options.long(&amount_key(&name))?;
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

/// Both spellings of a list; None when a quote is left open.
fn names(list: &str) -> Option<Vec<String>> {
    let list = list.trim();
    match list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => split(inner, ','),
        None => split(list, ';'),
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
