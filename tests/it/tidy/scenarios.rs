//! The tables of scenarios: each row names tests that exist.

use super::Finding;
use super::source::Source;

/// With how many scenarios there are.
pub const TABLES: [(&str, usize); 2] =
    [("tests/it/scenarios.md", 55), ("tests/it/dispatcher/scenarios.md", 20)];

/// Words that stand for a file of tests.
const SHORT: [(&str, &str); 2] =
    [("simulation", "src/scheduler/tests/simulation.rs"), ("transcript", "src/scheduler/transcript.rs")];

/// Of what we do not do there is nothing to test.
const NOT_USED: &str = "not used";

pub fn check(table: &Source, scenarios: usize, tree: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = 0;
    for (index, line) in table.text.lines().enumerate() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, number, _, tests, _] = cells[..] else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        seen += 1;
        if number != seen {
            findings.push(Finding::new(table, index + 1, format!("scenario {number} where {seen} is due")));
        }
        let wrong = complaints(tests, tree);
        let of_row = |rule| Finding::new(table, index + 1, format!("scenario {number}: {rule}"));
        findings.extend(wrong.into_iter().map(of_row));
    }
    if seen != scenarios {
        findings.push(Finding::new(table, 1, format!("{seen} scenarios, expected {scenarios}")));
    }
    findings
}

/// What is wrong with a cell of tests.
pub fn complaints(tests: &str, tree: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    if tests.contains("missing") {
        wrong.push("something is missing".to_owned());
    }
    let quoted: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
    for name in &quoted {
        if !is_there(name, tree) {
            wrong.push(format!("there is no `{name}`"));
        }
    }
    let names_file = |name: &&str| name.contains('/');
    let is_short =
        SHORT.iter().any(|(word, file)| tests.to_lowercase().contains(word) && is_there(file, tree));
    if !quoted.iter().any(names_file) && !is_short && !tests.contains(NOT_USED) {
        wrong.push("no test is named".to_owned());
    }
    wrong
}

/// A path of a file, directory or script with its argument, or the name of a function or type.
fn is_there(name: &str, tree: &[Source]) -> bool {
    let path = name.split(' ').next().unwrap_or_default();
    if path.contains('/') {
        let below = format!("{path}/");
        return tree.iter().any(|source| source.path == path || source.path.starts_with(&below));
    }
    let last = name.rsplit("::").next().unwrap_or_default();
    let function = format!("fn {last}(");
    tree.iter().filter(|source| source.is_rust()).any(|source| match last.starts_with(char::is_uppercase) {
        true => source.text.contains(last),
        false => source.text.contains(&function),
    })
}
