//! What init does, next to what others do: the cases of `tests/helper/conformance` give the table in `README.md`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

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
    let seen = run_all();
    for place in PLACES {
        let failed: Vec<_> = seen[&("ours", place)].iter().filter(|row| row.verdict == "no").collect();
        assert!(failed.is_empty(), "{place}: {failed:#?}");
        let no_option =
            seen[&("ours", place)].iter().any(|row| row.verdict == "none" || row.verdict == "luck");
        assert!(!no_option, "ours has no excuse");
    }
    tables::keep("conformance", |old| render(&seen, old));
}

type Seen = BTreeMap<(&'static str, &'static str), Vec<Row>>;

/// All programs at once: the time goes into waiting for what never comes.
fn run_all() -> Seen {
    let mut running = Vec::new();
    for (name, path, _) in PROGRAMS {
        assert!(Path::new(path).exists(), "{path} is missing: scripts/setup --test installs it");
        for place in PLACES {
            let mut command = Command::new(helper());
            command.args(["conformance", name, path, place]).stdin(Stdio::null()).stdout(Stdio::piped());
            running.push(((name, place), command.spawn().expect("a process")));
        }
    }
    running
        .into_iter()
        .map(|(key, child)| {
            let output = child.wait_with_output().expect("an output");
            let rows: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(parse).collect();
            assert!(matches!(output.status.code(), Some(0 | 1)), "{key:?}: {}", output.status);
            (key, rows)
        })
        .collect()
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
        let old_row = old.lines().find(|line| line.starts_with(&format!("| {} |", row.id)));
        let old_cells: Vec<&str> = old_row.map(|line| line.split(" | ").collect()).unwrap_or_default();
        let cells = PROGRAMS.iter().enumerate().map(|(column, (name, _, _))| {
            let both = PLACES.map(|place| &seen[&(*name, place)][index]);
            cell(both).unwrap_or_else(|| {
                old_cells.get(column + 2).map_or("?", |cell| cell.trim_end_matches(" |")).into()
            })
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        table.push_str(&format!("| {} | {} | {cells} |\n", row.id, row.behaviour));
    }
    table.push('\n');
    table
}

/// One mark when it is the same in both places; `None` when nothing was seen.
fn cell(both: [&Row; 2]) -> Option<String> {
    let mark = |row: &Row| match row.verdict.as_str() {
        "yes" => Some("✓"),
        "no" => Some("✗"),
        "none" => Some("–"),
        "luck" => Some("~"),
        "unable" => None,
        verdict => panic!("unknown verdict {verdict}: {}", row.why),
    };
    match both.map(mark) {
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
