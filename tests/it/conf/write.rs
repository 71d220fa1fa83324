//! What is written is what Flink and we read back, and nothing else changes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use base::exit::Exit;
use conf::files;
use conf::grammar::{Grammar, Version};
use conf::table::{Origin, Table};
use conf::write::{WriteError, for_flink, render, write};
use proptest::prelude::*;

use super::{assert_golden, directory, load};

/// Values that a writer can get wrong; read by Flink's own classes as the values that stand here.
const NASTY: [(&str, &str); 30] = [
    ("empty", ""),
    ("integer", "010"),
    ("hexadecimal", "0x1F"),
    ("float", "1.50"),
    ("infinity", ".inf"),
    ("boolean", "True"),
    ("null", "null"),
    ("tilde", "~"),
    ("list", "[a, 'b, c', {d: e}]"),
    ("old-list", "a;b"),
    ("map", "k:v,l:w"),
    ("quotes", "\"it's\""),
    ("single", "'x'"),
    ("hash", "v#x # y"),
    ("colon", "a: b"),
    ("url", "http://h:80/p?q=1&r=%20"),
    ("blanks", "  x  "),
    ("tab", "\tx\ty"),
    ("lines", "a\n  b\n\nc\n"),
    ("space-line", "a \nb"),
    ("carriage", "a\r\nb"),
    ("backslash", "a\\b \\n"),
    ("control", "\u{1}\u{7f}\u{85}\u{9f}\u{0}"),
    ("separators", "\u{2028}\u{2029}\u{a0}\u{feff}"),
    ("unicode", "é 😀 \u{e000}"),
    ("indicators", "- ? : , [ ] { } # & * ! | > ' \" % @ `"),
    ("document", "--- x"),
    ("java", "--add-opens=java.base/java.lang=ALL-UNNAMED -Dx=\"y z\" $HOME ${HOME} *"),
    ("true", "key that is no text"),
    ("1.5", "key that is no text: either"),
];

#[test]
fn nasty_values_survive() {
    let mut table = Table::default();
    for (key, value) in NASTY {
        table.set(key, value, Origin::Argument);
    }
    let text = render(&table, Grammar::Yaml).unwrap();
    assert_golden("effective/nasty/config.yaml", &text);
    let directory = directory(&[("config.yaml", &text)]);
    assert_eq!(read_back(directory.path(), (2, 3)), values(&table));
}

#[test]
fn the_user_s_directory_is_only_read() {
    let conf = directory(&[
        ("config.yaml", "a: b\n"),
        ("log4j-console.properties", "x = y\n"),
        ("hadoop/core-site.xml", "<a/>"),
        ("..data_1/masked", "hidden"),
        (".dotfile", "kept"),
    ]);
    symlink("..data_1", conf.path().join("..data")).unwrap();
    symlink("..data/masked", conf.path().join("linked")).unwrap();
    symlink("nowhere", conf.path().join("dangling")).unwrap();
    let before = snapshot(conf.path());
    let loaded = load(conf.path(), (2, 3), &[], &[]).unwrap();
    let target = tempfile::tempdir().unwrap();
    write(&loaded.table, loaded.grammar, conf.path(), target.path()).unwrap();
    assert_eq!(snapshot(conf.path()), before);

    let once = snapshot(target.path());
    let names: Vec<_> = once.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [".dotfile", "config.yaml", "hadoop/core-site.xml", "linked", "log4j-console.properties"]
    );
    assert!(once.iter().all(|(_, mode, _)| *mode == 0o600));
    assert_eq!(fs::read_to_string(target.path().join("linked")).unwrap(), "hidden");
    assert_eq!(read_back(target.path(), (2, 3)), values(&loaded.table));

    let again = load(conf.path(), (2, 3), &[], &[]).unwrap();
    write(&again.table, again.grammar, conf.path(), target.path()).unwrap();
    assert_eq!(snapshot(target.path()), once);
}

/// Files below `directory` by name, with permissions and contents; links are files of their own.
fn snapshot(directory: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            let bytes = if metadata.is_symlink() {
                fs::read_link(&path).unwrap().display().to_string().into_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            found.push((name, metadata.mode() & 0o777, bytes));
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_written_can_be_read_by_a_task() {
    let conf = directory(&[("flink-conf.yaml", "jobmanager.rpc.address: localhost\nb: x: y\n")]);
    let loaded = load(conf.path(), (1, 20), &[("_SLOTS", "2")], &[("secret", "s")]).unwrap();
    let target = tempfile::tempdir().unwrap();
    write(&loaded.table, loaded.grammar, conf.path(), target.path()).unwrap();
    let again = conf::load_delivered(target.path(), (1, 20), &[]).unwrap();
    assert_eq!(values(&again.table), values(&loaded.table));
    assert_eq!(again.grammar, Grammar::Legacy);
    assert_eq!((again.report, again.warnings), (Vec::new(), Vec::new()));
}

#[test]
fn flink_gets_no_key_that_is_ours_alone() {
    let mut table = Table::default();
    for key in [
        "mesos.master",
        "containerized.master.env.A",
        "containerized.taskmanager.env.A",
        "containerized.x",
        "a",
    ] {
        table.set(key, "b", Origin::Argument);
    }
    let keys: Vec<_> = values(&for_flink(&table)).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "containerized.x"]);
}

#[test]
fn the_old_grammar_says_what_it_cannot_hold() {
    let conf = directory(&[("flink-conf.yaml", "jobmanager.rpc.address: jm\n")]);
    let loaded = load(conf.path(), (1, 17), &[], &[("some.key", "a#b")]).unwrap();
    let target = tempfile::tempdir().unwrap();
    let error = write(&loaded.table, loaded.grammar, conf.path(), target.path()).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    assert_eq!(
        error.to_string(),
        "`some.key` (-D) cannot be written to flink-conf.yaml: a `#` starts a comment there and cannot be quoted"
    );
    assert_eq!(snapshot(target.path()), [], "nothing is half written");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let conf = directory(&[("config.yaml", "a: b\n")]);
    let target = conf.path().join("gone");
    let error = write(&Table::default(), Grammar::Yaml, conf.path(), &target).unwrap_err();
    assert!(matches!(&error, WriteError::Write { path, .. } if path.starts_with(&target)), "{error}");
    assert_eq!(error.exit(), Exit::CannotCreate);
}

#[test]
fn a_copied_file_may_be_read_only() {
    let conf = directory(&[("config.yaml", "a: b\n"), ("log4j.properties", "x\n")]);
    fs::set_permissions(conf.path().join("log4j.properties"), fs::Permissions::from_mode(0o444)).unwrap();
    let target = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        write(&Table::default(), Grammar::Yaml, conf.path(), target.path()).unwrap();
    }
    assert_eq!(fs::read_to_string(target.path().join("log4j.properties")).unwrap(), "x\n");
}

/// Half of the characters are those that mean something in one of the grammars.
fn texts() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        " \t\n\r#:'\"\\[]{},&*!|>%@`-?~.0123456789eExX+nulltrue\u{85}\u{2028}".chars().collect::<Vec<_>>(),
    );
    proptest::collection::vec(prop_oneof![special, any::<char>()], 0..12).prop_map(String::from_iter)
}

fn tables() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec((texts(), texts()), 0..8)
}

proptest! {
    #[test]
    fn yaml_returns_every_table(pairs in tables()) {
        let mut table = Table::default();
        for (key, value) in pairs {
            table.set(key, value, Origin::Argument);
        }
        let directory = directory(&[("config.yaml", &render(&table, Grammar::Yaml).unwrap())]);
        prop_assert_eq!(read_back(directory.path(), (2, 3)), values(&table));
    }

    #[test]
    fn the_old_grammar_returns_every_table_that_it_accepts(pairs in tables()) {
        let mut table = Table::default();
        for (key, value) in pairs {
            let mut alone = Table::default();
            alone.set(&key, &value, Origin::Argument);
            if render(&alone, Grammar::Legacy).is_ok() {
                table.set(key, value, Origin::Argument);
            }
        }
        let directory = directory(&[("flink-conf.yaml", &render(&table, Grammar::Legacy).unwrap())]);
        prop_assert_eq!(read_back(directory.path(), (1, 17)), values(&table));
    }

    #[test]
    fn no_text_breaks_the_readers(text in texts(), lines in proptest::collection::vec(texts(), 0..6)) {
        let directory = directory(&[("config.yaml", &text), ("flink-conf.yaml", &lines.join("\n"))]);
        let _ = files::read(directory.path(), (2, 3));
        prop_assert!(files::read(directory.path(), (1, 17)).is_ok());
    }
}

fn values(table: &Table) -> Vec<(String, String)> {
    table.iter().map(|(key, setting)| (key.to_owned(), setting.value.clone())).collect()
}

fn read_back(directory: &Path, version: Version) -> Vec<(String, String)> {
    let mut table = Table::default();
    for entry in files::read(directory, version).unwrap().entries {
        table.set(entry.key, entry.value, Origin::Argument);
    }
    values(&table)
}
