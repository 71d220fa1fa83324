//! `--resources` and `--attributes` as the real agent reads them.

use std::collections::BTreeSet;

use mesos::wire::resource::{Attribute, Range, Ranges, Scalar, Text, ValueType};

use super::amount::{Amount, Milli, Spans};
use super::{Item, Resources};

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{item}' is not {expected}")]
pub struct ParseError {
    item: String,
    expected: &'static str,
}

const RESOURCE: &str = "name:amount or name(role):amount, the amount a number, [from-to, …] or {a, b}";
const ATTRIBUTE: &str = "name:value, the value a number, [from-to, …] or a text";

/// `cpus:4;mem(flink):2048;ports:[31000-31009, 32000-32009]`
pub fn parse(text: &str) -> Result<Resources, ParseError> {
    let mut resources = Resources::default();
    for item in entries(text) {
        let wrong = || ParseError { item: item.to_owned(), expected: RESOURCE };
        let (name, value) = item.split_once(':').ok_or_else(wrong)?;
        let value = value.trim();
        let amount = amount(value).ok_or_else(wrong)?;
        let item = match name.trim().split_once('(') {
            None => Item::unreserved(name.trim(), amount),
            Some((name, role)) => match role.strip_suffix(')').ok_or_else(wrong)?.trim() {
                "*" => Item::unreserved(name.trim(), amount),
                role => Item::reserved(name.trim(), role, amount),
            },
        };
        if item.name().is_empty() {
            return Err(wrong());
        }
        resources.add(item);
    }
    Ok(resources)
}

/// `rack:r1;generation:2;slots:[1-3]`
pub fn parse_attributes(text: &str) -> Result<Vec<Attribute>, ParseError> {
    let parse = |item: &str| {
        let (name, value) = item.split_once(':')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty() && !value.is_empty()).then(|| attribute(name, value))
    };
    let checked = |item| parse(item).ok_or_else(|| ParseError { item: item.to_owned(), expected: ATTRIBUTE });
    entries(text).map(checked).collect()
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split([';', '\n']).map(str::trim).filter(|item| !item.is_empty())
}

fn amount(value: &str) -> Option<Amount> {
    if let Some(names) = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let names: BTreeSet<_> = names.split(',').map(|name| name.trim().to_owned()).collect();
        return (!names.contains("")).then_some(Amount::Set(names));
    }
    if value.starts_with('[') {
        return spans(value).map(Amount::Spans);
    }
    number(value).map(|number| Amount::Scalar(Milli::from_f64(number)))
}

fn attribute(name: &str, value: &str) -> Attribute {
    let named = |kind: ValueType| Attribute {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..Attribute::default()
    };
    if let Some(spans) = spans(value) {
        let range = |&(begin, end): &(u64, u64)| Range { begin: Some(begin), end: Some(end) };
        let ranges = Ranges { range: spans.as_slice().iter().map(range).collect() };
        return Attribute { ranges: Some(ranges), ..named(ValueType::Ranges) };
    }
    if let Some(number) = number(value) {
        return Attribute { scalar: Some(Scalar { value: Some(number) }), ..named(ValueType::Scalar) };
    }
    Attribute { text: Some(Text { value: Some(value.to_owned()) }), ..named(ValueType::Text) }
}

fn spans(value: &str) -> Option<Spans> {
    let inner = value.strip_prefix('[')?.strip_suffix(']')?;
    let span = |text: &str| {
        let (begin, end) = text.split_once('-')?;
        let (begin, end) = (begin.trim().parse().ok()?, end.trim().parse().ok()?);
        (begin <= end).then_some((begin, end))
    };
    inner.split(',').map(span).collect::<Option<Vec<_>>>().map(Spans::new)
}

fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}
