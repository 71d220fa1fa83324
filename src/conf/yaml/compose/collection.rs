//! Lists and maps, by indentation and in brackets.

use super::super::super::entry::Remark;
use super::super::Value;
use super::super::scan::Kind;
use super::{Composer, Context, Node};

impl Composer {
    pub(super) fn block_items(&mut self, depth: usize) -> Result<Vec<Node>, Remark> {
        self.next();
        let mut items = Vec::new();
        while self.takes(&Kind::BlockEntry) {
            items.push(match self.peek() {
                Kind::BlockEntry | Kind::BlockEnd => self.empty(),
                _ => self.node(Context::Block, depth + 1)?,
            });
        }
        match self.takes(&Kind::BlockEnd) {
            true => Ok(items),
            false => Err(self.unexpected("another item of the list (`- `) or its end")),
        }
    }

    pub(super) fn indentless_items(&mut self, depth: usize) -> Result<Vec<Node>, Remark> {
        let mut items = Vec::new();
        while self.takes(&Kind::BlockEntry) {
            items.push(match self.peek() {
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd => self.empty(),
                _ => self.node(Context::Block, depth + 1)?,
            });
        }
        Ok(items)
    }

    pub(super) fn block_pairs(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Remark> {
        self.next();
        let mut pairs = Vec::new();
        loop {
            if self.takes(&Kind::BlockEnd) {
                return Ok(pairs);
            }
            if !self.takes(&Kind::Key) {
                return Err(self.unexpected("another `key: value`"));
            }
            let key = self.block_value(depth)?;
            let value = match self.peek() {
                Kind::Value => {
                    self.next();
                    self.block_value(depth)?
                }
                Kind::Scalar { .. } => self.node(Context::BlockOfKey, depth + 1)?,
                _ => self.empty(),
            };
            pairs.push((key, value));
        }
    }

    /// What stands behind `?` or `:`.
    fn block_value(&mut self, depth: usize) -> Result<Node, Remark> {
        match self.peek() {
            Kind::Key | Kind::Value | Kind::BlockEnd => Ok(self.empty()),
            _ => self.node(Context::BlockOfKey, depth + 1),
        }
    }

    /// Within a bracket that was opened in the line `begin`.
    fn check_not_over(&mut self, begin: usize, bracket: char) -> Result<(), Remark> {
        match self.peek() {
            Kind::StreamEnd => {
                Err(Remark { line: begin, text: format!("not YAML: a `{bracket}` is not closed") })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn flow_items(&mut self, depth: usize) -> Result<Vec<Node>, Remark> {
        self.next();
        let (begin, mut items) = (self.line, Vec::new());
        loop {
            if self.takes(&Kind::FlowSequenceEnd) {
                return Ok(items);
            }
            self.check_not_over(begin, '[')?;
            if !items.is_empty() {
                if !self.takes(&Kind::FlowEntry) {
                    return Err(self.unexpected("`,` or `]`"));
                }
                if self.takes(&Kind::FlowSequenceEnd) {
                    return Ok(items);
                }
            }
            let line = self.next_line();
            if self.takes(&Kind::Key) {
                self.nodes += 1;
                let key = self.flow_value(depth + 1)?;
                let value = self.flow_value_of_key(depth + 1)?;
                items.push(Node { value: Value::Map(vec![(key, value)]), line });
            } else {
                items.push(self.node(Context::Flow, depth + 1)?);
            }
        }
    }

    pub(super) fn flow_pairs(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Remark> {
        self.next();
        let (begin, mut pairs) = (self.line, Vec::new());
        loop {
            if self.takes(&Kind::FlowMappingEnd) {
                return Ok(pairs);
            }
            self.check_not_over(begin, '{')?;
            if !pairs.is_empty() {
                if !self.takes(&Kind::FlowEntry) {
                    return Err(self.unexpected("`,` or `}`"));
                }
                if self.takes(&Kind::FlowMappingEnd) {
                    return Ok(pairs);
                }
            }
            if self.takes(&Kind::Key) {
                let key = self.flow_value(depth)?;
                let value = self.flow_value_of_key(depth)?;
                pairs.push((key, value));
            } else {
                let key = self.node(Context::Flow, depth + 1)?;
                let value = self.empty();
                pairs.push((key, value));
            }
        }
    }

    fn flow_value(&mut self, depth: usize) -> Result<Node, Remark> {
        match self.peek() {
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd | Kind::FlowMappingEnd => Ok(self.empty()),
            _ => self.node(Context::Flow, depth + 1),
        }
    }

    fn flow_value_of_key(&mut self, depth: usize) -> Result<Node, Remark> {
        match self.takes(&Kind::Value) {
            true => self.flow_value(depth),
            false => Ok(self.empty()),
        }
    }
}
