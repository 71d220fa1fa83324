//! From text to tokens, by the rules of the YAML reader that is in Flink, tolerant where it is and strict where it is.
//!
//! It is the way of all readers after PyYAML: indentation becomes tokens, and a `:` puts the token of a key in front of what
//! has been read already.

mod block;
mod name;
mod text;
mod token;

use std::collections::BTreeMap;

use super::super::entry::Remark;
use super::cursor::{Cursor, END, is_blank_or_end, is_break_or_end};
pub use token::{Directive, Kind, Token};

/// A key without `?` in front is not longer than this, by YAML's rule.
const MAX_SIMPLE_KEY: usize = 1024;

/// Where a tab may stand for a space, besides in comments and scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tabs {
    /// Nowhere: Flink's reader refuses them.
    Refused,
    /// Where YAML has it so: in brackets, and between what stands in one line.
    Separate,
}

/// All tokens of `text`; the last is the stream's end or an error.
pub fn tokens(text: &str, tabs: Tabs) -> Vec<Token> {
    let mut scanner = Scanner::new(text, tabs);
    loop {
        match scanner.fetch() {
            Ok(true) => {}
            Ok(false) => return scanner.tokens,
            Err(Remark { line, text }) => {
                scanner.tokens.push(Token { kind: Kind::Error(text), line });
                return scanner.tokens;
            }
        }
    }
}

struct Scanner {
    cursor: Cursor,
    tabs: Tabs,
    tokens: Vec<Token>,
    /// Of the block that is open; -1 for none.
    indent: isize,
    indents: Vec<isize>,
    flow_level: usize,
    simple_key_allowed: bool,
    /// Where a key may have begun, by flow level.
    possible_keys: BTreeMap<usize, SimpleKey>,
}

struct SimpleKey {
    /// Where its token goes.
    token: usize,
    is_required: bool,
    index: usize,
    line: usize,
    column: isize,
}

impl Scanner {
    fn new(text: &str, tabs: Tabs) -> Self {
        Self {
            cursor: Cursor::new(text),
            tabs,
            tokens: Vec::new(),
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            possible_keys: BTreeMap::new(),
        }
    }

    /// Reads at least one more token; false when the last one was read.
    fn fetch(&mut self) -> Result<bool, Remark> {
        self.skip_to_next_token();
        self.drop_stale_keys()?;
        self.unwind(self.column());
        let c = self.cursor.peek();
        match c {
            END => {
                self.fetch_stream_end()?;
                return Ok(false);
            }
            '%' if self.cursor.column == 0 => self.fetch_directive()?,
            '-' if self.cursor.column == 0 && self.cursor.document_mark('-') => {
                self.fetch_document_mark(Kind::DocumentStart)?;
            }
            '.' if self.cursor.column == 0 && self.cursor.document_mark('.') => {
                self.fetch_document_mark(Kind::DocumentEnd)?;
            }
            '-' if self.is_indicator() => self.fetch_block_entry()?,
            '[' => self.fetch_flow_start(Kind::FlowSequenceStart)?,
            '{' => self.fetch_flow_start(Kind::FlowMappingStart)?,
            ']' => self.fetch_flow_end(Kind::FlowSequenceEnd)?,
            '}' => self.fetch_flow_end(Kind::FlowMappingEnd)?,
            ',' => self.fetch_flow_entry()?,
            '?' if self.is_indicator() => self.fetch_key()?,
            ':' if self.in_flow() || self.is_indicator() => self.fetch_value()?,
            '*' | '&' | '!' => self.fetch_named(c)?,
            '|' | '>' if !self.in_flow() => self.fetch_block_scalar(c)?,
            '\'' | '"' => self.fetch_quoted(c)?,
            _ if self.begins_plain(c) => self.fetch_plain()?,
            '\t' => return Err(self.error("a tab where only spaces are allowed")),
            _ => {
                return Err(
                    self.error(format!("nothing can begin with `{}`; put it in quotes", c.escape_default()))
                );
            }
        }
        Ok(true)
    }

    fn error(&self, text: impl Into<String>) -> Remark {
        Remark { line: self.cursor.line + 1, text: text.into() }
    }

    fn in_flow(&self) -> bool {
        self.flow_level > 0
    }

    fn column(&self) -> isize {
        self.cursor.column.cast_signed()
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.cursor.line + 1 });
    }

    /// Whether the character here stands alone, and so means something.
    fn is_indicator(&self) -> bool {
        is_blank_or_end(self.cursor.ahead(1))
    }

    fn begins_plain(&self, c: char) -> bool {
        let next = self.cursor.ahead(1);
        if !is_blank_or_end(c) && !"-?:,[]{}#&*!|>'\"%@`".contains(c) {
            return true;
        }
        match self.in_flow() {
            true => matches!(c, '-' | '?') && !is_blank_or_end(next) && !matches!(next, ',' | ']'),
            false => matches!(c, '-' | '?' | ':') && !is_blank_or_end(next),
        }
    }

    fn skip_to_next_token(&mut self) {
        if self.cursor.index == 0 && self.cursor.peek() == '\u{feff}' {
            self.cursor.forward(1);
        }
        loop {
            self.skip_blanks();
            if self.cursor.peek() == '#' {
                self.cursor.take_while(|c| !is_break_or_end(c));
            }
            if !self.cursor.line_break() {
                return;
            }
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    fn skip_blanks(&mut self) {
        let has_tabs = self.tabs == Tabs::Separate && (self.in_flow() || !self.simple_key_allowed);
        self.cursor.take_while(|c| c == ' ' || (has_tabs && c == '\t'));
    }

    fn drop_stale_keys(&mut self) -> Result<(), Remark> {
        let Cursor { line, index, .. } = self.cursor;
        let is_stale = |key: &SimpleKey| key.line != line || index - key.index > MAX_SIMPLE_KEY;
        if let Some(key) = self.possible_keys.values().find(|key| is_stale(key) && key.is_required) {
            return Err(no_colon(key));
        }
        self.possible_keys.retain(|_, key| !is_stale(key));
        Ok(())
    }

    /// Here a key may begin.
    fn note_possible_key(&mut self) -> Result<(), Remark> {
        let is_required = !self.in_flow() && self.indent == self.column();
        if !self.simple_key_allowed {
            return match is_required {
                true => Err(self.error("expected a key")),
                false => Ok(()),
            };
        }
        self.forget_key()?;
        let Cursor { index, line, .. } = self.cursor;
        let key = SimpleKey { token: self.tokens.len(), is_required, index, line, column: self.column() };
        self.possible_keys.insert(self.flow_level, key);
        Ok(())
    }

    fn forget_key(&mut self) -> Result<(), Remark> {
        match self.possible_keys.remove(&self.flow_level) {
            Some(key) if key.is_required => Err(no_colon(&key)),
            Some(_) | None => Ok(()),
        }
    }

    /// Ends the blocks that are indented more.
    fn unwind(&mut self, column: isize) {
        while !self.in_flow() && self.indent > column {
            self.indent = self.indents.pop().unwrap_or(-1);
            self.push(Kind::BlockEnd);
        }
    }

    /// Whether a block begins at `column`.
    fn indent(&mut self, column: isize) -> bool {
        if self.indent >= column {
            return false;
        }
        self.indents.push(self.indent);
        self.indent = column;
        true
    }

    fn fetch_stream_end(&mut self) -> Result<(), Remark> {
        self.unwind(-1);
        self.forget_key()?;
        self.push(Kind::StreamEnd);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Remark> {
        self.unwind(-1);
        self.forget_key()?;
        self.simple_key_allowed = false;
        let line = self.cursor.line + 1;
        let kind = Kind::Directive(self.directive()?);
        self.tokens.push(Token { kind, line });
        Ok(())
    }

    fn fetch_document_mark(&mut self, kind: Kind) -> Result<(), Remark> {
        self.unwind(-1);
        self.forget_key()?;
        self.simple_key_allowed = false;
        self.push(kind);
        self.cursor.forward(3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind) -> Result<(), Remark> {
        self.note_possible_key()?;
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.push(kind);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind) -> Result<(), Remark> {
        self.forget_key()?;
        self.flow_level = self.flow_level.saturating_sub(1);
        self.simple_key_allowed = false;
        self.push(kind);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Remark> {
        self.simple_key_allowed = true;
        self.forget_key()?;
        self.push(Kind::FlowEntry);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Remark> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error("an item of a list cannot begin here"));
            }
            if self.indent(self.column()) {
                self.push(Kind::BlockSequenceStart);
            }
        }
        self.simple_key_allowed = true;
        self.forget_key()?;
        self.push(Kind::BlockEntry);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Remark> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return Err(self.error("a key cannot begin here"));
            }
            if self.indent(self.column()) {
                self.push(Kind::BlockMappingStart);
            }
        }
        self.simple_key_allowed = !self.in_flow();
        self.forget_key()?;
        self.push(Kind::Key);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Remark> {
        if let Some(key) = self.possible_keys.remove(&self.flow_level) {
            let line = key.line + 1;
            self.tokens.insert(key.token, Token { kind: Kind::Key, line });
            if !self.in_flow() && self.indent(key.column) {
                self.tokens.insert(key.token, Token { kind: Kind::BlockMappingStart, line });
            }
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return Err(self.error("a value cannot begin here; put a text with `: ` in quotes"));
                }
                if self.indent(self.column()) {
                    self.push(Kind::BlockMappingStart);
                }
            }
            self.simple_key_allowed = !self.in_flow();
            self.forget_key()?;
        }
        self.push(Kind::Value);
        self.cursor.forward(1);
        Ok(())
    }

    fn fetch_named(&mut self, indicator: char) -> Result<(), Remark> {
        self.note_possible_key()?;
        self.simple_key_allowed = false;
        let kind = match indicator {
            '*' => Kind::Alias(self.anchor()?),
            '&' => Kind::Anchor(self.anchor()?),
            _ => self.tag()?,
        };
        self.push(kind);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, style: char) -> Result<(), Remark> {
        self.simple_key_allowed = true;
        self.forget_key()?;
        self.fetch_scalar(|scanner| scanner.block_scalar(style == '>'), false)
    }

    fn fetch_quoted(&mut self, quote: char) -> Result<(), Remark> {
        self.note_possible_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(|scanner| scanner.quoted(quote), false)
    }

    fn fetch_plain(&mut self) -> Result<(), Remark> {
        self.note_possible_key()?;
        self.simple_key_allowed = false;
        self.fetch_scalar(|scanner| Ok(scanner.plain()), true)
    }

    fn fetch_scalar(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<String, Remark>,
        is_plain: bool,
    ) -> Result<(), Remark> {
        let line = self.cursor.line + 1;
        let text = read(self)?;
        self.tokens.push(Token { kind: Kind::Scalar { text, is_plain }, line });
        Ok(())
    }
}

fn no_colon(key: &SimpleKey) -> Remark {
    Remark { line: key.line + 1, text: "expected `key: value` (a colon and a space)".to_owned() }
}
