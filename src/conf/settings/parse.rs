//! Text to values. A wrong text is answered with what was expected.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::yaml::{self, Item};
use super::super::{java, quotes, redact};

/// A text that is shown nowhere. It is written where the settings are: into a memory file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text out of sight.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// For the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(redact::MASK)
    }
}

/// Ports of which one is taken, in the order in which they are tried: `6123`, `50100-50200,50300`; 0 is any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// At least one.
    pub fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.0
    }

    /// The port when there is no choice.
    pub fn single(&self) -> Option<u16> {
        match &*self.0 {
            [range] if range.start() == range.end() && *range.start() > 0 => Some(*range.start()),
            _ => None,
        }
    }
}

pub fn text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("a text that is not empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// A text that may be empty.
pub fn any_text(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

/// A text without white space.
pub fn word(given: &str) -> Result<String, String> {
    let word = text(given).ok().filter(|text| !text.contains(char::is_whitespace));
    word.ok_or_else(|| "a text without white space".to_owned())
}

/// The name of a user of other machines: agents look it up and take no number.
pub fn user(given: &str) -> Result<String, String> {
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let name = word(given).ok().filter(|text| !is_number(text) && !text.contains(':'));
    name.ok_or_else(|| "the name of a user whom the agents have, not a number".to_owned())
}

pub fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("`true` or `false`".to_owned()),
    }
}

pub fn number<T: FromStr + PartialOrd + fmt::Display>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A finite number, 0 or more.
pub fn fraction(text: &str) -> Result<f64, String> {
    let number = java::parse_double(text).filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number, 0 or more".to_owned())
}

/// A port; 0 for any free one.
pub fn port_or_any(text: &str) -> Result<u16, String> {
    text.trim().parse().map_err(|_| "a port from 1 to 65535, or 0 for any free one".to_owned())
}

pub fn ports(text: &str) -> Result<Ports, String> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last).then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    ranges.map(Ports).ok_or_else(|| "a port, or ports such as `50100-50200,50300`".to_owned())
}

pub fn ip_address(text: &str) -> Result<IpAddr, String> {
    match text.trim() {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        address => address.parse().map_err(|_| "an IP address".to_owned()),
    }
}

/// A host as Flink takes it; may be empty.
pub fn host(text: &str) -> Result<String, String> {
    let host = text.trim();
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    let address = bare.split_once('%').map_or(bare, |(address, _)| address);
    let is_address = address.parse::<Ipv6Addr>().is_ok();
    let is_name = !host.contains([':', '/']) && !host.contains(char::is_whitespace);
    match is_address || is_name {
        true => Ok(host.to_owned()),
        false => Err("a host name or an IP address, without scheme, port and path".to_owned()),
    }
}

/// Flink's duration text; a bare number is milliseconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    duration_in(text, Duration::from_millis(1))
        .ok_or_else(|| "a duration such as `500ms`, `10 s`, `1 min`, or a number of milliseconds".to_owned())
}

/// Flink's duration text; a bare number is seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    duration_in(text, Duration::from_secs(1))
        .ok_or_else(|| "a number of seconds, or a duration such as `10 min`, `7 d`".to_owned())
}

/// Longer spans are a mistake, and Mesos cannot hold them either (nanoseconds in 63 bits).
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn duration_in(text: &str, bare: Duration) -> Option<Duration> {
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim().to_lowercase().as_str() {
        "" => bare,
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => Duration::from_nanos(1),
        "µs" | "micro" | "micros" | "microsecond" | "microseconds" => Duration::from_micros(1),
        "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Duration::from_millis(1),
        "s" | "sec" | "secs" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::from_secs(60),
        "h" | "hour" | "hours" => Duration::from_secs(3600),
        "d" | "day" | "days" => Duration::from_secs(24 * 3600),
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    let nanos = u128::from(number).checked_mul(unit.as_nanos())?;
    u64::try_from(nanos).ok().map(Duration::from_nanos).filter(|span| *span <= MAX_DURATION)
}

/// The items of `a, b` or of YAML's `[a, b]`; an empty item is wrong.
pub fn list<T>(item: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Vec<T>, String> {
    list_with(|_| None, item)
}

/// As [`list`], where `spell` says how an item that is a map or a list itself is written as texts.
pub fn list_with<T>(
    spell: impl Fn(&Item) -> Option<Vec<String>>,
    item: impl Fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| {
        let wrong = |text: &str| format!(" in place of `{text}`");
        let mut texts = Vec::new();
        match yaml::items(text) {
            None => texts.extend(text.split(',').map(|part| unquoted(part).to_owned())),
            Some(items) => {
                for entry in items {
                    match (spell(&entry), entry) {
                        (Some(spelled), _) => texts.extend(spelled),
                        (None, Item::Text(text)) => texts.push(text),
                        (None, entry @ (Item::Pairs(_) | Item::Texts(_) | Item::Nested(_))) => {
                            return Err(format!("a text{}", wrong(&entry.into_text())));
                        }
                    }
                }
            }
        }
        texts.iter().map(|text| item(text).map_err(|expected| expected + &wrong(text))).collect()
    }
}

/// How a map is written as `key<separator>value`, or the one that Mesos' JSON has for it: `{key: k, value: v}`.
pub fn as_pairs(separator: char) -> impl Fn(&Item) -> Option<Vec<String>> {
    move |item| match item {
        Item::Pairs(pairs) => match &pairs[..] {
            [(name, key), (other, value)] if name == "key" && other == "value" => {
                Some(vec![format!("{key}{separator}{value}")])
            }
            [(name, value), (other, key)] if name == "value" && other == "key" => {
                Some(vec![format!("{key}{separator}{value}")])
            }
            pairs => Some(pairs.iter().map(|(key, value)| format!("{key}{separator}{value}")).collect()),
        },
        Item::Text(_) | Item::Texts(_) | Item::Nested(_) => None,
    }
}

/// An item of a list with commas may stand in quotes of its own.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    quotes::inner(text).unwrap_or(text)
}

/// `key<separator>value`, both not empty.
pub fn pair(separator: char, expected: &'static str) -> impl Fn(&str) -> Result<(String, String), String> {
    move |text| match text.split_once(separator) {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        Some(_) | None => Err(expected.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("0", Some(0)),
            ("120000", Some(120_000)),
            ("500ms", Some(500)),
            ("10 s", Some(10_000)),
            (" 1min ", Some(60_000)),
            ("2 HOURS", Some(7_200_000)),
            ("1 d", Some(86_400_000)),
            ("-1", None),
            ("1.5 s", None),
            ("s", None),
            ("", None),
            ("10 parsecs", None),
            ("99999999999999999999", None),
            ("40000 d", None),
        ] {
            assert_eq!(duration(text).ok().map(|span| span.as_millis()), millis, "{text:?}");
        }
        assert_eq!(seconds("604800"), Ok(Duration::from_secs(604_800)));
    }

    #[test]
    fn ports_and_lists() {
        assert_eq!(ports("6123").unwrap().single(), Some(6123));
        assert_eq!(ports("0").unwrap().single(), None);
        assert_eq!(ports("50100-50200, 50300").unwrap().ranges(), [50100..=50200, 50300..=50300]);
        assert!(ports("2-1").is_err() && ports("65536").is_err() && ports("1,").is_err());
        assert_eq!(list(text)("a, b").unwrap(), ["a", "b"]);
        assert_eq!(list(text)("['a, b', 'c: d']").unwrap(), ["a, b", "c: d"]);
        assert_eq!(list(text)("[]").unwrap(), [""; 0]);
        assert!(list(text)("a,,b").is_err());
        assert_eq!(list(text)("\"a\", 'b',c").unwrap(), ["a", "b", "c"]);
        assert!(list(text)("[{a: b}]").unwrap_err().contains("{a: b}"));
        assert!(list(text)("[[a, b]]").is_err());
        let pairs = list_with(as_pairs('='), pair('=', "k=v"));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(pairs("[{a: b, c: 1}, d=e]").unwrap(), [pair("a", "b"), pair("c", "1"), pair("d", "e")]);
        for text in ["[{key: privileged, value: true}]", "[{value: true, key: privileged}]"] {
            assert_eq!(pairs(text).unwrap(), [pair("privileged", "true")]);
        }
        assert!(pairs("[{a: [b]}]").is_err());
    }

    #[test]
    fn hosts() {
        for good in
            ["", "jm", " jm-1.example. ", "a_b", "10.0.0.1", "::1", "[2001:db8::1]", "fe80::1%eth0", "\"q\""]
        {
            assert_eq!(host(good).as_deref(), Ok(good.trim()));
        }
        for wrong in ["http://jm", "jm:6123", "a b", "jm/x", "10.0.0.1:80", "[::1]:80", "[jm]:1"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("x".to_owned())), redact::MASK);
    }
}
