//! From tokens to one tree of values with lines.

mod collection;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::super::entry::Remark;
use super::scan::{self, Directive, Kind, Tabs, Token};
use super::tag::{self, Collection, Tag};
use super::{Value, check_duplicates};

/// Deeper nesting is a mistake or an attack; Flink's own reader stops at its stack.
const MAX_DEPTH: usize = 64;

/// Aliases of aliases multiply; a configuration has some hundred values.
const MAX_NODES: usize = 100_000;

/// As [`MAX_NODES`], for long texts.
const MAX_ALIASED_BYTES: usize = 4 << 20;

/// A value and the line it starts in. Two nodes with equal values are equal wherever they stand.
#[derive(Clone, Debug)]
pub struct Node {
    pub value: Value,
    pub line: usize,
}

/// The only document of `text`; an empty text is [`Value::Null`].
pub fn compose(text: &str) -> Result<Node, Remark> {
    Composer::new(text, Tabs::Refused)?.stream()
}

/// All documents of `text`, also the empty ones.
pub fn documents(text: &str) -> Result<Vec<Node>, Remark> {
    Composer::new(text, Tabs::Separate)?.documents()
}

impl Node {
    pub fn remark(&self, text: impl Into<String>) -> Remark {
        Remark { line: self.line, text: text.into() }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

struct Composer {
    tokens: Peekable<IntoIter<Token>>,
    /// What stands in front of a tag, and what it means.
    handles: BTreeMap<String, String>,
    /// What an alias stands for, with its number of nodes; `None` while that is being read.
    anchors: BTreeMap<String, Option<(Node, usize)>>,
    nodes: usize,
    /// Of the texts that aliases stand for.
    aliased_bytes: usize,
    /// Of the last token.
    line: usize,
}

/// What may stand in the place of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Flow,
    Block,
    /// The items of a list need not be indented more than the key.
    BlockOfKey,
}

impl Composer {
    fn new(text: &str, tabs: Tabs) -> Result<Self, Remark> {
        check_characters(text)?;
        let tokens = scan::tokens(text, tabs).into_iter().peekable();
        Ok(Self {
            tokens,
            handles: BTreeMap::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            aliased_bytes: 0,
            line: 1,
        })
    }

    fn documents(&mut self) -> Result<Vec<Node>, Remark> {
        let mut roots = Vec::new();
        let mut is_ended = true;
        loop {
            while self.takes(&Kind::DocumentEnd) {
                is_ended = true;
            }
            // Neither reaches into the next document.
            self.handles.clear();
            self.anchors.clear();
            let root = match self.peek() {
                Kind::StreamEnd => return Ok(roots),
                Kind::DocumentStart => self.explicit_document()?,
                Kind::Directive(_) if is_ended => self.explicit_document()?,
                _ if is_ended => self.node(Context::Block, 0)?,
                _ => return Err(self.unexpected("`key: value`, or `---` in front of another document")),
            };
            roots.push(root);
            is_ended = false;
        }
    }

    fn stream(&mut self) -> Result<Node, Remark> {
        let root = match self.peek() {
            Kind::StreamEnd => return Ok(Node { value: Value::Null, line: 1 }),
            Kind::Directive(_) | Kind::DocumentStart => self.explicit_document()?,
            _ => self.node(Context::Block, 0)?,
        };
        while self.takes(&Kind::DocumentEnd) {}
        match self.peek() {
            Kind::StreamEnd => Ok(root),
            Kind::DocumentStart => Err(self.wrong("a second document starts here; only one is allowed")),
            _ => Err(self.unexpected("`key: value`")),
        }
    }

    fn explicit_document(&mut self) -> Result<Node, Remark> {
        while let Kind::Directive(_) = self.peek() {
            if let Kind::Directive(Some(directive)) = self.next() {
                self.directive(directive)?;
            }
        }
        if !self.takes(&Kind::DocumentStart) {
            return Err(self.unexpected("`---` after the directives"));
        }
        match self.peek() {
            Kind::Directive(_) | Kind::DocumentStart | Kind::DocumentEnd | Kind::StreamEnd => {
                Ok(self.empty())
            }
            _ => self.node(Context::Block, 0),
        }
    }

    fn directive(&mut self, directive: Directive) -> Result<(), Remark> {
        match directive {
            Directive::Version { major: 1 } => self.handle("%YAML".to_owned(), String::new()),
            Directive::Version { .. } => Err(self.remark("only YAML 1 can be read")),
            Directive::Tag { handle, prefix } => self.handle(handle, prefix),
        }
    }

    fn handle(&mut self, handle: String, prefix: String) -> Result<(), Remark> {
        match self.handles.insert(handle, prefix) {
            None => Ok(()),
            Some(_) => Err(self.remark("the same directive a second time")),
        }
    }

    fn node(&mut self, context: Context, depth: usize) -> Result<Node, Remark> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(format!("nested more than {MAX_DEPTH} deep")));
        }
        let line = self.next_line();
        if let Kind::Alias(_) = self.peek() {
            return self.alias();
        }
        self.nodes += 1;
        let before = self.nodes;
        let (anchor, tag) = self.properties()?;
        if let Some(anchor) = &anchor {
            self.anchors.insert(anchor.clone(), None);
        }
        let is_marked = anchor.is_some() || tag != Tag::None;
        let value = self.content(context, &tag, is_marked, depth)?;
        let node = Node { value, line };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some((node.clone(), self.nodes - before + 1)));
        }
        Ok(node)
    }

    fn properties(&mut self) -> Result<(Option<String>, Tag), Remark> {
        let (mut anchor, mut tag) = (None, None);
        for _ in 0..2 {
            match self.peek() {
                Kind::Anchor(_) if anchor.is_none() => {
                    if let Kind::Anchor(name) = self.next() {
                        anchor = Some(name);
                    }
                }
                Kind::Tag { .. } if tag.is_none() => {
                    if let Kind::Tag { handle, suffix } = self.next() {
                        tag = Some(self.tag(handle.as_deref(), suffix)?);
                    }
                }
                _ => {}
            }
        }
        Ok((anchor, tag.unwrap_or(Tag::None)))
    }

    fn tag(&self, handle: Option<&str>, suffix: String) -> Result<Tag, Remark> {
        let Some(handle) = handle else { return Ok(Tag::of(suffix)) };
        let prefix = match (self.handles.get(handle), handle) {
            (Some(prefix), _) => prefix,
            (None, "!") => "!",
            (None, "!!") => tag::CORE,
            (None, _) => return Err(self.remark("the tag's handle is not known")),
        };
        Ok(Tag::of(format!("{prefix}{suffix}")))
    }

    fn content(
        &mut self,
        context: Context,
        tag: &Tag,
        is_marked: bool,
        depth: usize,
    ) -> Result<Value, Remark> {
        let is_block = context != Context::Flow;
        match self.peek() {
            Kind::Scalar { .. } => match self.next() {
                Kind::Scalar { text, is_plain } => self.scalar(&text, is_plain, tag),
                _ => Ok(Value::Null),
            },
            Kind::BlockEntry if context == Context::BlockOfKey => {
                let items = self.indentless_items(depth)?;
                self.list(tag, items)
            }
            Kind::FlowSequenceStart => {
                let items = self.flow_items(depth)?;
                self.list(tag, items)
            }
            Kind::FlowMappingStart => {
                let pairs = self.flow_pairs(depth)?;
                self.map(tag, pairs)
            }
            Kind::BlockSequenceStart if is_block => {
                let items = self.block_items(depth)?;
                self.list(tag, items)
            }
            Kind::BlockMappingStart if is_block => {
                let pairs = self.block_pairs(depth)?;
                self.map(tag, pairs)
            }
            _ if is_marked => self.scalar("", true, tag),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn scalar(&self, text: &str, is_plain: bool, tag: &Tag) -> Result<Value, Remark> {
        tag.scalar(text, is_plain).map_err(|text| self.remark(text))
    }

    fn list(&self, tag: &Tag, items: Vec<Node>) -> Result<Value, Remark> {
        match tag.collection(Collection::List) {
            Ok(_) => Ok(Value::List(items)),
            Err(text) => Err(self.remark(text)),
        }
    }

    fn map(&self, tag: &Tag, pairs: Vec<(Node, Node)>) -> Result<Value, Remark> {
        check_duplicates(&pairs)?;
        match tag.collection(Collection::Map) {
            Ok(Collection::Set) => Ok(Value::Set(pairs.into_iter().map(|(key, _)| key).collect())),
            Ok(Collection::Map | Collection::List) => Ok(Value::Map(pairs)),
            Err(text) => Err(self.remark(text)),
        }
    }

    fn alias(&mut self) -> Result<Node, Remark> {
        let Kind::Alias(name) = self.next() else { return Ok(self.empty()) };
        match self.anchors.get(&name) {
            Some(Some((node, nodes))) => {
                self.nodes += nodes;
                if self.nodes > MAX_NODES {
                    return Err(self.remark(format!("aliases expand to more than {MAX_NODES} values")));
                }
                self.aliased_bytes += node.value.bytes();
                if self.aliased_bytes > MAX_ALIASED_BYTES {
                    return Err(self.remark(format!("aliases expand to more than {MAX_ALIASED_BYTES} bytes")));
                }
                Ok(node.clone())
            }
            Some(None) => Err(self.remark("an alias inside of its own value")),
            None => {
                Err(self
                    .remark("there is no anchor for the alias; put a value that begins with `*` in quotes"))
            }
        }
    }

    /// Where nothing stands.
    fn empty(&self) -> Node {
        Node { value: Value::Null, line: self.line }
    }

    fn peek(&mut self) -> &Kind {
        self.tokens.peek().map_or(&Kind::StreamEnd, |token| &token.kind)
    }

    fn next_line(&mut self) -> usize {
        self.tokens.peek().map_or(self.line, |token| token.line)
    }

    fn next(&mut self) -> Kind {
        self.line = self.next_line();
        self.tokens.next().map_or(Kind::StreamEnd, |token| token.kind)
    }

    fn takes(&mut self, kind: &Kind) -> bool {
        let is_it = self.peek() == kind;
        if is_it {
            self.next();
        }
        is_it
    }

    /// About the last token.
    fn remark(&self, text: impl Into<String>) -> Remark {
        Remark { line: self.line, text: text.into() }
    }

    /// About the next token.
    fn wrong(&mut self, text: impl Into<String>) -> Remark {
        Remark { line: self.next_line(), text: text.into() }
    }

    fn unexpected(&mut self, expected: &str) -> Remark {
        let text = match self.peek() {
            Kind::Error(text) => format!("not YAML: {text}"),
            kind => format!("not YAML: expected {expected} here, not {}", described(kind)),
        };
        // The end of a file is in no line that anybody has written.
        if *self.peek() == Kind::StreamEnd { self.remark(text) } else { self.wrong(text) }
    }
}

/// Without names: a password that begins with `*`, `&` or `!` and is not in quotes looks like one.
fn described(kind: &Kind) -> String {
    match kind {
        Kind::StreamEnd => "the end of the file".to_owned(),
        Kind::Directive(_) => "a directive".to_owned(),
        Kind::DocumentStart => "`---`".to_owned(),
        Kind::DocumentEnd => "`...`".to_owned(),
        Kind::BlockSequenceStart | Kind::BlockEntry => "an item of a list".to_owned(),
        Kind::BlockMappingStart | Kind::Key => "a key".to_owned(),
        Kind::BlockEnd => "a line that is indented less".to_owned(),
        Kind::FlowSequenceStart => "`[`".to_owned(),
        Kind::FlowSequenceEnd => "`]`".to_owned(),
        Kind::FlowMappingStart => "`{`".to_owned(),
        Kind::FlowMappingEnd => "`}`".to_owned(),
        Kind::FlowEntry => "`,`".to_owned(),
        Kind::Value => "`:`".to_owned(),
        Kind::Alias(_) => "an alias".to_owned(),
        Kind::Anchor(_) => "an anchor".to_owned(),
        Kind::Tag { .. } => "a tag".to_owned(),
        Kind::Scalar { .. } => "another value".to_owned(),
        Kind::Error(text) => text.clone(),
    }
}

/// Characters that Flink's reader refuses wherever they stand.
fn check_characters(text: &str) -> Result<(), Remark> {
    let is_good = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    };
    let lines = text.split('\n').zip(1..);
    match lines
        .into_iter()
        .find_map(|(line, number)| line.chars().find(|c| !is_good(*c)).map(|c| (c, number)))
    {
        Some((c, line)) => {
            Err(Remark { line, text: format!("the character {} is not allowed", c.escape_unicode()) })
        }
        None => Ok(()),
    }
}
