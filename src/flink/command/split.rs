//! Splitting a text of java options into arguments, the way a shell would if it executed nothing.

use std::iter::Peekable;
use std::str::Chars;

/// A quote that was opened and not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) arguments: Vec<String>,
    /// Variables that nobody knows, as they stand there.
    pub(super) unknown: Vec<String>,
}

/// Splits at blanks; quotes keep blanks, `$NAME` and `${NAME}` are replaced outside of single quotes, a backslash takes the next
/// character as it is. Nothing is executed and no file name is expanded.
///
/// A variable that is not known stays as it is; a word that is nothing else is left out, as java would take it for its main class.
///
/// Flink's own scripts drop quotes around the whole text, so that it is split all the same.
pub(super) fn split(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Split, OpenQuote> {
    let mut splitter = Splitter { split: Split::default(), current: None, is_unknown: false };
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
                Some(reference) => match variable(&reference.name) {
                    Some(value) => value.chars().for_each(|c| splitter.unquoted(c)),
                    None => splitter.unknown(reference.text),
                },
                None => splitter.current().push('$'),
            },
            _ => splitter.unquoted(c),
        }
    }
    splitter.end();
    Ok(splitter.split)
}

struct Splitter {
    split: Split,
    current: Option<String>,
    /// What stands in `current` is a variable that is not known, and nothing else.
    is_unknown: bool,
}

impl Splitter {
    fn current(&mut self) -> &mut String {
        self.is_unknown = false;
        self.current.get_or_insert_default()
    }

    fn unquoted(&mut self, c: char) {
        if c.is_whitespace() { self.end() } else { self.current().push(c) }
    }

    fn unknown(&mut self, text: String) {
        let is_alone = self.current.is_none();
        self.current().push_str(&text);
        self.is_unknown = is_alone;
        self.split.unknown.push(text);
    }

    fn end(&mut self) {
        let word = self.current.take();
        if !std::mem::take(&mut self.is_unknown) {
            self.split.arguments.extend(word);
        }
    }

    fn double_quoted(
        &mut self,
        chars: &mut Peekable<Chars<'_>>,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), OpenQuote> {
        let mut text = String::new();
        loop {
            match chars.next().ok_or(OpenQuote)? {
                '"' => break,
                '\\' => match chars.next().ok_or(OpenQuote)? {
                    c @ ('"' | '\\' | '$' | '`') => text.push(c),
                    c => text.extend(['\\', c]),
                },
                '$' => match reference(chars) {
                    Some(reference) => match variable(&reference.name) {
                        Some(value) => text.push_str(&value),
                        None => {
                            text.push_str(&reference.text);
                            self.split.unknown.push(reference.text);
                        }
                    },
                    None => text.push('$'),
                },
                c => text.push(c),
            }
        }
        self.current().push_str(&text);
        Ok(())
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

struct Reference {
    name: String,
    /// As it stands there.
    text: String,
}

/// What stands behind a `$`, if it is a name: `NAME` or `{NAME}`.
fn reference(chars: &mut Peekable<Chars<'_>>) -> Option<Reference> {
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
    let text = if braced { format!("${{{name}}}") } else { format!("${name}") };
    Some(Reference { name, text })
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
            ("-Dh=$HOME/x -Dh=${HOME}x -Du=$UNSET.", vec!["-Dh=/home/me/x", "-Dh=/home/mex", "-Du=$UNSET."]),
            ("-Dq='$HOME' -Dq=\\$HOME -Dq=\"$HOME y\"", vec!["-Dq=$HOME", "-Dq=$HOME", "-Dq=/home/me y"]),
            ("$MORE -Dz", vec!["-Xa", "-Xb", "-Dz"]),
            ("$UNSET -Dz", vec!["-Dz"]),
            ("-Da=$EMPTY $EMPTY -Dz", vec!["-Da=", "-Dz"]),
            ("${UNSET}x -Db=\"$UNSET ${UNSET}\"", vec!["${UNSET}x", "-Db=$UNSET ${UNSET}"]),
            ("\"$UNSET\" '$UNSET'", vec!["$UNSET", "$UNSET"]),
            ("-Dc=$(id) -Db=`id` -D*=$1 $", vec!["-Dc=$(id)", "-Db=`id`", "-D*=$1", "$"]),
            ("-Dn=${HOME", vec!["-Dn=${HOME"]),
            ("-De=\"\" ''", vec!["-De=", ""]),
            ("-Db=\"a\\\"b\\c\"", vec!["-Db=a\"b\\c"]),
        ] {
            assert_eq!(split(text, variable).unwrap().arguments, expected, "{text}");
        }
        assert_eq!(split("$A -Db=${B}", variable).unwrap().unknown, ["$A", "${B}"]);
        assert_eq!(split("-Da='x", variable), Err(OpenQuote));
        assert_eq!(split("-Da=\"x", variable), Err(OpenQuote));
    }

    fn variable(name: &str) -> Option<String> {
        let value = match name {
            "HOME" => "/home/me",
            "MORE" => "-Xa -Xb",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }
}
