//! `FLINK_PROPERTIES`: one `key: value` a line, as the official image takes it, without its losses: white
//! space inside a value, `*` and a `$` that names nothing stay as they are. What is written over several lines is read as YAML.

use super::entry::{Entry, Remark};
use super::yaml;

/// The entries of `text` in order, and what was skipped or left as it is. `variable` answers what `${NAME}`
/// stands for; an unknown name stays in the value.
///
/// The key ends at the first colon, with or without a space behind it. A `#` starts a comment at the start
/// of a line, or after white space outside of quotes. Quotes belong to the value.
pub fn parse<'a>(text: &str, variable: impl Fn(&str) -> Option<&'a str>) -> (Vec<Entry>, Vec<Remark>) {
    let mut reader = Reader { variable, entries: Vec::new(), remarks: Vec::new() };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<_> = text.lines().collect();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        let length = block_length(&lines[next..]);
        match length {
            1 => reader.line(line, next + 1),
            _ => reader.block(&lines[next..next + length], next + 1),
        }
        next += length;
    }
    (reader.entries, reader.remarks)
}

struct Reader<F> {
    variable: F,
    entries: Vec<Entry>,
    remarks: Vec<Remark>,
}

impl<'a, F: Fn(&str) -> Option<&'a str>> Reader<F> {
    fn line(&mut self, line: &str, number: usize) {
        let content = without_comment(line).trim();
        if content.is_empty() {
            return;
        }
        if content == "-" || content.starts_with("- ") {
            self.remark(number, "skipped, as it is an item of a list without a key above it");
            return;
        }
        let Some((key, value)) = content.split_once(':') else {
            self.remark(number, "skipped, as there is no `key: value`");
            return;
        };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            self.remark(number, "skipped, as the key is empty");
        } else if value.is_empty() {
            self.remark(number, format!("skipped, as `{key}` has no value"));
        } else if is_block_header(value) {
            self.remark(number, format!("skipped, as no text stands below `{key}: {value}`"));
        } else {
            self.entry(key.to_owned(), value, number);
        }
    }

    /// A key, and what belongs to it on the lines that follow.
    fn block(&mut self, lines: &[&str], number: usize) {
        let indent = indent(lines[0]);
        let dedented = lines.iter().map(|line| line.get(indent..).unwrap_or_default());
        let text: String = dedented.flat_map(|line| [line, "\n"]).collect();
        match yaml::parse(&text) {
            Ok(entries) => {
                let keys: Vec<_> = entries.iter().map(|entry| format!("`{}`", entry.key)).collect();
                let what = format!("{} read as YAML, as the value is not on the key's line", keys.join(", "));
                self.remark(number, what);
                for entry in entries {
                    self.entry(entry.key, &entry.value, number + entry.line - 1);
                }
            }
            Err(remark) => {
                let last = number + lines.len() - 1;
                let why = format!(
                    "skipped up to line {last}, as a value of several lines must be YAML: {}",
                    remark.text
                );
                self.remark(number + remark.line - 1, why);
            }
        }
    }

    fn entry(&mut self, key: String, value: &str, line: usize) {
        let (value, unknown) = substitute(value, &self.variable);
        for name in unknown {
            self.remark(
                line,
                format!("`${{{name}}}` in `{key}` is not replaced, as there is no such variable"),
            );
        }
        self.entries.push(Entry { key, value, line });
    }

    fn remark(&mut self, line: usize, text: impl Into<String>) {
        self.remarks.push(Remark { line, text: text.into() });
    }
}

/// How many of the lines belong to the first one: more than one where its value stands below it.
fn block_length(lines: &[&str]) -> usize {
    let first = without_comment(lines[0]).trim_end();
    let value = first.split_once(':').map(|(key, value)| (key.trim(), value.trim()));
    let is_open = match value {
        Some((key, "")) => !key.is_empty() && !key.starts_with("- "),
        Some((_, value)) => is_block_header(value),
        None => false,
    };
    if !is_open {
        return 1;
    }
    let own = indent(lines[0]);
    let is_item = |line: &str| line.trim_start() == "-" || line.trim_start().starts_with("- ");
    let belongs = |line: &&&str| {
        let blank = line.trim().is_empty();
        blank || indent(line) > own || (indent(line) == own && is_item(line))
    };
    let following: Vec<_> = lines[1..].iter().take_while(belongs).collect();
    // Empty lines at the end belong to nobody.
    1 + following.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1)
}

/// `|`, `>-` and the like.
fn is_block_header(value: &str) -> bool {
    let rest = value.strip_prefix(['|', '>']);
    rest.is_some_and(|rest| rest.len() <= 2 && rest.chars().all(|c| matches!(c, '+' | '-' | '1'..='9')))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        match quote {
            None if c == '#' && before.is_whitespace() => return &line[..index],
            // A quote inside of a word (`it's`) opens nothing.
            None if matches!(c, '"' | '\'') && !before.is_alphanumeric() => quote = Some(c),
            Some(open) if c == open => quote = None,
            None | Some(_) => {}
        }
        before = c;
    }
    line
}

/// `value` with each known `${NAME}` replaced, once, and the unknown names.
fn substitute<'a>(value: &str, variable: &impl Fn(&str) -> Option<&'a str>) -> (String, Vec<String>) {
    let mut out = String::with_capacity(value.len());
    let mut unknown = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        out.push_str(before);
        let name = reference[2..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        let length = name.map_or(2, |name| name.len() + 3);
        match name.and_then(variable) {
            Some(text) => out.push_str(text),
            None => {
                unknown.extend(name.map(str::to_owned));
                out.push_str(&reference[..length]);
            }
        }
        rest = &reference[length..];
    }
    out.push_str(rest);
    (out, unknown)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line key=value` for each entry, then `line! reason`.
    fn read(text: &str) -> String {
        let variable = |name: &str| match name {
            "NAME" => Some("Ann"),
            "EMPTY" => Some(""),
            "NESTED" => Some("${NAME}"),
            _ => None,
        };
        let (entries, remarks) = parse(text, variable);
        let entries = entries.iter().map(|entry| format!("{} {}={}", entry.line, entry.key, entry.value));
        let remarks = remarks.iter().map(|remark| format!("{}! {}", remark.line, remark.text));
        entries.chain(remarks).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_keep_everything_inside() {
        for (text, expected) in [
            ("a: 1", "1 a=1"),
            ("\n   a: 1\n   b:2\n", "2 a=1\n3 b=2"),
            ("a: -Da=1  -Db=\"x  y\"", "1 a=-Da=1  -Db=\"x  y\""),
            ("a: hdfs://h:80/p", "1 a=hdfs://h:80/p"),
            ("a: \"x # y\" # z", "1 a=\"x # y\""),
            ("a: it's # z", "1 a=it's"),
            ("a: v#x", "1 a=v#x"),
            ("# a: 1\n  # b: 2", ""),
            ("a: *", "1 a=*"),
            ("a: [x, y]", "1 a=[x, y]"),
            ("a: 1\na: 2", "1 a=1\n2 a=2"),
            ("a: 1\r\nb: 2\r\n", "1 a=1\n2 b=2"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn variables_in_braces_are_replaced_once() {
        for (text, expected) in [
            ("a: ${NAME}", "1 a=Ann"),
            ("a: x${NAME}y${EMPTY}z", "1 a=xAnnyz"),
            ("a: ${NESTED}", "1 a=${NAME}"),
            ("a: $NAME $ $$ ${ ${} ${1} ${a b}", "1 a=$NAME $ $$ ${ ${} ${1} ${a b}"),
            (
                "a: ${NOBODY} ${NAME}",
                "1 a=${NOBODY} Ann\n1! `${NOBODY}` in `a` is not replaced, as there is no such variable",
            ),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_do_not_fit_are_told() {
        for (text, expected) in [
            ("hello", "1! skipped, as there is no `key: value`"),
            (": x", "1! skipped, as the key is empty"),
            ("a:", "1! skipped, as `a` has no value"),
            ("a: 1\n- x: y", "1 a=1\n2! skipped, as it is an item of a list without a key above it"),
            ("a: >-\nb: 1", "2 b=1\n1! skipped, as no text stands below `a: >-`"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_takes_several_lines_is_yaml() {
        let told = |keys: &str| format!("1! {keys} read as YAML, as the value is not on the key's line");
        for (text, entries, keys) in [
            ("a:\n  b: 1\n  c: {d: 2}", "2 a.b=1\n3 a.c.d=2", "`a.b`, `a.c.d`"),
            (
                "p.jars:\n  - file:///a.jar\n  - file: ///b.jar\nx: 1",
                "2 p.jars=['file:///a.jar', {file: ///b.jar}]\n4 x=1",
                "`p.jars`",
            ),
            ("  a:\n  - x\n  - ${NAME}\n\n  b: 1", "2 a=[x, 'Ann']\n5 b=1", "`a`"),
            ("a: >-\n  -Da=1\n  -Db=${NAME}", "1 a=-Da=1 -Db=Ann", "`a`"),
            ("a: |\n  x\n   y\nb: 2", "1 a=x\n y\n\n4 b=2", "`a`"),
        ] {
            assert_eq!(read(text), format!("{entries}\n{}", told(keys)), "{text:?}");
        }
        assert_eq!(
            read("a:\n  b: 1\n  b: 2\nc: 3"),
            "4 c=3\n3! skipped up to line 3, as a value of several lines must be YAML: the key `b` is twice in one map"
        );
    }
}
