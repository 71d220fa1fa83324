//! `FLINK_PROPERTIES`: one `key: value` a line, as the official image takes it, without its losses: white
//! space inside a value, `*` and a `$` that names nothing stay as they are.

use super::entry::{Entry, Remark};

/// The entries of `text` in order, and what was skipped or left as it is. `variable` answers what `${NAME}`
/// stands for; an unknown name stays in the value.
///
/// The key ends at the first colon, with or without a space behind it. A `#` starts a comment at the start
/// of a line, or after white space outside of quotes. Quotes belong to the value.
pub fn parse<'a>(text: &str, variable: impl Fn(&str) -> Option<&'a str>) -> (Vec<Entry>, Vec<Remark>) {
    let mut entries = Vec::new();
    let mut remarks = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let mut remark = |text: String| remarks.push(Remark { line, text });
        let content = without_comment(content).trim();
        if content.is_empty() {
            continue;
        }
        let Some((key, value)) = content.split_once(':') else {
            remark("skipped, as there is no `key: value`".to_owned());
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            remark("skipped, as the key is empty".to_owned());
        } else if value.is_empty() {
            remark(format!("skipped, as `{key}` has no value on its line; keys are not nested here"));
        } else {
            let (value, unknown) = substitute(value, &variable);
            for name in unknown {
                remark(format!("`${{{name}}}` in `{key}` stays as it is, as there is no such variable"));
            }
            entries.push(Entry { key: key.to_owned(), value, line });
        }
    }
    (entries, remarks)
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
                "1 a=${NOBODY} Ann\n1! `${NOBODY}` in `a` stays as it is, as there is no such variable",
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
            ("a:\n  b: 1", "2 b=1\n1! skipped, as `a` has no value on its line; keys are not nested here"),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
