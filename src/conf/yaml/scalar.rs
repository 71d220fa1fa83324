//! YAML scalars: from plain text to values by the core schema, and from text to a scalar that reads back as
//! the same text.

use super::super::java;
use super::Value;

/// The value of a plain (unquoted) scalar; `Err` with the reason for what Flink's reader dies of.
pub fn resolve(plain: &str) -> Result<Value, &'static str> {
    if let Some(value) = resolve_word(plain) {
        return Ok(value);
    }
    if matches!(plain, "+.inf" | "+.Inf" | "+.INF") {
        return Err("Flink cannot read `+.inf`; write `.inf`");
    }
    if let Some(integer) = integer(plain) {
        return Ok(Value::Int(integer));
    }
    Ok(float(plain).map_or_else(|| Value::Text(plain.to_owned()), Value::Float))
}

/// The decimal text of what `!!int` stands in front of: an integer of any form, with a sign.
pub fn tagged_integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    match integer(digits)?.as_str() {
        "0" => Some("0".to_owned()),
        number if number.starts_with('-') => None,
        number => Some(format!("{sign}{number}")),
    }
}

/// What `!!float` stands in front of, as Java reads a double.
pub fn tagged_float(text: &str) -> Option<String> {
    match text.to_lowercase().as_str() {
        ".inf" => Some(".inf".to_owned()),
        "-.inf" => Some("-.inf".to_owned()),
        ".nan" => Some(".nan".to_owned()),
        text => java::parse_double(text).map(java_double),
    }
}

pub fn tagged_bool(text: &str) -> Option<bool> {
    text.to_lowercase().parse().ok()
}

/// `text` as a scalar that every YAML reader takes for this very text: plain where that is safe, else in
/// quotes. The rules are those by which Flink prints the items of a list.
pub fn render_text(text: &str) -> String {
    if text.chars().any(needs_escape) || text.contains(" \n") {
        return double_quoted(text);
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// A finite number as Java's `Double.toString` (JDK 19 and later) prints it, the others as YAML does.
fn java_double(number: f64) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    // Java prints two digits at least; where several two-digit numbers stand for this double, the nearest.
    let two_digits = format!("{number:.1E}");
    if two_digits.parse() == Ok(number) {
        return two_digits;
    }
    format!("{number:E}")
}

fn resolve_word(plain: &str) -> Option<Value> {
    Some(match plain {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".inf" | ".Inf" | ".INF" => Value::Float(".inf".to_owned()),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float("-.inf".to_owned()),
        ".nan" | ".NaN" | ".NAN" => Value::Float(".nan".to_owned()),
        _ => return None,
    })
}

/// The decimal text of an integer of any size: `[-+]?[0-9]+`, `0o[0-7]+` or `0x[0-9a-fA-F]+`.
fn integer(plain: &str) -> Option<String> {
    if let Some(digits) = plain.strip_prefix("0x") {
        return decimal(digits, 16);
    }
    if let Some(digits) = plain.strip_prefix("0o") {
        return decimal(digits, 8);
    }
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(plain)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some("0".to_owned()),
        digits => Some(format!("{sign}{digits}")),
    }
}

/// `digits` of base `radix` in decimal, by long multiplication, as YAML integers have no limit.
fn decimal(digits: &str, radix: u32) -> Option<String> {
    if digits.is_empty() {
        return None;
    }
    // Lowest digit first.
    let mut number = vec![0];
    for digit in digits.chars() {
        let mut carry = digit.to_digit(radix)?;
        for place in &mut number {
            let sum = *place * radix + carry;
            *place = sum % 10;
            carry = sum / 10;
        }
        while carry > 0 {
            number.push(carry % 10);
            carry /= 10;
        }
    }
    Some(number.iter().rev().filter_map(|digit| char::from_digit(*digit, 10)).collect())
}

/// `[-+]? ( \.[0-9]+ | [0-9]+(\.[0-9]*)? ) ([eE][-+]?[0-9]+)?`, printed as Java prints a double.
fn float(plain: &str) -> Option<String> {
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if exponent.is_some_and(|exponent| exponent.is_empty() || !digits(exponent)) {
        return None;
    }
    plain.parse().ok().map(java_double)
}

/// Whether `text` can stand without quotes, even inside a list.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let blank = |c: Option<char>| c.is_none_or(|c| c == ' ');
    let second = text.chars().nth(1);
    let surrounded = text.starts_with(' ') || text.ends_with(' ');
    let document_mark = text.starts_with("---") || text.starts_with("...");
    let leading_indicator = "#,[]{}&*!|>'\"%@`?:".contains(first) || (first == '-' && blank(second));
    let inner_indicator = text.chars().skip(1).any(|c| ",?[]{}:".contains(c)) || text.contains(" #");
    !(surrounded || document_mark || leading_indicator || inner_indicator)
        && matches!(resolve(text), Ok(Value::Text(_)))
}

const NAMED_ESCAPES: [(char, char); 12] = [
    ('\0', '0'),
    ('\u{7}', 'a'),
    ('\u{8}', 'b'),
    ('\t', 't'),
    ('\n', 'n'),
    ('\u{b}', 'v'),
    ('\u{c}', 'f'),
    ('\r', 'r'),
    ('\u{1b}', 'e'),
    ('\u{85}', 'N'),
    ('\u{2028}', 'L'),
    ('\u{2029}', 'P'),
];

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    out.push('"');
    for c in text.chars() {
        if let Some((_, name)) = NAMED_ESCAPES.iter().find(|(named, _)| *named == c) {
            out.extend(['\\', *name]);
            continue;
        }
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if !needs_escape(c) => out.push(c),
            c if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Control characters, line breaks of any kind and the byte order mark.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(plain: &str) -> String {
        match resolve(plain).unwrap() {
            Value::Int(text) | Value::Float(text) | Value::Text(text) => text,
            other => format!("{other:?}"),
        }
    }

    /// What Flink 1.20.5 and 2.3.0 answered on JDK 17, where that is not JDK-4511638.
    #[test]
    fn numbers_are_normalised_as_flink_does() {
        for (plain, expected) in [
            ("010", "10"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1_000", "1_000"),
            ("+5", "5"),
            ("-0", "0"),
            ("-07", "-7"),
            ("00", "0"),
            ("0XFF", "0XFF"),
            ("0b11", "0b11"),
            ("+0x1F", "+0x1F"),
            ("0o18", "0o18"),
            ("0o", "0o"),
            ("0x", "0x"),
            ("9223372036854775808", "9223372036854775808"),
            ("0xFFFFFFFFFFFFFFFFFF", "4722366482869645213695"),
            ("-00000000000000000000000000000001", "-1"),
            ("1.50", "1.5"),
            ("1e3", "1000.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("+.5", "0.5"),
            ("1E-5", "1.0E-5"),
            ("123456789.0", "1.23456789E8"),
            ("1e7", "1.0E7"),
            ("9999999.0", "9999999.0"),
            ("0.001", "0.001"),
            ("0.0001", "1.0E-4"),
            ("1e400", ".inf"),
            ("-1e400", "-.inf"),
            ("-0.0", "-0.0"),
            ("1e", "1e"),
            (".e1", ".e1"),
            (".", "."),
            ("1.2.3", "1.2.3"),
            ("1.7976931348623157e308", "1.7976931348623157E308"),
            ("2.2250738585072014e-308", "2.2250738585072014E-308"),
            ("5e-324", "4.9E-324"),
            ("9007199254740993.0", "9.007199254740992E15"),
            ("1e21", "1.0E21"),
            ("01.5", "1.5"),
            ("012e1", "120.0"),
            (".NaN", ".nan"),
            ("-.INF", "-.inf"),
            (".iNf", ".iNf"),
            ("+.nan", "+.nan"),
            ("True", "Bool(true)"),
            ("tRUE", "tRUE"),
            ("yes", "yes"),
            ("2024-01-01", "2024-01-01"),
            ("10m", "10m"),
            ("10 s", "10 s"),
            ("Null", "Null"),
            ("nULL", "nULL"),
        ] {
            assert_eq!(text_of(plain), expected, "{plain}");
        }
        assert!(resolve("+.inf").is_err());
    }

    /// Items of a list as Flink 1.20.5 and 2.3.0 print them.
    #[test]
    fn text_is_quoted_where_flink_quotes_it() {
        for (text, expected) in [
            ("a;b", "a;b"),
            ("c,d", "'c,d'"),
            (" e ", "' e '"),
            ("", "''"),
            ("1", "'1'"),
            ("true", "'true'"),
            ("null", "'null'"),
            ("1.5", "'1.5'"),
            ("x: y", "'x: y'"),
            ("x #y", "'x #y'"),
            ("#z", "'#z'"),
            ("-", "'-'"),
            ("- a", "'- a'"),
            ("-x", "-x"),
            ("--", "--"),
            ("?x", "'?x'"),
            (":x", "':x'"),
            ("a?b", "'a?b'"),
            ("a:b", "'a:b'"),
            ("a-b", "a-b"),
            ("a'b", "a'b"),
            ("a\"b", "a\"b"),
            ("it's: x", "'it''s: x'"),
            ("'", "''''"),
            ("[x]", "'[x]'"),
            ("&a", "'&a'"),
            ("a&b", "a&b"),
            ("%d", "'%d'"),
            ("a%", "a%"),
            ("a#b", "a#b"),
            ("a# b", "a# b"),
            ("---x", "'---x'"),
            ("...", "'...'"),
            (".. .", ".. ."),
            ("a\nb", "\"a\\nb\""),
            ("a\tb", "\"a\\tb\""),
            ("\u{1}", "\"\\x01\""),
            ("é", "é"),
            ("😀", "😀"),
            ("0x10", "'0x10'"),
            ("-0x1", "-0x1"),
            ("1_000", "1_000"),
            ("yes", "yes"),
            ("2024-01-01", "2024-01-01"),
            ("=", "="),
            ("<<", "<<"),
            ("a\\b", "a\\b"),
            ("+.inf", "'+.inf'"),
            ("12e03", "'12e03'"),
        ] {
            assert_eq!(render_text(text), expected, "{text:?}");
        }
    }
}
