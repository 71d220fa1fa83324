//! Plain and quoted scalars.

use super::super::super::entry::Remark;
use super::super::cursor::{END, is_blank_or_end};
use super::Scanner;

/// A character behind a backslash, and what both stand for.
const ESCAPES: [(char, char); 17] = [
    ('0', '\0'),
    ('a', '\u{7}'),
    ('b', '\u{8}'),
    ('t', '\t'),
    ('n', '\n'),
    ('v', '\u{b}'),
    ('f', '\u{c}'),
    ('r', '\r'),
    ('e', '\u{1b}'),
    (' ', ' '),
    ('"', '"'),
    ('/', '/'),
    ('\\', '\\'),
    ('N', '\u{85}'),
    ('_', '\u{a0}'),
    ('L', '\u{2028}'),
    ('P', '\u{2029}'),
];

impl Scanner {
    pub(super) fn plain(&mut self) -> String {
        let least = self.indent + 1;
        let mut text = String::new();
        let mut spaces = String::new();
        while self.cursor.peek() != '#' {
            let length = self.plain_length();
            if length == 0 {
                break;
            }
            self.simple_key_allowed = false;
            text.push_str(&spaces);
            let end = self.cursor.index + length;
            while self.cursor.index < end {
                text.push(self.cursor.peek());
                self.cursor.index += 1;
                self.cursor.column += 1;
            }
            spaces = self.plain_spaces();
            let ends = !self.in_flow() && self.column() < least;
            if spaces.is_empty() || ends {
                break;
            }
        }
        text
    }

    /// Up to a blank, or to what means something.
    fn plain_length(&self) -> usize {
        let ends = |distance: usize| {
            let (c, next) = (self.cursor.ahead(distance), self.cursor.ahead(distance + 1));
            let is_flow = |c: char| self.in_flow() && ",[]{}".contains(c);
            is_blank_or_end(c) || is_flow(c) || (c == ':' && (is_blank_or_end(next) || is_flow(next)))
        };
        (0..).find(|distance| ends(*distance)).unwrap_or_default()
    }

    /// What the blanks here stand for; nothing when the scalar ends.
    fn plain_spaces(&mut self) -> String {
        let blanks = self.cursor.take_while(|c| matches!(c, ' ' | '\t'));
        if !self.cursor.line_break() {
            return blanks;
        }
        self.simple_key_allowed = true;
        let mut breaks = String::new();
        loop {
            // With the three dashes Flink's reader looks at nothing behind.
            if (0..3).all(|distance| self.cursor.ahead(distance) == '-') || self.cursor.document_mark('.') {
                return String::new();
            }
            self.cursor.skip_spaces();
            if !self.cursor.line_break() {
                break;
            }
            breaks.push('\n');
        }
        if breaks.is_empty() { " ".to_owned() } else { breaks }
    }

    pub(super) fn quoted(&mut self, quote: char) -> Result<String, Remark> {
        let begin = self.cursor.line + 1;
        self.cursor.forward(1);
        // In Java's code units: two escapes can be the halves of one character.
        let mut units = Vec::new();
        loop {
            match self.cursor.peek() {
                '\'' if quote == '\'' && self.cursor.ahead(1) == '\'' => {
                    push(&mut units, '\'');
                    self.cursor.forward(2);
                }
                c if c == quote => break,
                '\\' if quote == '"' => self.escape(&mut units)?,
                END => return Err(Remark { line: begin, text: "a quote is not closed".to_owned() }),
                c if is_blank_or_end(c) => self.quoted_spaces(&mut units)?,
                c => {
                    push(&mut units, c);
                    self.cursor.forward(1);
                }
            }
        }
        self.cursor.forward(1);
        let half =
            |_| Remark { line: begin, text: "half of a character (`\\uD800` to `\\uDFFF`)".to_owned() };
        String::from_utf16(&units).map_err(half)
    }

    fn quoted_spaces(&mut self, units: &mut Vec<u16>) -> Result<(), Remark> {
        let blanks = self.cursor.take_while(|c| matches!(c, ' ' | '\t'));
        if self.cursor.line_break() {
            let breaks = self.quoted_breaks()?;
            if breaks == 0 {
                push(units, ' ');
            }
            (0..breaks).for_each(|_| push(units, '\n'));
        } else {
            blanks.chars().for_each(|c| push(units, c));
        }
        Ok(())
    }

    /// The number of empty lines that follow a line break.
    fn quoted_breaks(&mut self) -> Result<usize, Remark> {
        let mut breaks = 0;
        loop {
            if self.cursor.document_mark('-') || self.cursor.document_mark('.') {
                return Err(self.error("a document mark (`---` or `...`) within quotes"));
            }
            self.cursor.take_while(|c| matches!(c, ' ' | '\t'));
            if !self.cursor.line_break() {
                return Ok(breaks);
            }
            breaks += 1;
        }
    }

    fn escape(&mut self, units: &mut Vec<u16>) -> Result<(), Remark> {
        self.cursor.forward(1);
        let c = self.cursor.peek();
        if let Some((_, meaning)) = ESCAPES.iter().find(|(name, _)| *name == c) {
            push(units, *meaning);
            self.cursor.forward(1);
            return Ok(());
        }
        let length = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if self.cursor.line_break() => {
                (0..self.quoted_breaks()?).for_each(|_| push(units, '\n'));
                return Ok(());
            }
            _ => return Err(self.error(format!("the escape `\\{c}` is not known"))),
        };
        self.cursor.forward(1);
        let digits: String = (0..length).map(|distance| self.cursor.ahead(distance)).collect();
        let code = Some(&digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (code.map(u16::try_from), code.and_then(char::from_u32)) {
            (Some(Ok(unit)), _) => units.push(unit),
            (_, Some(character)) => push(units, character),
            (_, None) => return Err(self.error(format!("`\\{c}` and what follows it is no character"))),
        }
        self.cursor.forward(length);
        Ok(())
    }
}

fn push(units: &mut Vec<u16>, c: char) {
    units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
}
