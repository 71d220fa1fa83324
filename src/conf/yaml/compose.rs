//! From the parser's events to one tree of values with lines.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::super::entry::Remark;
use super::{Value, check_duplicates, scalar};

/// Deeper nesting is a mistake or an attack; Flink's own reader stops at its stack.
const MAX_DEPTH: usize = 64;

/// Aliases of aliases multiply; a configuration has some hundred values.
const MAX_NODES: usize = 100_000;

/// A value and the line it starts in. Two nodes with equal values are equal wherever they stand.
#[derive(Clone, Debug)]
pub struct Node {
    pub value: Value,
    pub line: usize,
}

/// The only document of `text`; an empty text is [`Value::Null`].
pub fn compose(text: &str) -> Result<Node, Remark> {
    // Flink's reader takes the byte order mark for an encoding mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_characters(text)?;
    let lines = text.lines().collect();
    let mut composer =
        Composer { parser: Parser::new_from_str(text), lines, anchors: BTreeMap::new(), nodes: 0 };
    composer.stream()
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

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines: Vec<&'a str>,
    /// What an alias stands for, by the parser's number of the anchor, with its number of nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Composer<'a> {
    fn stream(&mut self) -> Result<Node, Remark> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(remark(span, "a second document starts here; only one is allowed"));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, 0)?);
                }
                Event::StreamEnd => return Ok(root.unwrap_or(Node { value: Value::Null, line: 1 })),
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Remark> {
        self.check_tabs(span)?;
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(remark(span, format!("nested more than {MAX_DEPTH} deep")));
        }
        let before = self.nodes;
        let line = span.start.line();
        let (value, anchor) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar_value(&text, style, tag.as_deref()).map_err(|text| remark(span, text))?;
                (value, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check_collection_tag(tag.as_deref(), "seq", span)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                check_collection_tag(tag.as_deref(), "map", span)?;
                (self.map(depth)?, anchor)
            }
            _ => return Err(remark(span, "expected a value")),
        };
        let node = Node { value, line };
        // The parser counts anchors from 1; 0 stands for none.
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Remark> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Remark> {
        let mut pairs = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => break,
                // `: value`; the parser makes an empty text of it.
                (_, span) if span.is_empty() => return Err(remark(span, "the key is missing")),
                (event, span) => {
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    pairs.push((key, self.node(event, span, depth + 1)?));
                }
            }
        }
        check_duplicates(&pairs)?;
        Ok(Value::Map(pairs))
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Remark> {
        let Some((node, nodes)) = self.anchors.get(&id) else {
            return Err(remark(span, "an alias inside of what it stands for"));
        };
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(remark(span, format!("aliases expand to more than {MAX_NODES} values")));
        }
        Ok(node.clone())
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Remark> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// Flink's reader refuses a tab before a value or a key, also where YAML allows it.
    fn check_tabs(&self, span: Span) -> Result<(), Remark> {
        let line = self.lines.get(span.start.line().saturating_sub(1)).copied().unwrap_or_default();
        let mut before = line.chars().take(span.start.col()).collect::<Vec<_>>();
        before.reverse();
        if before.iter().take_while(|c| matches!(c, ' ' | '\t')).any(|c| *c == '\t') {
            return Err(remark(span, "a tab where only spaces are allowed"));
        }
        Ok(())
    }
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let as_text = || Value::Text(text.to_owned());
    let tag = match tag {
        None if style == ScalarStyle::Plain => return scalar::resolve(text).map_err(str::to_owned),
        None => return Ok(as_text()),
        Some(tag) if tag.is_yaml_core_schema() => tag.suffix.as_str(),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => "str",
        Some(tag) => return Err(unsupported(tag)),
    };
    let value = match tag {
        "str" => Some(as_text()),
        "null" => Some(Value::Null),
        "int" => scalar::integer(text).map(Value::Int),
        "float" => scalar::float(text).map(Value::Float),
        "bool" => scalar::resolve(text).ok().filter(|value| matches!(value, Value::Bool(_))),
        _ => return Err(format!("the tag `!!{tag}` is not supported")),
    };
    value.ok_or_else(|| format!("`{text}` is not of the type that its tag `!!{tag}` demands"))
}

fn check_collection_tag(tag: Option<&Tag>, own: &str, span: Span) -> Result<(), Remark> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == own) => Err(remark(span, unsupported(tag))),
        Some(_) | None => Ok(()),
    }
}

fn unsupported(tag: &Tag) -> String {
    let handle = if tag.is_yaml_core_schema() { "!!" } else { &tag.handle };
    format!("the tag `{handle}{}` is not supported here", tag.suffix)
}

/// Control characters that YAML forbids, which Flink's reader refuses and a parser may let through.
fn check_characters(text: &str) -> Result<(), Remark> {
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}');
    match text.lines().zip(1..).find_map(|(line, number)| line.chars().find(|c| bad(*c)).map(|c| (c, number)))
    {
        Some((c, line)) => {
            Err(Remark { line, text: format!("the control character {} is not allowed", c.escape_unicode()) })
        }
        None => Ok(()),
    }
}

fn syntax(error: &ScanError) -> Remark {
    Remark { line: error.marker().line(), text: format!("not YAML: {}", error.info()) }
}

fn remark(span: Span, text: impl Into<String>) -> Remark {
    Remark { line: span.start.line(), text: text.into() }
}
