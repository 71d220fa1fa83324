//! Keeps the tree as the architecture says it is: the walls between its rooms, the size of files and functions, and
//! nothing unfinished left lying about.

use std::fmt;
use std::fs;
use std::path::Path;

use source::Source;

use crate::tables;

mod crates;
mod dependencies;
mod messages;
mod scenarios;
mod source;
mod text;
mod walls;

/// Not ours to tidy: built, version control, and recorded byte for byte.
const LEFT_ALONE: &[&str] = &["target", ".git", "tests/data"];
/// Holds the address of the registry that cargo locked the versions from.
const LOCK_FILE: &str = "Cargo.lock";
/// These files name what they forbid.
const OWN_FILES: &str = "tests/it/tidy";

#[test]
fn walls_stand() {
    assert_none(tree().iter().flat_map(walls::check));
}

/// A wall around nothing protects nothing: every pattern has a file, or is known to wait for one.
#[test]
fn walls_are_around_something() {
    let tree = tree();
    for pattern in walls::patterns() {
        let matches = tree.iter().any(|source| walls::matches(pattern, &source.path));
        let awaited = walls::NOT_YET.contains(&pattern);
        assert!(matches || awaited, "{pattern}: names no file; correct it in tests/it/tidy/walls.rs");
        assert!(
            !(matches && awaited),
            "{pattern}: has come; remove it from NOT_YET in tests/it/tidy/walls.rs"
        );
    }
}

#[test]
fn crates_use_each_other_without_circles() {
    assert_eq!(crates::circle(&crates::uses(&tree())), None);
}

#[test]
fn the_picture_of_the_crates_is_theirs() {
    tables::keep_in("ARCHITECTURE.md", "crates", |_| crates::picture(&crates::uses(&tree())));
}

#[test]
fn dependencies_are_as_they_may_be() {
    let rules = fs::read_to_string(root().join("deny.toml")).expect("the rules");
    let rules = toml::from_str(&rules).expect("rules");
    assert_eq!(dependencies::check(&rules, &dependencies::packages()), Vec::<String>::new());
}

#[test]
fn files_and_functions_are_small() {
    assert_none(tree().iter().flat_map(text::check_size));
}

#[test]
fn longer_functions_are_still_long() {
    let tree = tree();
    for (path, name, reason) in text::LONGER {
        let source =
            tree.iter().find(|source| source.path == *path).unwrap_or_else(|| panic!("{path}: no such file"));
        let long = text::long_functions(source, &source.code());
        assert!(long.iter().any(|(long, _)| long == name), "{path}: {name} is short now, drop it ({reason})");
    }
}

#[test]
fn nothing_is_unfinished() {
    assert_none(tree().iter().flat_map(text::check_unfinished));
}

#[test]
fn text_is_clean() {
    let tree = tree();
    let checked =
        tree.iter().filter(|source| source.path != LOCK_FILE && !source.path.starts_with(OWN_FILES));
    assert_none(checked.flat_map(text::check_text));
}

#[test]
fn every_scenario_has_a_test() {
    let tree = tree();
    for (path, count) in scenarios::TABLES {
        let table = tree.iter().find(|source| source.path == path).expect("the table");
        assert_none(scenarios::check(table, count, &tree).into_iter());
    }
}

#[test]
fn pages_quote_what_the_program_says() {
    let tree = tree();
    let pages = tree.iter().filter(|source| source.path.ends_with(".md"));
    assert_none(pages.flat_map(|page| messages::check(page, &tree)));
}

#[test]
fn links_lead_somewhere() {
    assert_none(tree().iter().flat_map(|source| text::check_links(source, root())));
}

/// What breaks a rule, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    path: String,
    line: usize,
    rule: String,
}

impl Finding {
    fn new(source: &Source, line: usize, rule: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line, rule: rule.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

fn assert_none(findings: impl Iterator<Item = Finding>) {
    let findings: Vec<String> = findings.map(|finding| finding.to_string()).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of the repository, by path.
fn tree() -> Vec<Source> {
    let mut files = Vec::new();
    collect("", &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.iter().any(|source| source.path == "src/lib.rs"), "no sources below {}", root().display());
    files
}

fn collect(directory: &str, files: &mut Vec<Source>) {
    for entry in fs::read_dir(root().join(directory)).expect("a directory of the tree is readable") {
        let entry = entry.expect("a directory of the tree is readable");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
        if LEFT_ALONE.contains(&path.as_str()) {
            continue;
        }
        if entry.file_type().expect("a file has a type").is_dir() {
            collect(&path, files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(Source { path, text });
        }
    }
}

mod catches;
