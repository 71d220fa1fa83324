//! Anchors, aliases, tags and directives.

use super::super::super::entry::Remark;
use super::super::cursor::{is_blank_or_end, is_break_or_end, is_space_or_end};
use super::{Directive, Kind, Scanner};

/// Besides letters and digits.
const SUFFIX_CHARACTERS: &str = "-_;/?:@&=+$.!~*'()%";

impl Scanner {
    /// The name behind `&` or `*`.
    pub(super) fn anchor(&mut self) -> Result<String, Remark> {
        self.cursor.forward(1);
        let name = self.cursor.take_while(|c| !is_blank_or_end(c) && !",[]{}/.*&".contains(c));
        let next = self.cursor.peek();
        if name.is_empty() || !(is_blank_or_end(next) || "?:,]}%@`".contains(next)) {
            return Err(self.error(format!("`{}` cannot be in an anchor's name", next.escape_default())));
        }
        Ok(name)
    }

    pub(super) fn tag(&mut self) -> Result<Kind, Remark> {
        let (handle, suffix) = match self.cursor.ahead(1) {
            '<' => {
                self.cursor.forward(2);
                let suffix = self.uri(",[]")?;
                if self.cursor.peek() != '>' {
                    return Err(self.error("expected `>` at the end of a tag"));
                }
                self.cursor.forward(1);
                (None, suffix)
            }
            next if is_blank_or_end(next) => {
                self.cursor.forward(1);
                (None, "!".to_owned())
            }
            _ => {
                let handle = self.tag_handle_or_primary()?;
                (Some(handle), self.uri("")?)
            }
        };
        if !is_space_or_end(self.cursor.peek()) {
            return Err(self.error("expected a space after a tag"));
        }
        Ok(Kind::Tag { handle, suffix })
    }

    /// `!name!` if there is a second `!`, else `!`.
    fn tag_handle_or_primary(&mut self) -> Result<String, Remark> {
        let ends = |distance: &usize| {
            let c = self.cursor.ahead(*distance);
            c == '!' || is_space_or_end(c)
        };
        let end = (1..).find(ends).unwrap_or_default();
        if self.cursor.ahead(end) == '!' {
            return self.tag_handle();
        }
        self.cursor.forward(1);
        Ok("!".to_owned())
    }

    fn tag_handle(&mut self) -> Result<String, Remark> {
        if self.cursor.peek() != '!' {
            return Err(self.error("expected `!` in front of a tag's handle"));
        }
        self.cursor.forward(1);
        if self.cursor.peek() == ' ' {
            return Ok("!".to_owned());
        }
        let name = self.cursor.take_while(is_word);
        if self.cursor.peek() != '!' {
            return Err(self.error("expected `!` after a tag's handle"));
        }
        self.cursor.forward(1);
        Ok(format!("!{name}!"))
    }

    /// Letters, digits, some signs and `more`, with `%20` and the like decoded.
    fn uri(&mut self, more: &str) -> Result<String, Remark> {
        let is_part =
            |c: char| c.is_ascii_alphanumeric() || SUFFIX_CHARACTERS.contains(c) || more.contains(c);
        let text = self.cursor.take_while(is_part);
        if text.is_empty() {
            return Err(self.error("expected a tag's name"));
        }
        decoded(&text).ok_or_else(|| self.error("a tag has a `%` that stands for no character"))
    }

    /// The directive here, of those that mean something.
    pub(super) fn directive(&mut self) -> Result<Option<Directive>, Remark> {
        self.cursor.forward(1);
        let name = self.cursor.take_while(is_word);
        if name.is_empty() || !is_space_or_end(self.cursor.peek()) {
            return Err(self.error("expected a directive's name after `%`"));
        }
        let directive = match &*name {
            "YAML" => Some(self.version_directive()?),
            "TAG" => Some(self.tag_directive()?),
            _ => {
                self.cursor.take_while(|c| !is_break_or_end(c));
                None
            }
        };
        self.end_of_line("after a directive")?;
        Ok(directive)
    }

    fn version_directive(&mut self) -> Result<Directive, Remark> {
        self.cursor.skip_spaces();
        let major = self.version_number()?;
        if self.cursor.peek() != '.' {
            return Err(self.error("expected a version such as `1.2` after `%YAML`"));
        }
        self.cursor.forward(1);
        self.version_number()?;
        if !is_space_or_end(self.cursor.peek()) {
            return Err(self.error("expected a version such as `1.2` after `%YAML`"));
        }
        Ok(Directive::Version { major })
    }

    fn version_number(&mut self) -> Result<u32, Remark> {
        let digits = self.cursor.take_while(|c| c.is_ascii_digit());
        let number = Some(&digits).filter(|digits| digits.len() <= 3).and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| self.error("expected a version such as `1.2` after `%YAML`"))
    }

    fn tag_directive(&mut self) -> Result<Directive, Remark> {
        self.cursor.skip_spaces();
        let handle = self.tag_handle()?;
        if self.cursor.peek() != ' ' {
            return Err(self.error("expected a space after a tag's handle"));
        }
        self.cursor.skip_spaces();
        let prefix = self.uri(",[]")?;
        if !is_space_or_end(self.cursor.peek()) {
            return Err(self.error("expected nothing more after a tag's prefix"));
        }
        Ok(Directive::Tag { handle, prefix })
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
