//! The crates of the workspace: what each may use, without circles, and their picture in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use toml::Table;

use super::source::Source;

/// Names of the crates that each crate uses, tests apart.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

/// From the manifests of the tree.
pub fn uses(tree: &[Source]) -> Uses {
    let manifests = tree.iter().filter(|source| source.path.ends_with("Cargo.toml"));
    let read = |source: &Source| -> Table {
        source.text.parse().unwrap_or_else(|error| panic!("{}: {error}", source.path))
    };
    let manifests: Vec<_> = manifests.map(read).collect();
    let name = |manifest: &Table| manifest["package"]["name"].as_str().expect("a name").to_owned();
    let names: BTreeSet<_> = manifests.iter().map(name).collect();
    let uses = |manifest: &Table| {
        let used =
            manifest.get("dependencies").and_then(|used| used.as_table()).into_iter().flat_map(Table::keys);
        used.filter(|used| names.contains(*used)).cloned().collect()
    };
    manifests.iter().map(|manifest| (name(manifest), uses(manifest))).collect()
}

/// A crate that is reached from itself, with the way.
pub fn circle(uses: &Uses) -> Option<Vec<String>> {
    uses.keys().find_map(|start| way(uses, start, start, &mut BTreeSet::new()))
}

fn way(uses: &Uses, from: &str, to: &str, seen: &mut BTreeSet<String>) -> Option<Vec<String>> {
    for next in &uses[from] {
        if next == to {
            return Some(vec![from.to_owned(), to.to_owned()]);
        }
        if seen.insert(next.clone())
            && let Some(rest) = way(uses, next, to, seen)
        {
            return Some([from.to_owned()].into_iter().chain(rest).collect());
        }
    }
    None
}

/// Crates by height: each uses only what stands above it; what it uses through others is left out.
pub fn picture(uses: &Uses) -> String {
    let mut lines: Vec<_> = uses.keys().map(|name| (height(uses, name), name)).collect();
    lines.sort();
    let mut text = "```\n".to_owned();
    for (_, name) in lines {
        let direct = direct(uses, name);
        let arrow = if direct.is_empty() { "" } else { "→ " };
        let _ = writeln!(text, "{}", format!("{name:15} {arrow}{}", direct.join(", ")).trim_end());
    }
    text + "```\n"
}

fn height(uses: &Uses, name: &str) -> usize {
    uses[name].iter().map(|used| height(uses, used) + 1).max().unwrap_or(0)
}

fn direct(uses: &Uses, name: &str) -> Vec<String> {
    let reaches = |from: &str, to: &str| way(uses, from, to, &mut BTreeSet::new()).is_some();
    let through = |used: &&String| uses[name].iter().any(|other| other != *used && reaches(other, used));
    uses[name].iter().filter(|used| !through(used)).cloned().collect()
}
