//! The configuration from the files to the effective directory, with real files.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use flink_on_mesos::conf::environment::Environment;
use flink_on_mesos::conf::files::{self, ReadError};
use flink_on_mesos::conf::grammar::{Grammar, Version};
use flink_on_mesos::conf::settings::Settings;
use flink_on_mesos::conf::table::{Origin, Table};
use flink_on_mesos::conf::write::{WriteError, render, write};
use flink_on_mesos::conf::{self, ConfError, Loaded, Mode, Request};
use flink_on_mesos::exit::Exit;
use flink_on_mesos::log::chain;
use proptest::prelude::*;
use tempfile::TempDir;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conf");

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn load(
    conf_dir: &Path,
    version: Version,
    variables: &[(&str, &str)],
    arguments: &[(&str, &str)],
) -> Result<Loaded, ConfError> {
    let environment: Environment = variables.iter().copied().collect();
    let arguments: Vec<_> =
        arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    conf::load(&Request {
        conf_dir,
        version,
        environment: &environment,
        arguments: &arguments,
        host_name: "kernel-name",
        mode: Mode::Cluster,
    })
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

/// Compares with a file under `tests/data/conf`, or writes it when `UPDATE_GOLDEN` is set.
fn assert_golden(name: &str, text: &str) {
    let path = PathBuf::from(DATA).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[test]
fn later_layers_win_and_tell_what_they_overrode() {
    let conf =
        directory(&[("config.yaml", "rest.port: 1\nrest:\n  address: web\njobmanager.rpc.address: jm\n")]);
    let loaded = load(
        conf.path(),
        (2, 3),
        &[("FLINK_PROPERTIES", "rest.port: 2\na: -Dx  -Dy=${WHO}"), ("WHO", "me"), ("PORT_REST", "3")],
        &[("rest.port", "4")],
    )
    .unwrap();
    let history: Vec<_> =
        loaded.table.overridden("rest.port").iter().map(|old| old.origin.to_string()).collect();
    let file = format!("{}:1", conf.path().join("config.yaml").display());
    assert_eq!(history, [&*file, "FLINK_PROPERTIES:1", "$PORT_REST"]);
    assert_eq!(loaded.table.get("rest.port"), Some("4"));
    assert_eq!(loaded.table.get("a"), Some("-Dx  -Dy=me"));
    assert_eq!(loaded.table.get("rest.address"), Some("web"));
    assert_eq!(loaded.report, []);
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn the_version_decides_which_file_counts() {
    let both = directory(&[("flink-conf.yaml", "a: legacy\n"), ("config.yaml", "a: yaml\n")]);
    for (version, expected, warning) in [
        ((1, 17), "legacy", "config.yaml is not read: Flink 1.17 reads flink-conf.yaml only"),
        ((1, 18), "legacy", "config.yaml is not read: Flink 1.18 reads flink-conf.yaml only"),
        ((1, 19), "legacy", "config.yaml is not read: Flink 1.19 prefers flink-conf.yaml"),
        ((1, 20), "legacy", "config.yaml is not read: Flink 1.20 prefers flink-conf.yaml"),
        ((2, 0), "yaml", "flink-conf.yaml is not read: Flink 2.0 reads config.yaml only"),
    ] {
        let file = files::read(both.path(), version).unwrap();
        assert_eq!(file.entries[0].value, expected, "{version:?}");
        assert_eq!(file.warnings, [format!("{}/{warning}", both.path().display())]);
    }
    let yaml = directory(&[("config.yaml", "a: yaml\n")]);
    assert_eq!(files::read(yaml.path(), (1, 19)).unwrap().grammar, Grammar::Yaml);
}

#[test]
fn what_cannot_be_read_is_named() {
    let name = |directory: &TempDir| directory.path().display().to_string();
    let check = |conf: &Path, version, exit: Exit, expected: &str| {
        let error = load(conf, version, &[], &[]).unwrap_err();
        assert_eq!((chain(&error), error.exit()), (expected.to_owned(), exit));
    };
    let empty = directory(&[]);
    let gone = empty.path().join("gone");
    check(
        &gone,
        (2, 3),
        Exit::NoInput,
        &format!(
            "read the configuration directory {}: No such file or directory (os error 2)",
            gone.display()
        ),
    );
    check(
        empty.path(),
        (1, 20),
        Exit::NoInput,
        &format!("no flink-conf.yaml or config.yaml in {}", name(&empty)),
    );
    let old = directory(&[("flink-conf.yaml", "a: b\n")]);
    check(
        old.path(),
        (2, 3),
        Exit::NoInput,
        &format!(
            "no config.yaml in {}; the flink-conf.yaml there does not count: Flink 2.3 reads config.yaml only",
            name(&old)
        ),
    );
    let twice = directory(&[("config.yaml", "a: 1\nb: 2\na: 3\n")]);
    check(
        twice.path(),
        (2, 3),
        Exit::Data,
        &format!("{}/config.yaml:3: the key `a` stands twice in one map", name(&twice)),
    );
    let latin = directory(&[]);
    fs::write(latin.path().join("flink-conf.yaml"), b"a: b\nc: caf\xe9\n").unwrap();
    check(latin.path(), (1, 17), Exit::Data, &format!("{}/flink-conf.yaml:2: not UTF-8", name(&latin)));
    let folder = directory(&[("config.yaml/x", "")]);
    check(
        folder.path(),
        (2, 3),
        Exit::NoInput,
        &format!("read {}/config.yaml: Is a directory (os error 21)", name(&folder)),
    );
    let large = directory(&[("config.yaml", &"#".repeat(1 + (1 << 20)))]);
    assert!(matches!(files::read(large.path(), (2, 3)), Err(ReadError::TooLarge { .. })));
}

#[test]
fn odd_lines_are_warned_about_with_their_place() {
    let conf =
        directory(&[("flink-conf.yaml", "jobmanager.rpc.address: jm\nrest.port:8081\nmesos.mastr: m\n")]);
    let loaded = load(
        conf.path(),
        (1, 17),
        &[("FLINK_PROPERTIES", "x: ${NOBODY}"), ("JOB_MANAGER_RPC_ADDRESS", "other")],
        &[],
    )
    .unwrap();
    let file = conf.path().join("flink-conf.yaml");
    assert_eq!(
        loaded.warnings,
        [
            format!("{}:2: skipped, as there is no `key: value` (a colon and a space)", file.display()),
            "FLINK_PROPERTIES:1: `${NOBODY}` in `x` stays as it is, as there is no such variable".to_owned(),
            "JOB_MANAGER_RPC_ADDRESS=other is not used, as jobmanager.rpc.address is jm".to_owned(),
            format!(
                "`mesos.mastr` ({}:3) is not a key that is known here; did you mean `mesos.master`?",
                file.display()
            ),
        ]
    );
}

#[test]
fn wrong_variables_end_with_78() {
    let conf = directory(&[("config.yaml", "")]);
    let error = load(conf.path(), (2, 3), &[("_SLOTS", "two"), ("PORT_REST", "0")], &[]).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    assert_eq!(
        chain(&error),
        "`_SLOTS` is `two` ($_SLOTS), expected a whole number from 1 to 100000; \
         `PORT_REST` is `0` ($PORT_REST), expected a port from 1 to 65535"
    );
}

/// What Flink ships becomes a cluster. `GlobalConfiguration` of the three versions reads the golden files as
/// the values that stand in them.
#[test]
fn shipped_files_become_effective_ones() {
    for version in [(1, 17), (1, 20), (2, 3)] {
        let name = format!("{}.{}", version.0, version.1);
        let shipped = PathBuf::from(DATA).join("shipped").join(&name);
        let variables = [
            ("HOST", "agent-7.example"),
            ("_CLIENT_TM_COUNT", "3"),
            ("_CLIENT_TM_MEMORY", "2048"),
            ("_SLOTS", "2"),
            ("_CLIENT_USERNAME", "ann"),
            ("PORT_RPC", "31001"),
            ("PORT_REST", "31002"),
            ("FLINK_PROPERTIES", "env.java.opts.jobmanager: -Da=\"b  c\"\nstate.backend.type: rocksdb"),
        ];
        let loaded = load(&shipped, version, &variables, &[("mesos.master", "zk://z:2181/mesos")]).unwrap();
        assert_eq!(loaded.warnings, [""; 0]);
        let settings = Settings::from_table(&loaded.table).unwrap();
        assert_eq!(settings.tasks.initial, 3);
        assert_eq!(settings.job_manager.rest_ports.single(), Some(31002));
        let report: String = loaded.report.iter().map(|change| format!("{change}\n")).collect();
        assert_golden(&format!("effective/{name}/report.txt"), &report);
        let text = render(&loaded.table, loaded.grammar).unwrap();
        assert_golden(&format!("effective/{name}/{}", loaded.grammar.file_name()), &text);
    }
}

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
fn what_is_written_can_be_read_by_our_other_processes() {
    let conf = directory(&[("flink-conf.yaml", "jobmanager.rpc.address: localhost\nb: x: y\n")]);
    let loaded = load(conf.path(), (1, 20), &[("_SLOTS", "2")], &[("secret", "s")]).unwrap();
    let target = tempfile::tempdir().unwrap();
    write(&loaded.table, loaded.grammar, conf.path(), target.path()).unwrap();
    let environment =
        Environment::from_iter([("_SLOTS", "7"), ("HOST", "elsewhere"), ("FLINK_PROPERTIES", "b: z")]);
    let again = conf::load(&Request {
        conf_dir: target.path(),
        version: (1, 20),
        environment: &environment,
        arguments: &[],
        host_name: "other",
        mode: Mode::Effective,
    })
    .unwrap();
    assert_eq!(values(&again.table), values(&loaded.table));
    assert_eq!(again.grammar, Grammar::Legacy);
    assert_eq!((again.report, again.warnings), (Vec::new(), Vec::new()));
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
