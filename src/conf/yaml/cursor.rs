//! A place in a text, counted as Flink's reader counts: by code points, with lines and columns.

/// Stands behind the end; in a text it is refused before anything is read.
pub const END: char = '\0';

pub struct Cursor {
    text: Vec<char>,
    pub index: usize,
    /// Counted from 0.
    pub line: usize,
    pub column: usize,
}

impl Cursor {
    pub fn new(text: &str) -> Self {
        Self { text: text.chars().collect(), index: 0, line: 0, column: 0 }
    }

    pub fn peek(&self) -> char {
        self.ahead(0)
    }

    pub fn ahead(&self, distance: usize) -> char {
        self.text.get(self.index + distance).copied().unwrap_or(END)
    }

    pub fn forward(&mut self, length: usize) {
        for _ in 0..length {
            let Some(&c) = self.text.get(self.index) else { return };
            self.index += 1;
            let next = self.text.get(self.index);
            if c == '\n' || (c == '\r' && next.is_some_and(|next| *next != '\n')) {
                self.line += 1;
                self.column = 0;
            } else if c != '\u{feff}' {
                self.column += 1;
            }
        }
    }

    /// The next characters for which `is_part` holds; no line break may be among them.
    pub fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let begin = self.index;
        while self.index < self.text.len() && is_part(self.text[self.index]) {
            self.index += 1;
        }
        self.column += self.index - begin;
        self.text[begin..self.index].iter().collect()
    }

    pub fn skip_spaces(&mut self) {
        self.take_while(|c| c == ' ');
    }

    /// Whether a line break was passed.
    pub fn line_break(&mut self) -> bool {
        match self.peek() {
            '\r' if self.ahead(1) == '\n' => self.forward(2),
            '\r' | '\n' | '\u{85}' => self.forward(1),
            _ => return false,
        }
        true
    }

    /// Whether `---` or `...` with nothing else behind stands here.
    pub fn document_mark(&self, mark: char) -> bool {
        (0..3).all(|distance| self.ahead(distance) == mark) && is_blank_or_end(self.ahead(3))
    }
}

pub fn is_break_or_end(c: char) -> bool {
    matches!(c, END | '\r' | '\n')
}

/// Blank, without the tab.
pub fn is_space_or_end(c: char) -> bool {
    c == ' ' || is_break_or_end(c)
}

pub fn is_blank_or_end(c: char) -> bool {
    c == '\t' || is_space_or_end(c)
}
