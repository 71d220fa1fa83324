//! Splitting a text of java options into arguments, the way a shell would if it executed nothing.

use std::iter::Peekable;
use std::str::Chars;

/// A quote that was opened and not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// Splits at blanks; quotes keep blanks, `$NAME` and `${NAME}` are replaced outside of single quotes, a backslash takes the next
/// character as it is. Nothing is executed and no file name is expanded.
///
/// Flink's own scripts drop quotes around the whole text, so that it is split all the same.
pub(super) fn split<'a>(
    text: &str,
    variable: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<String>, OpenQuote> {
    let mut splitter = Splitter { arguments: vec![], current: None };
    let mut chars = without_outer_quotes(text.trim()).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let quoted = until(&mut chars, '\'')?;
                splitter.current().push_str(&quoted);
            }
            '"' => splitter.double_quoted(&mut chars, &variable)?,
            '\\' => splitter.current().extend(chars.next()),
            '$' => match reference(&mut chars) {
                Some(name) => variable(&name).unwrap_or_default().chars().for_each(|c| splitter.unquoted(c)),
                None => splitter.current().push('$'),
            },
            _ => splitter.unquoted(c),
        }
    }
    splitter.end();
    Ok(splitter.arguments)
}

struct Splitter {
    arguments: Vec<String>,
    current: Option<String>,
}

impl Splitter {
    fn current(&mut self) -> &mut String {
        self.current.get_or_insert_default()
    }

    fn unquoted(&mut self, c: char) {
        if c.is_whitespace() { self.end() } else { self.current().push(c) }
    }

    fn end(&mut self) {
        self.arguments.extend(self.current.take());
    }

    fn double_quoted<'a>(
        &mut self,
        chars: &mut Peekable<Chars<'_>>,
        variable: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), OpenQuote> {
        let current = self.current();
        loop {
            match chars.next().ok_or(OpenQuote)? {
                '"' => return Ok(()),
                '\\' => match chars.next().ok_or(OpenQuote)? {
                    c @ ('"' | '\\' | '$' | '`') => current.push(c),
                    c => current.extend(['\\', c]),
                },
                '$' => match reference(chars) {
                    Some(name) => current.push_str(variable(&name).unwrap_or_default()),
                    None => current.push('$'),
                },
                c => current.push(c),
            }
        }
    }
}

fn until(chars: &mut Peekable<Chars<'_>>, end: char) -> Result<String, OpenQuote> {
    let mut text = String::new();
    loop {
        match chars.next().ok_or(OpenQuote)? {
            c if c == end => return Ok(text),
            c => text.push(c),
        }
    }
}

/// The name behind a `$`, if one is there: `NAME` or `{NAME}`.
fn reference(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut ahead = chars.clone();
    let braced = ahead.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(c) = ahead.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    let closed = !braced || ahead.next_if_eq(&'}').is_some();
    if !closed || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    *chars = ahead;
    Some(name)
}

fn without_outer_quotes(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_a_shell_that_executes_nothing() {
        for (text, expected) in [
            ("", vec![]),
            ("  -Da=1   -Db=2 ", vec!["-Da=1", "-Db=2"]),
            ("\"-Da=1 -Db=2\"", vec!["-Da=1", "-Db=2"]),
            ("\"-Da=1\" \"-Db=2 3\"", vec!["-Da=1", "-Db=2 3"]),
            ("-Dx=\"a b\" -Dy='c d'", vec!["-Dx=a b", "-Dy=c d"]),
            ("-Dh=$HOME/x -Dh=${HOME}x -Du=$UNSET.", vec!["-Dh=/home/me/x", "-Dh=/home/mex", "-Du=."]),
            ("-Dq='$HOME' -Dq=\\$HOME -Dq=\"$HOME y\"", vec!["-Dq=$HOME", "-Dq=$HOME", "-Dq=/home/me y"]),
            ("$MORE -Dz", vec!["-Xa", "-Xb", "-Dz"]),
            ("$UNSET -Dz", vec!["-Dz"]),
            ("-Dc=$(id) -Db=`id` -D*=$1 $", vec!["-Dc=$(id)", "-Db=`id`", "-D*=$1", "$"]),
            ("-Dn=${HOME", vec!["-Dn=${HOME"]),
            ("-De=\"\" ''", vec!["-De=", ""]),
            ("-Db=\"a\\\"b\\c\"", vec!["-Db=a\"b\\c"]),
        ] {
            assert_eq!(split(text, variable).unwrap(), expected, "{text}");
        }
        assert_eq!(split("-Da='x", variable), Err(OpenQuote));
        assert_eq!(split("-Da=\"x", variable), Err(OpenQuote));
    }

    fn variable(name: &str) -> Option<&'static str> {
        match name {
            "HOME" => Some("/home/me"),
            "MORE" => Some("-Xa -Xb"),
            _ => None,
        }
    }
}
