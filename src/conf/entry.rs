//! What the readers of both grammars return.

/// One `key: value` of a file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// Counted from 1.
    pub line: usize,
}

/// A place in a text and what is odd or wrong there; whoever knows the file's name puts it in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Counted from 1.
    pub line: usize,
    pub text: String,
}
