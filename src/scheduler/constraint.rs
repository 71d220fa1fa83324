//! Which agents may get TaskManagers, by their attributes, host name and fault domain.

use std::collections::BTreeMap;

use regex_lite::Regex;

use crate::mesos::wire::offer::Offer;
use crate::mesos::wire::resource::{Attribute, Range, ValueType};

use super::resources::Milli;

/// `attribute:value`, `attribute:OPERATOR` or `attribute:OPERATOR:value`.
#[derive(Clone, Debug)]
pub struct Constraint {
    attribute: String,
    operator: Operator,
    /// As it was written.
    text: String,
}

/// The operators have the names and the meaning that Marathon gave them.
#[derive(Clone, Debug)]
enum Operator {
    /// The attribute has the value: a text, a number, a number within ranges, an item of a set.
    Is(String),
    /// No two TaskManagers where the value is the same.
    Unique,
    MaxPer(usize),
    /// As many where one value is as where any other is, of at least so many values.
    GroupBy(usize),
    /// The whole value matches.
    Like(Regex),
    Unlike(Regex),
}

/// How many TaskManagers there are per value of a constraint's attribute, by the attribute's name.
pub type Counts = BTreeMap<String, BTreeMap<String, usize>>;

const EXPECTED: &str = "`attribute:value`";
const OPERATORS: &str = "`attribute:UNIQUE`, `attribute:MAX_PER:number`, `attribute:GROUP_BY[:number]`, \
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
        let (name, value) = rest.split_once(':').map_or((rest, None), |(name, value)| (name, Some(value)));
        let operator = match (name, value) {
            ("UNIQUE", None) => Operator::Unique,
            ("MAX_PER", Some(value)) => Operator::MaxPer(above_zero(value)?),
            ("GROUP_BY", value) => Operator::GroupBy(value.map_or(Ok(1), above_zero)?),
            ("LIKE", Some(value)) => Operator::Like(regex(value)?),
            ("UNLIKE", Some(value)) => Operator::Unlike(regex(value)?),
            ("UNIQUE" | "MAX_PER" | "LIKE" | "UNLIKE", _) => return Err(OPERATORS.to_owned()),
            _ => Operator::Is(rest.to_owned()),
        };
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
            Operator::Unique | Operator::MaxPer(_) | Operator::GroupBy(_) => true,
            Operator::Is(_) | Operator::Like(_) | Operator::Unlike(_) => false,
        }
    }

    /// What it counts by.
    pub fn value(&self, traits: &Traits) -> Option<String> {
        traits.texts(&self.attribute).into_iter().next()
    }

    /// Whether one more TaskManager may go to an agent.
    pub fn admits(&self, traits: &Traits, counts: &Counts) -> bool {
        let counted = counts.get(&self.attribute);
        let here = |value: &String| counted.and_then(|counts| counts.get(value)).copied().unwrap_or_default();
        match &self.operator {
            Operator::Is(expected) => traits.is(&self.attribute, expected),
            Operator::Unique => self.value(traits).is_some_and(|value| here(&value) == 0),
            Operator::MaxPer(most) => self.value(traits).is_some_and(|value| here(&value) < *most),
            Operator::GroupBy(least) => self.value(traits).is_some_and(|value| {
                let fewest = counted.and_then(|counts| counts.values().min()).copied().unwrap_or_default();
                let values = counted.map_or(0, BTreeMap::len);
                let fewest = if values < *least { 0 } else { fewest };
                here(&value) <= fewest
            }),
            Operator::Like(regex) => traits.texts(&self.attribute).iter().any(|text| regex.is_match(text)),
            Operator::Unlike(regex) => !traits.texts(&self.attribute).iter().any(|text| regex.is_match(text)),
        }
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Constraint {}

/// What constraints look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    hostname: String,
    region: Option<String>,
    zone: Option<String>,
    attributes: Vec<Attribute>,
}

impl Traits {
    pub fn of(offer: &Offer) -> Self {
        let domain = offer.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
        Self {
            hostname: offer.hostname.clone().unwrap_or_default(),
            region: domain.and_then(|domain| domain.region.as_ref()?.name.clone()),
            zone: domain.and_then(|domain| domain.zone.as_ref()?.name.clone()),
            attributes: offer.attributes.clone(),
        }
    }

    /// The values as text, none for an attribute that the agent does not have; it may have one more than once.
    pub fn texts(&self, attribute: &str) -> Vec<String> {
        match attribute {
            "HOSTNAME" | "hostname" => vec![self.hostname.clone()],
            "@region" => self.region.iter().cloned().collect(),
            "@zone" => self.zone.iter().cloned().collect(),
            name => self.named(name).flat_map(texts).collect(),
        }
    }

    fn is(&self, attribute: &str, expected: &str) -> bool {
        match attribute {
            "HOSTNAME" | "hostname" | "@region" | "@zone" => {
                self.texts(attribute).iter().any(|text| text == expected)
            }
            name => self.named(name).any(|attribute| has(attribute, expected)),
        }
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.attributes.iter().filter(move |attribute| attribute.name.as_deref() == Some(name))
    }
}

fn kind(attribute: &Attribute) -> Option<ValueType> {
    attribute.r#type.and_then(|number| ValueType::try_from(number).ok())
}

fn texts(attribute: &Attribute) -> Vec<String> {
    match kind(attribute) {
        Some(ValueType::Text) => attribute.text.iter().filter_map(|text| text.value.clone()).collect(),
        Some(ValueType::Scalar) => {
            let value = attribute.scalar.as_ref().and_then(|scalar| scalar.value);
            value.map(|value| Milli::of(value).to_string()).into_iter().collect()
        }
        Some(ValueType::Ranges) => {
            let ranges = attribute.ranges.iter().flat_map(|ranges| &ranges.range);
            let spans: Vec<_> = ranges.map(|range| format!("{}-{}", range.begin(), range.end())).collect();
            vec![format!("[{}]", spans.join(","))]
        }
        Some(ValueType::Set) => attribute.set.iter().flat_map(|set| set.item.clone()).collect(),
        None => Vec::new(),
    }
}

fn has(attribute: &Attribute, expected: &str) -> bool {
    match kind(attribute) {
        Some(ValueType::Scalar) => {
            let value = attribute.scalar.as_ref().and_then(|scalar| scalar.value);
            let expected = expected.parse::<f64>().ok();
            value.zip(expected).is_some_and(|(value, expected)| Milli::of(value) == Milli::of(expected))
        }
        Some(ValueType::Ranges) => {
            let (first, last) = expected.split_once('-').unwrap_or((expected, expected));
            let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>()) else {
                return false;
            };
            let holds = |range: &Range| range.begin() <= first && last <= range.end();
            attribute.ranges.iter().flat_map(|ranges| &ranges.range).any(holds)
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
mod tests {
    use super::*;
    use crate::mesos::wire::resource::{Ranges, Scalar, Set, Text};

    fn attribute(name: &str, kind: ValueType) -> Attribute {
        Attribute { name: Some(name.into()), r#type: Some(kind as i32), ..Attribute::default() }
    }

    fn traits() -> Traits {
        let text = Text { value: Some("r1".into()) };
        let range = vec![Range { begin: Some(10), end: Some(20) }];
        Traits {
            hostname: "host-7".into(),
            region: Some("eu".into()),
            zone: None,
            attributes: vec![
                Attribute { text: Some(text), ..attribute("rack", ValueType::Text) },
                Attribute {
                    scalar: Some(Scalar { value: Some(0.3) }),
                    ..attribute("level", ValueType::Scalar)
                },
                Attribute { ranges: Some(Ranges { range }), ..attribute("ids", ValueType::Ranges) },
                Attribute {
                    set: Some(Set { item: vec!["ssd".into(), "hdd".into()] }),
                    ..attribute("disks", ValueType::Set)
                },
            ],
        }
    }

    #[test]
    fn attributes_of_every_type() {
        for (text, expected) in [
            ("rack:r1", true),
            ("rack:r2", false),
            ("level:0.300", true),
            ("level:0.4", false),
            ("level:r1", false),
            ("ids:10", true),
            ("ids:12-20", true),
            ("ids:12-21", false),
            ("disks:hdd", true),
            ("disks:tape", false),
            ("none:x", false),
            ("HOSTNAME:host-7", true),
            ("@region:eu", true),
            ("@zone:a", false),
            ("HOSTNAME:LIKE:host-[0-9]", true),
            ("HOSTNAME:LIKE:host", false),
            ("HOSTNAME:UNLIKE:host-[1-3]", true),
            ("none:UNLIKE:.*", true),
            ("none:LIKE:.*", false),
            ("none:UNIQUE", false),
        ] {
            let constraint = Constraint::parse(text).expect(text);
            assert_eq!(constraint.admits(&traits(), &Counts::new()), expected, "{text}");
        }
    }

    #[test]
    fn counting() {
        let counts = |here: usize, elsewhere: usize| {
            let values = [("r1".to_owned(), here), ("r2".to_owned(), elsewhere)];
            Counts::from([("rack".to_owned(), BTreeMap::from(values))])
        };
        for (text, here, elsewhere, expected) in [
            ("rack:UNIQUE", 0, 1, true),
            ("rack:UNIQUE", 1, 0, false),
            ("rack:MAX_PER:2", 1, 0, true),
            ("rack:MAX_PER:2", 2, 0, false),
            ("rack:GROUP_BY", 1, 1, true),
            ("rack:GROUP_BY", 2, 1, false),
            ("rack:GROUP_BY:3", 1, 1, false),
        ] {
            let constraint = Constraint::parse(text).expect(text);
            assert_eq!(constraint.admits(&traits(), &counts(here, elsewhere)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_constraint() {
        for text in ["rack", "rack:", ":x", "rack:MAX_PER", "rack:MAX_PER:0", "rack:LIKE:(", "rack:UNIQUE:1"]
        {
            assert!(Constraint::parse(text).is_err(), "{text}");
        }
        assert_eq!(Constraint::parse("a:b:c").expect("a value with a colon").text(), "a:b:c");
    }
}
