//! What a text consists of.

/// With the line in which it begins, counted from 1.
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    StreamEnd,
    /// `None`: one that is ignored.
    Directive(Option<Directive>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    Tag {
        handle: Option<String>,
        suffix: String,
    },
    Scalar {
        text: String,
        is_plain: bool,
    },
    /// Here it is no YAML; nothing follows.
    Error(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    Version { major: u32 },
    Tag { handle: String, prefix: String },
}
