//! The grammar of `flink-conf.yaml`, which is not YAML: one `key: value` a line, everything from the first
//! `#` on is a comment, and a line that does not fit is skipped, as Flink skips it.

use super::entry::{Entry, Remark};

/// What stands between a key and its value; a colon without the space separates nothing.
const SEPARATOR: &str = ": ";

/// The entries of `text` in order, and the lines that were skipped with the reason. A key that stands there
/// twice is returned twice; the later one wins.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<Remark>) {
    let mut entries = Vec::new();
    let mut skipped = Vec::new();
    for (number, line) in lines(text).enumerate() {
        match parse_line(line) {
            Ok(Some((key, value))) => {
                entries.push(Entry { key: key.to_owned(), value: value.to_owned(), line: number + 1 });
            }
            Ok(None) => {}
            Err(reason) => skipped.push(Remark { line: number + 1, text: reason.to_owned() }),
        }
    }
    (entries, skipped)
}

/// Why `key: value` cannot be written in this grammar so that Flink reads the same back.
pub fn inexpressible(key: &str, value: &str) -> Option<&'static str> {
    let both = || [key, value].into_iter();
    if both().any(|text| text.contains('#')) {
        return Some("a `#` starts a comment there and cannot be quoted");
    }
    if both().any(|text| text.contains(['\n', '\r'])) {
        return Some("a line break cannot be written there");
    }
    if both().any(str::is_empty) {
        return Some("an empty key or value cannot be written there");
    }
    if both().any(|text| trim(text) != text) {
        return Some("white space at the start or the end is cut off there");
    }
    if key.starts_with('\u{feff}') {
        return Some("a byte order mark at the start is taken for the file's there");
    }
    if key.contains(SEPARATOR) || key.ends_with(':') {
        return Some("a colon in a key separates it from the value there");
    }
    None
}

pub fn write_entry(out: &mut String, key: &str, value: &str) {
    out.extend([key, SEPARATOR, value, "\n"]);
}

fn parse_line(line: &str) -> Result<Option<(&str, &str)>, &'static str> {
    let content = trim(line.split_once('#').map_or(line, |(before, _)| before));
    if content.is_empty() {
        return Ok(None);
    }
    let Some((key, value)) = content.split_once(SEPARATOR) else {
        return Err("skipped, as there is no `key: value` (a colon and a space)");
    };
    match (trim(key), trim(value)) {
        ("", _) => Err("skipped, as the key is empty"),
        (_, "") => Err("skipped, as the value is empty"),
        (key, value) => Ok(Some((key, value))),
    }
}

/// Java's `String.trim`: everything up to the space goes, other Unicode white space stays.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// Java's `BufferedReader.readLine`: a line ends at `\n`, `\r` or both together.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(end) = text.find(['\n', '\r']) else {
            return Some(text);
        };
        let break_length = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + break_length..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `key=value` a line, then the skipped lines as `!line`.
    fn read(text: &str) -> String {
        let (entries, skipped) = parse(text);
        let entries = entries.iter().map(|entry| format!("{}={}", entry.key, entry.value));
        entries.chain(skipped.iter().map(|remark| format!("!{}", remark.line))).collect::<Vec<_>>().join("\n")
    }

    /// The right side is what `GlobalConfiguration` of Flink 1.17.2 and 1.20.5 answered.
    #[test]
    fn reads_what_flink_reads() {
        for (text, expected) in [
            ("a: v#x", "a=v"),
            ("# c\n", ""),
            ("  q: v", "q=v"),
            ("k:v", "!1"),
            ("k:", "!1"),
            ("k: ", "!1"),
            ("k:\tv", "!1"),
            ("k=v", "!1"),
            ("---", "!1"),
            ("- x", "!1"),
            (": x", "!1"),
            ("  : y", "!1"),
            (" x: # only", "!1"),
            ("hash: #z", "!1"),
            ("url: http://h:80/p", "url=http://h:80/p"),
            ("abc: a: b: c", "abc=a: b: c"),
            ("c : v", "c=v"),
            ("quoted: \"x\"", "quoted=\"x\""),
            ("num: 010", "num=010"),
            ("f: 1.50", "f=1.50"),
            ("null: null", "null=null"),
            ("t: \tx\t", "t=x"),
            ("sp: a  b", "sp=a  b"),
            ("l: [a, b]", "l=[a, b]"),
            ("a: 1\r\nb: x\r\n", "a=1\nb=x"),
            ("a: 1\rb: 2\r", "a=1\nb=2"),
            ("a: \u{a0}x\u{a0}", "a=\u{a0}x\u{a0}"),
            ("a: \u{1}x\u{1}", "a=x"),
            ("\u{feff}a: 1", "\u{feff}a=1"),
            ("a: x\u{2028}b: y", "a=x\u{2028}b: y"),
            ("a: x\u{85}b: y", "a=x\u{85}b: y"),
            ("a: \u{c}x\u{c}", "a=x"),
            ("a: \0x", "a=x"),
            ("", ""),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn counts_lines_and_keeps_duplicates_in_order() {
        let (entries, skipped) = parse("a: 1\n\n# c\na: 2\r\nbroken\n");
        assert_eq!(
            entries.iter().map(|entry| (entry.line, &*entry.value)).collect::<Vec<_>>(),
            [(1, "1"), (4, "2")]
        );
        assert_eq!(skipped.iter().map(|remark| remark.line).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn knows_what_it_cannot_express() {
        for (key, value) in
            [("a", "x#y"), ("a#b", "x"), ("a", "x\ny"), ("a", ""), ("a", " x"), ("a: b", "x"), ("a:", "x")]
        {
            assert!(inexpressible(key, value).is_some(), "{key:?}: {value:?}");
        }
        for (key, value) in [("a", "x: y"), ("a:b", "x"), ("a b", "\"x\""), ("a", "\u{a0}x")] {
            assert_eq!(inexpressible(key, value), None, "{key:?}: {value:?}");
        }
    }
}
