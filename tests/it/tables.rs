//! Tables in pages that are made of what they tell of, and what is in them that no program knows.

use std::fmt::Write as _;
use std::fs::{self, File};

use conf::keys::KEYS;
use conf::rewrite::{OWN_DEFAULTS, OwnDefault, When};
use conf::variables;

/// With this set tables are written instead of compared.
const UPDATE: &str = "UPDATE_TABLES";

/// The table `name` of the README must be what `render` makes of the one that is there.
pub fn keep(name: &str, render: impl FnOnce(&str) -> String) {
    keep_in("README.md", name, render);
}

/// The same in a page of that name.
pub fn keep_in(page: &str, name: &str, render: impl FnOnce(&str) -> String) {
    let path = format!("{}/{page}", env!("CARGO_MANIFEST_DIR"));
    // Another table of it may be written at the same time.
    let turn = File::open(&path).expect("a page");
    turn.lock().expect("a lock");
    let page = fs::read_to_string(&path).expect("a page");
    let (begin, end) = (format!("<!-- {name} table: begin -->\n"), format!("<!-- {name} table: end -->\n"));
    let (before, rest) = page.split_once(&begin).expect("the table begins");
    let (table, after) = rest.split_once(&end).expect("the table ends");
    let found = render(table);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{begin}{found}{end}{after}")).expect("a page");
        return;
    }
    for (found, written) in found.lines().zip(table.lines()) {
        assert_eq!(found, written, "{path} is out of date: run with {UPDATE}=1");
    }
    assert_eq!(found.lines().count(), table.lines().count(), "{path} is out of date: run with {UPDATE}=1");
}

#[test]
fn the_page_tells_all_keys() {
    keep("keys", |_| {
        let mut table = "\n| key | values | default | meaning |\n|---|---|---|---|\n".to_owned();
        for key in KEYS {
            let default = key
                .default
                .filter(|default| !default.is_empty())
                .map(|default| format!("`{default}`"))
                .unwrap_or_default();
            let cells = [format!("`{}`", key.name), key.kind.to_owned(), default, key.meaning.to_owned()];
            row(&mut table, &cells);
        }
        table + "\n"
    });
}

#[test]
fn the_page_tells_all_variables() {
    keep("variables", |_| {
        let mut table = "\n| variable | value | becomes |\n|---|---|---|\n".to_owned();
        for variable in variables::all() {
            row(&mut table, &[format!("`{}`", variable.name()), variable.expected(), variable.meaning()]);
        }
        table + "\n"
    });
}

#[test]
fn the_page_tells_all_defaults_of_our_own() {
    keep_in("docs/defaults.md", "defaults", |_| {
        let mut table = "\n| key | Flink's | here | why |\n|---|---|---|---|\n".to_owned();
        for OwnDefault { key, value, flinks, why, when } in OWN_DEFAULTS {
            let with = if when == When::WithStateDir { ", with `mesos.state-dir`" } else { "" };
            let here = format!("`{value}`{with}");
            row(&mut table, &[format!("`{key}`"), flinks.to_owned(), here, why.to_owned()]);
        }
        table + "\n"
    });
}

fn row(table: &mut String, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(table, "| {} |", cells.join(" | ")).expect("a string takes everything");
}
