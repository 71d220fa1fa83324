//! Messages that pages quote are those of the program.

use super::Finding;
use super::source::Source;

/// Of the tables, those whose first column holds messages begin with one of these.
const HEADS: [&str; 3] = ["message", "it says", "what is told"];

/// What others say.
const OTHERS: [&str; 4] =
    ["Memory limit exceeded", "invalid peer certificate", "no available hosts", "not authorized"];

/// A page says `…` and `N` where a message is not always the same. Shorter pieces prove nothing.
const PIECE_LEAST: usize = 6;

pub fn check(page: &Source, tree: &[Source]) -> Vec<Finding> {
    let is_source = |source: &&Source| source.path.starts_with("src/") && source.is_rust();
    let sources: Vec<_> = tree.iter().filter(is_source).map(|source| joined(&source.text)).collect();
    let is_known = |piece: &str| {
        OTHERS.iter().any(|other| piece.contains(other)) || sources.iter().any(|text| text.contains(piece))
    };
    let mut findings = Vec::new();
    let mut head = None;
    for (index, line) in page.text.lines().enumerate() {
        let Some(cell) = line.strip_prefix("| ").and_then(|row| row.split(" |").next()) else {
            if !line.starts_with('|') {
                head = None;
            }
            continue;
        };
        if !HEADS.contains(head.get_or_insert(cell)) {
            continue;
        }
        for message in cell.split('`').skip(1).step_by(2) {
            let unknown = pieces(message).find(|piece| !is_known(piece));
            findings.extend(
                unknown.map(|piece| {
                    Finding::new(page, index + 1, format!("the program does not say `{piece}`"))
                }),
            );
        }
    }
    findings
}

fn pieces(message: &str) -> impl Iterator<Item = &str> {
    let parts = message.split('…').flat_map(|part| part.split(" N "));
    parts.map(|part| part.trim_matches([' ', ':', ','])).filter(|part| part.len() >= PIECE_LEAST)
}

/// With strings that go over several lines in one.
fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |joined, part| joined + part.trim_start())
}
