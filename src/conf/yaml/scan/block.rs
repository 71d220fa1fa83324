//! Literal (`|`) and folded (`>`) scalars.

use super::super::super::entry::Remark;
use super::super::cursor::{END, is_break_or_end, is_space_or_end};
use super::Scanner;

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl Scanner {
    pub(super) fn block_scalar(&mut self, is_folded: bool) -> Result<String, Remark> {
        self.cursor.forward(1);
        let (chomping, increment) = self.block_header()?;
        let least = (self.indent + 1).max(1);
        let (mut breaks, indent) = match increment {
            Some(increment) => {
                let indent = least + increment - 1;
                (self.block_breaks(indent), indent)
            }
            None => self.block_indentation(least),
        };
        if self.column() < indent && self.indent != self.column() {
            return Err(self.error("empty lines before a block of text are indented more than the text"));
        }
        let mut text = String::new();
        let mut line_break = "";
        while self.column() == indent && self.cursor.peek() != END {
            text.push_str(&breaks);
            let was_indented = matches!(self.cursor.peek(), ' ' | '\t');
            text.push_str(&self.cursor.take_while(|c| !is_break_or_end(c)));
            line_break = if self.cursor.line_break() { "\n" } else { "" };
            breaks = self.block_breaks(indent);
            if self.column() != indent || self.cursor.peek() == END {
                break;
            }
            let is_indented = matches!(self.cursor.peek(), ' ' | '\t');
            if is_folded && !line_break.is_empty() && !was_indented && !is_indented {
                text.push_str(if breaks.is_empty() { " " } else { "" });
            } else {
                text.push_str(line_break);
            }
        }
        if chomping != Chomping::Strip {
            text.push_str(line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        Ok(text)
    }

    /// What stands behind `|` or `>`: by how much the text is indented, if that is told.
    fn block_header(&mut self) -> Result<(Chomping, Option<isize>), Remark> {
        let (mut chomping, mut increment) = (None, None);
        for _ in 0..2 {
            match self.cursor.peek() {
                '-' if chomping.is_none() => chomping = Some(Chomping::Strip),
                '+' if chomping.is_none() => chomping = Some(Chomping::Keep),
                digit @ '1'..='9' if increment.is_none() => {
                    increment = digit.to_digit(10).and_then(|digit| isize::try_from(digit).ok());
                }
                _ => break,
            }
            self.cursor.forward(1);
        }
        if !is_space_or_end(self.cursor.peek()) {
            return Err(self.error("expected `+`, `-` or a number from 1 to 9 after `|` or `>`"));
        }
        self.end_of_line("after `|` or `>`")?;
        Ok((chomping.unwrap_or(Chomping::Clip), increment))
    }

    /// Passes blanks and a comment up to the next line.
    pub(super) fn end_of_line(&mut self, place: &str) -> Result<(), Remark> {
        self.cursor.skip_spaces();
        if self.cursor.peek() == '#' {
            self.cursor.take_while(|c| !is_break_or_end(c));
        }
        if self.cursor.peek() != END && !self.cursor.line_break() {
            return Err(self.error(format!("expected nothing more on the line {place}")));
        }
        Ok(())
    }

    /// The empty lines in front, and how far the text is indented.
    fn block_indentation(&mut self, least: isize) -> (String, isize) {
        let mut breaks = String::new();
        let mut most = 0;
        loop {
            if self.cursor.peek() == ' ' {
                self.cursor.forward(1);
                most = most.max(self.column());
            } else if matches!(self.cursor.peek(), '\r' | '\n') && self.cursor.line_break() {
                breaks.push('\n');
            } else {
                return (breaks, least.max(most));
            }
        }
    }

    /// Empty lines, and the indentation of the line behind them.
    fn block_breaks(&mut self, indent: isize) -> String {
        let mut breaks = String::new();
        loop {
            while self.column() < indent && self.cursor.peek() == ' ' {
                self.cursor.forward(1);
            }
            if !self.cursor.line_break() {
                return breaks;
            }
            breaks.push('\n');
        }
    }
}
