//! Which agents may get TaskManagers, by their attributes, host name and fault domain.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use mesos::wire::resource::ValueType;
use mesos::wire::view::{AttributeView, Attributes, OfferView};

use super::need::Milli;

/// `attribute:value`, `attribute:OPERATOR` or `attribute:OPERATOR:value`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Constraint {
    attribute: String,
    operator: Operator,
    /// As it was written.
    text: String,
}

/// The operators have the names and the meaning that Marathon, Chronos and Aurora gave them.
#[derive(Clone, Debug)]
enum Operator {
    /// The attribute has the value: a text, a number, a number within ranges, an item of a set.
    Is(String),
    /// Or it is not there.
    IsNot(String),
    /// All TaskManagers where the value is the same, whatever it is.
    Cluster,
    /// No two TaskManagers where the value is the same.
    Unique,
    MaxPer(usize),
    /// As many where one value is as where any other is, of at least so many values.
    GroupBy(usize),
    /// The whole value matches.
    Like(Regex),
    Unlike(Regex),
}

const EXPECTED: &str = "`attribute:value`";
const OPERATORS: &str = "`attribute:value`, `attribute:!value`, `attribute:UNIQUE`, `attribute:CLUSTER[:value]`, \
                         `attribute:IS:value`, `attribute:MAX_PER:number`, `attribute:GROUP_BY[:number]`, \
                         `attribute:LIKE:regex` or `attribute:UNLIKE:regex`";

impl Constraint {
    /// Answers a wrong text with what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (attribute, rest) = text.split_once(':').ok_or(EXPECTED)?;
        let (attribute, rest) = (attribute.trim(), rest.trim());
        if attribute.is_empty() || rest.is_empty() {
            return Err(EXPECTED.to_owned());
        }
        let operator = operator(rest)?;
        Ok(Self { attribute: attribute.to_owned(), operator, text: text.to_owned() })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// Whether TaskManagers elsewhere can make it hold where it did not.
    pub fn is_relative(&self) -> bool {
        matches!(self.operator, Operator::GroupBy(_))
    }

    /// Whether it looks at where TaskManagers are already.
    pub fn counts(&self) -> bool {
        match self.operator {
            Operator::Cluster | Operator::Unique | Operator::MaxPer(_) | Operator::GroupBy(_) => true,
            Operator::Is(_) | Operator::IsNot(_) | Operator::Like(_) | Operator::Unlike(_) => false,
        }
    }

    /// Whether it is about fault domains' regions.
    pub fn names_region(&self) -> bool {
        self.attribute == REGION
    }

    /// What it counts by.
    pub fn value<'a>(&self, traits: &Traits<'a>) -> Option<Cow<'a, str>> {
        traits.texts(&self.attribute).into_iter().next()
    }

    /// Whether an agent may have TaskManagers at all; one that counts leaves that to [`Self::admits`].
    pub fn suits(&self, traits: &Traits<'_>) -> bool {
        match &self.operator {
            Operator::Is(expected) => traits.is(&self.attribute, expected),
            Operator::IsNot(unwanted) => !traits.is(&self.attribute, unwanted),
            Operator::Cluster | Operator::Unique | Operator::MaxPer(_) | Operator::GroupBy(_) => true,
            Operator::Like(regex) => traits.texts(&self.attribute).iter().any(|text| regex.is_match(text)),
            Operator::Unlike(regex) => !traits.texts(&self.attribute).iter().any(|text| regex.is_match(text)),
        }
    }

    /// Whether one more TaskManager may go where the attribute has `value`, a number that `spread` gave.
    pub fn admits(&self, value: Option<usize>, spread: &Spread) -> bool {
        let here = value.map(|value| spread.count(value));
        match &self.operator {
            Operator::Is(_) | Operator::IsNot(_) | Operator::Like(_) | Operator::Unlike(_) => true,
            Operator::Cluster => here.is_some_and(|here| here > 0 || spread.is_empty()),
            Operator::Unique => here == Some(0),
            Operator::MaxPer(most) => here.is_some_and(|here| here < *most),
            Operator::GroupBy(least) => here.is_some_and(|here| here <= spread.fewest(*least)),
        }
    }
}

/// What stands behind the attribute. Capitals and underscores of an operator do not count.
fn operator(rest: &str) -> Result<Operator, String> {
    let (name, value) = rest.split_once(':').map_or((rest, None), |(name, value)| (name, Some(value)));
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    let word = name.trim().to_ascii_uppercase().replace(['_', '-'], "");
    Ok(match (word.as_str(), value) {
        ("UNIQUE", None) => Operator::Unique,
        ("CLUSTER", None) => Operator::Cluster,
        ("CLUSTER" | "IS" | "EQUALS", Some(value)) => Operator::Is(value.to_owned()),
        ("MAXPER" | "LIMIT", Some(value)) => Operator::MaxPer(above_zero(value)?),
        ("GROUPBY", value) => Operator::GroupBy(value.map_or(Ok(1), above_zero)?),
        ("LIKE", Some(value)) => Operator::Like(regex(value)?),
        ("UNLIKE", Some(value)) => Operator::Unlike(regex(value)?),
        ("UNIQUE" | "IS" | "EQUALS" | "MAXPER" | "LIMIT" | "LIKE" | "UNLIKE", _) => {
            return Err(OPERATORS.to_owned());
        }
        _ => match rest.strip_prefix('!').map(str::trim) {
            Some("") => return Err(OPERATORS.to_owned()),
            Some(unwanted) => Operator::IsNot(unwanted.to_owned()),
            None => Operator::Is(rest.to_owned()),
        },
    })
}

impl TryFrom<String> for Constraint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Constraint> for String {
    fn from(constraint: Constraint) -> Self {
        constraint.text
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Constraint {}

/// How many TaskManagers there are where an attribute has which value.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    numbers: BTreeMap<String, usize>,
    /// By the number of the value.
    counts: Vec<usize>,
    /// How many values have so many TaskManagers.
    levels: BTreeMap<usize, usize>,
}

impl Spread {
    /// The number of a value, which is known from now on.
    pub fn number(&mut self, value: &str) -> usize {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.counts.len();
        self.numbers.insert(value.to_owned(), number);
        self.counts.push(0);
        *self.levels.entry(0).or_default() += 1;
        number
    }

    /// One more TaskManager; answers whether the fewest are more now.
    pub fn add(&mut self, number: usize) -> bool {
        let before = self.fewest(1);
        let count = &mut self.counts[number];
        if let Some(values) = self.levels.get_mut(count) {
            *values -= 1;
            if *values == 0 {
                self.levels.remove(count);
            }
        }
        *count += 1;
        *self.levels.entry(*count).or_default() += 1;
        self.fewest(1) > before
    }

    /// Whether there is no TaskManager anywhere.
    fn is_empty(&self) -> bool {
        self.levels.keys().all(|count| *count == 0)
    }

    fn count(&self, number: usize) -> usize {
        self.counts[number]
    }

    /// None where fewer values are known than there shall be.
    fn fewest(&self, least: usize) -> usize {
        let fewest = self.levels.keys().next().copied().unwrap_or_default();
        if self.counts.len() < least { 0 } else { fewest }
    }
}

/// The names of what is no attribute; each generation of Marathon has another.
const HOSTNAMES: [&str; 3] = ["HOSTNAME", "hostname", "@hostname"];
const REGION: &str = "@region";
const ZONE: &str = "@zone";

/// What constraints look at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traits<'a> {
    pub hostname: &'a str,
    pub region: Option<&'a str>,
    pub zone: Option<&'a str>,
    pub attributes: Attributes<'a>,
}

impl<'a> Traits<'a> {
    pub fn of(offer: &OfferView<'a>) -> Self {
        let OfferView { hostname, region, zone, attributes, .. } = *offer;
        Self { hostname, region, zone, attributes }
    }

    /// The values as text, none for an attribute that the agent does not have; it may have one more than once.
    pub fn texts(&self, attribute: &str) -> Vec<Cow<'a, str>> {
        if HOSTNAMES.contains(&attribute) {
            return vec![Cow::Borrowed(self.hostname)];
        }
        match attribute {
            REGION => self.region.map(Cow::Borrowed).into_iter().collect(),
            ZONE => self.zone.map(Cow::Borrowed).into_iter().collect(),
            name => self.named(name).flat_map(texts).collect(),
        }
    }

    fn is(&self, attribute: &str, expected: &str) -> bool {
        if HOSTNAMES.contains(&attribute) || [REGION, ZONE].contains(&attribute) {
            return self.texts(attribute).iter().any(|text| text == expected);
        }
        self.named(attribute).any(|attribute| has(attribute, expected))
    }

    fn named(&self, name: &str) -> impl Iterator<Item = AttributeView<'a>> {
        let attributes = self.attributes.iter().filter_map(AttributeView::read);
        attributes.filter(move |attribute| attribute.name == name)
    }
}

fn texts(attribute: AttributeView<'_>) -> Vec<Cow<'_, str>> {
    match attribute.kind {
        Some(ValueType::Text) => attribute.text.map(Cow::Borrowed).into_iter().collect(),
        Some(ValueType::Scalar) => {
            attribute.scalar.map(|value| Cow::Owned(Milli::of(value).to_string())).into_iter().collect()
        }
        Some(ValueType::Ranges) => {
            let spans: Vec<_> = attribute.ranges().map(|(first, last)| format!("{first}-{last}")).collect();
            vec![Cow::Owned(format!("[{}]", spans.join(",")))]
        }
        Some(ValueType::Set) => attribute.items().map(Cow::Borrowed).collect(),
        None => Vec::new(),
    }
}

fn has(attribute: AttributeView<'_>, expected: &str) -> bool {
    match attribute.kind {
        Some(ValueType::Scalar) => {
            let expected = expected.parse::<f64>().ok();
            let both = attribute.scalar.zip(expected);
            both.is_some_and(|(value, expected)| Milli::of(value) == Milli::of(expected))
        }
        Some(ValueType::Ranges) => {
            let (first, last) = expected.split_once('-').unwrap_or((expected, expected));
            let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>()) else {
                return false;
            };
            attribute.ranges().any(|(begin, end)| begin <= first && last <= end)
        }
        Some(ValueType::Text | ValueType::Set) | None => texts(attribute).iter().any(|text| text == expected),
    }
}

fn above_zero(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "a number above 0 after it".to_owned())
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{text})$")).map_err(|error| format!("a regular expression ({error})"))
}

#[cfg(test)]
mod tests;
