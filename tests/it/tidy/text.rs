//! Rules for what is written, in any language: sizes, white space, words that must not stay, links.

use std::path::Path;

use super::Finding;
use super::source::{Code, Source};

/// Above this a file holds more than one thing. Tests at its end do not count.
const MAX_CODE_LINES: usize = 400;
/// With tests and all: what can still be read in one sitting.
const MAX_FILE_BYTES: usize = 30 * 1024;
/// What can be seen at once.
const MAX_FUNCTION_LINES: usize = 70;

/// Files that may be larger: file and the reason.
pub const LARGER: &[(&str, &str)] = &[];

/// Functions that may be longer: file, name and the reason.
pub const LONGER: &[(&str, &str, &str)] = &[];

/// Notes to oneself and stand-ins; they belong into an issue or are to be done.
const WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
const MACROS: &[&str] = &["todo", "unimplemented"];

/// Places outside this repository.
const PLACES: &[&str] = &["/work/", "/root/"];
/// The tools know where their registries are, and users have their own.
const REGISTRIES: &[&str] = &[
    "pypi.org",
    "pythonhosted.org",
    "static.crates.io",
    "index.crates.io",
    "crates.io/api",
    "repo1.maven.org",
    "repo.maven.apache.org",
    "registry.npmjs.org",
    "deb.debian.org",
    "proxy.golang.org",
];

/// Whether a file holds tests alone.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.ends_with("/transcript.rs")
}

pub fn check_size(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let code = source.code();
    let mut findings = Vec::new();
    let code_lines = code.tests_line - 1;
    let is_code = !is_test(&source.path) && !LARGER.iter().any(|(path, _)| *path == source.path);
    if is_code && code_lines > MAX_CODE_LINES {
        let rule = format!("{code_lines} lines without tests, more than {MAX_CODE_LINES}");
        findings.push(Finding::new(source, MAX_CODE_LINES, rule));
    }
    if source.text.len() > MAX_FILE_BYTES {
        let rule = format!("{} bytes, more than {MAX_FILE_BYTES}", source.text.len());
        findings.push(Finding::new(source, 1, rule));
    }
    findings.extend(
        long_functions(source, &code)
            .into_iter()
            .filter(|(name, _)| {
                !LONGER.iter().any(|(path, longer, _)| *path == source.path && longer == name)
            })
            .map(|(_, finding)| finding),
    );
    findings
}

/// Functions above the limit, listed or not.
pub fn long_functions(source: &Source, code: &Code) -> Vec<(String, Finding)> {
    code.functions
        .iter()
        .map(|function| (function, function.last_line - function.first_line + 1))
        .filter(|(_, lines)| *lines > MAX_FUNCTION_LINES)
        .map(|(function, lines)| {
            let rule = format!("{} has {lines} lines, more than {MAX_FUNCTION_LINES}", function.name);
            (function.name.clone(), Finding::new(source, function.first_line, rule))
        })
        .collect()
}

pub fn check_text(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let mut found = |rule: String| findings.push(Finding::new(source, index + 1, rule));
        if line.ends_with([' ', '\t', '\r']) {
            found("white space at the end of the line".to_owned());
        }
        if source.is_rust() && line.contains('\t') {
            found("tab".to_owned());
        }
        for word in WORDS.iter().filter(|word| has_word(line, word)) {
            found(format!("{word}: do it, or write an issue"));
        }
        for place in PLACES.iter().filter(|place| has_place(line, place)) {
            found(format!("{place}: a path outside this repository"));
        }
        for registry in REGISTRIES.iter().filter(|registry| line.contains(**registry)) {
            found(format!("{registry}: address of a package registry"));
        }
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        findings.push(Finding::new(source, source.text.lines().count(), "no newline at the end of the file"));
    }
    findings
}

pub fn check_unfinished(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let code = source.code();
    let stubs = code
        .macros
        .iter()
        .filter(|name| name.segments.last().is_some_and(|last| MACROS.contains(&last.as_str())));
    let stubs = stubs.map(|name| (name.line, "a stand-in for code"));
    let ignored = code.ignore_lines.iter().map(|line| (*line, "a test that is not run"));
    stubs.chain(ignored).map(|(line, rule)| Finding::new(source, line, rule)).collect()
}

/// Links of a Markdown file to files beside it and to headings in it.
pub fn check_links(source: &Source, root: &Path) -> Vec<Finding> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let here = root.join(&source.path);
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for target in link_targets(line) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { here.clone() } else { here.with_file_name(file) };
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if !path.exists() {
                findings.push(Finding::new(source, index + 1, format!("{target}: leads to no file")));
            } else if !anchor.is_empty() && !text.lines().any(|line| slug(line).as_deref() == Some(anchor)) {
                findings.push(Finding::new(source, index + 1, format!("{target}: leads to no heading")));
            }
        }
    }
    findings
}

fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// The anchor of a heading, as code forges make it.
fn slug(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect())
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        !line[..at].ends_with(letter) && !line[at + word.len()..].starts_with(letter)
    })
}

/// `/work/` as the beginning of a path, not in the middle of another.
fn has_place(line: &str, place: &str) -> bool {
    line.match_indices(place)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.})".contains(c)))
}
