//! YAML's merge key (`<<: *defaults`), which the readers that people know from Kubernetes have and Flink's has not.

use std::collections::BTreeSet;

use conf::document::{Node, Remark, Value};

const MERGE: &str = "<<";

/// With what `<<` names in each map that has it; what stands in the map itself counts more, and of several the first.
pub fn merged(node: Node) -> Result<Node, Remark> {
    let line = node.line;
    let value = match node.value {
        Value::Map(pairs) => Value::Map(merged_pairs(pairs)?),
        Value::List(items) => Value::List(items.into_iter().map(merged).collect::<Result<_, _>>()?),
        value => value,
    };
    Ok(Node { value, line })
}

fn merged_pairs(pairs: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Remark> {
    let is_merge = |(key, _): &(Node, Node)| key.value == Value::Text(MERGE.to_owned());
    let (sources, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_merge);
    let mut merged_pairs = Vec::with_capacity(own.len());
    let mut known: BTreeSet<_> = match sources.is_empty() {
        true => BTreeSet::new(),
        false => own.iter().map(|(key, _)| key.clone()).collect(),
    };
    for (key, value) in own {
        merged_pairs.push((key, merged(value)?));
    }
    for (_, source) in sources {
        let line = source.line;
        let maps = match source.value {
            Value::List(items) => items,
            value => vec![Node { value, line }],
        };
        for map in maps {
            let Value::Map(pairs) = map.value else {
                let text = format!("`{MERGE}` takes a map or a list of maps");
                return Err(Remark { line: map.line, text });
            };
            let new = self::merged_pairs(pairs)?.into_iter().filter(|(key, _)| known.insert(key.clone()));
            merged_pairs.extend(new);
        }
    }
    Ok(merged_pairs)
}
