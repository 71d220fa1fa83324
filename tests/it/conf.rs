//! The configuration from the files to the effective table, with real files.

mod write;

use std::fs;
use std::path::{Path, PathBuf};

use base::exit::Exit;
use base::log::chain;
use conf::environment::Environment;
use conf::files::{self, ReadError};
use conf::grammar::{Grammar, Version};
use conf::settings::Settings;
use conf::write::render;
use conf::{self, ConfError, Loaded, Mode, Request};
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
            "cannot read the configuration directory {}: No such file or directory (os error 2)",
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
            "no config.yaml in {}; the flink-conf.yaml there is ignored: Flink 2.3 reads config.yaml only",
            name(&old)
        ),
    );
    let twice = directory(&[("config.yaml", "a: 1\nb: 2\na: 3\n")]);
    check(
        twice.path(),
        (2, 3),
        Exit::Data,
        &format!("{}/config.yaml:3: the key `a` is twice in one map", name(&twice)),
    );
    let latin = directory(&[]);
    fs::write(latin.path().join("config.yaml"), b"a: b\nc: caf\xe9\n").unwrap();
    check(latin.path(), (2, 3), Exit::Data, &format!("{}/config.yaml:2: not UTF-8", name(&latin)));
    let folder = directory(&[("config.yaml/x", "")]);
    check(
        folder.path(),
        (2, 3),
        Exit::NoInput,
        &format!("cannot read {}/config.yaml: Is a directory (os error 21)", name(&folder)),
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
            "FLINK_PROPERTIES:1: `${NOBODY}` in `x` is not replaced, as there is no such variable".to_owned(),
            "JOB_MANAGER_RPC_ADDRESS=other is not used, as jobmanager.rpc.address is jm".to_owned(),
            format!("`mesos.mastr` ({}:3) is not a known key; did you mean `mesos.master`?", file.display()),
        ]
    );
}

#[test]
fn wrong_variables_are_all_told() {
    let conf = directory(&[("config.yaml", "")]);
    let loaded = load(conf.path(), (2, 3), &[("_SLOTS", "two"), ("PORT_REST", "0")], &[]).unwrap();
    let problems: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "`_SLOTS` is `two` ($_SLOTS), expected a whole number from 1 to 100000",
            "`PORT_REST` is `0` ($PORT_REST), expected a port from 1 to 65535",
        ]
    );
}

#[test]
fn old_files_are_read_however_they_are_stored() {
    let conf = directory(&[]);
    let file = conf.path().join("flink-conf.yaml");
    for (bytes, value, warning) in [
        (&b"\xef\xbb\xbfa: b\n"[..], "b", "byte order mark"),
        (b"\xff\xfea\0:\0 \0b\0", "b", "byte order mark"),
        (b"a: caf\xe9\n", "caf\u{fffd}", "not UTF-8"),
    ] {
        fs::write(&file, bytes).unwrap();
        let loaded = load(conf.path(), (1, 17), &[], &[]).unwrap();
        assert_eq!(loaded.table.get("a"), Some(value));
        assert!(loaded.warnings.iter().any(|told| told.contains(warning)), "{:?}", loaded.warnings);
    }
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
