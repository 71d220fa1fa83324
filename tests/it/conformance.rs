//! What init does, next to what others do: the cases of `tests/helper/conformance` give the table in `README.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::init::process::{binary, helper};
use crate::tables;

/// Name for the helper, path, heading.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("ours", binary_path(), "flink-on-mesos"),
    ("tini", "/usr/bin/tini", "tini 0.19.0"),
    ("dumb-init", "/usr/bin/dumb-init", "dumb-init 1.2.5"),
    ("catatonit", "/usr/bin/catatonit", "catatonit 0.1.7"),
];

const PLACES: [&str; 2] = ["first", "below"];

const fn binary_path() -> &'static str {
    env!("CARGO_BIN_EXE_flink-on-mesos")
}

/// One case of one program in one place.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    verdict: String,
    behaviour: String,
    why: String,
}

#[test]
fn every_behaviour_in_every_place() {
    let mut seen = run_all();
    for place in PLACES {
        let failed: Vec<_> = seen[&("ours", place)].iter().filter(|row| row.verdict == "no").collect();
        assert!(failed.is_empty(), "{place}: {failed:#?}");
        let no_option =
            seen[&("ours", place)].iter().any(|row| row.verdict == "none" || row.verdict == "luck");
        assert!(!no_option, "ours has no excuse");
    }
    tables::keep("conformance", |old| {
        ask_again(&mut seen, old);
        render(&seen, old)
    });
}

type Seen = BTreeMap<(&'static str, &'static str), Vec<Row>>;

/// All programs at once: the time goes into waiting for what never comes.
fn run_all() -> Seen {
    let mut running = Vec::new();
    for (name, path, _) in PROGRAMS {
        assert!(Path::new(path).exists(), "{path} is missing: scripts/setup --test installs it");
        for place in PLACES {
            running.push(((name, place), start(name, path, place, &[])));
        }
    }
    running.into_iter().map(|(key, child)| (key, rows(child))).collect()
}

/// All cases, or those of `ids`.
fn start(name: &str, path: &str, place: &str, ids: &[&str]) -> Child {
    let mut command = Command::new(helper());
    command.args(["conformance", name, path, place]).args(ids);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a process")
}

fn rows(child: Child) -> Vec<Row> {
    let output = child.wait_with_output().expect("an output");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

/// Races of the others are not ours to mend: a row of theirs that is not as in `old` is tried four more times.
fn ask_again(seen: &mut Seen, old: &str) {
    for (column, (name, path, _)) in PROGRAMS.iter().enumerate().skip(1) {
        for (index, place) in PLACES.iter().enumerate() {
            for row in seen.get_mut(&(*name, *place)).expect("every program was run") {
                let is_as_written = |row: &Row| {
                    let written = written(old, &row.id, column).unwrap_or_default();
                    let mark = written.split(' ').nth(index).unwrap_or(written);
                    mark_of(row).is_none_or(|seen| seen == mark)
                };
                let again = (0..4).filter(|_| !is_as_written(row)).find_map(|_| {
                    rows(start(name, path, place, &[&row.id])).into_iter().find(|row| is_as_written(row))
                });
                *row = again.unwrap_or_else(|| row.clone());
            }
        }
    }
}

fn parse(line: &str) -> Row {
    let fields: Vec<&str> = line.splitn(4, '\t').collect();
    let [id, verdict, behaviour, why] = fields[..] else { panic!("no row: {line}") };
    Row { id: id.into(), verdict: verdict.into(), behaviour: behaviour.into(), why: why.into() }
}

/// What could not be tried on this machine is as it was in `old`.
fn render(seen: &Seen, old: &str) -> String {
    let headings = PROGRAMS.map(|(_, _, heading)| heading).join(" | ");
    let mut table = format!("\n| | behaviour | {headings} |\n|---|---|{}\n", "---|".repeat(PROGRAMS.len()));
    let rows = &seen[&("ours", "first")];
    for (index, row) in rows.iter().enumerate() {
        let cells = PROGRAMS.iter().enumerate().map(|(column, (name, _, _))| {
            let both = PLACES.map(|place| &seen[&(*name, place)][index]);
            cell(both).unwrap_or_else(|| written(old, &row.id, column).unwrap_or("?").to_owned())
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        table.push_str(&format!("| {} | {} | {cells} |\n", row.id, row.behaviour));
    }
    table.push('\n');
    table
}

/// What the table says of a case and a program.
fn written<'a>(table: &'a str, id: &str, column: usize) -> Option<&'a str> {
    let row = table.lines().find(|line| line.starts_with(&format!("| {id} |")))?;
    row.split(" | ").nth(column + 2).map(|cell| cell.trim_end_matches(" |"))
}

/// `None` when nothing was seen.
fn mark_of(row: &Row) -> Option<&'static str> {
    match row.verdict.as_str() {
        "yes" => Some("✓"),
        "no" => Some("✗"),
        "none" => Some("–"),
        "luck" => Some("~"),
        "unable" => None,
        verdict => panic!("unknown verdict {verdict}: {}", row.why),
    }
}

/// One mark when it is the same in both places; `None` when nothing was seen.
fn cell(both: [&Row; 2]) -> Option<String> {
    match both.map(mark_of) {
        [Some(first), Some(below)] if first == below => Some(first.to_owned()),
        [Some(first), Some(below)] => Some(format!("{first} {below}")),
        [None, _] | [_, None] => None,
    }
}

#[test]
fn a_table_that_is_out_of_date_is_seen() {
    let row = |verdict: &str| Row {
        id: "B1".into(),
        verdict: verdict.into(),
        behaviour: "x".into(),
        why: String::new(),
    };
    let seen = |verdict: &str| -> Seen {
        let keys = PROGRAMS.iter().flat_map(|(name, _, _)| PLACES.map(|place| (*name, place)));
        keys.map(|key| (key, vec![row(if key == ("tini", "below") { verdict } else { "yes" })])).collect()
    };
    let good = render(&seen("yes"), "");
    assert!(good.contains("| B1 | x | ✓ | ✓ | ✓ | ✓ |"), "{good}");
    let other = render(&seen("no"), &good);
    assert!(other.contains("| B1 | x | ✓ | ✓ ✗ | ✓ | ✓ |"), "{other}");
    assert_eq!(render(&seen("unable"), &other), other);
    assert_eq!(binary(), binary_path());
}
