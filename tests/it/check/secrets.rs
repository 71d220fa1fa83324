//! A configuration with a secret in each place where one can stand tells none of them, whether it is right or wrong.

use std::fmt::Write as _;

use conf::keys::{self, Definition};
use conf::redact::{MASK, Secrecy};

use super::{FLINK, Outcome, Site};
use crate::delivery::secrets::assert_hidden;

const SECRET: &str = "hush-87";

/// What is no secret and without which nothing else is looked at.
const SIZES: &str = "jobmanager.memory.process.size: 1600m\ntaskmanager.memory.process.size: 1728m\n";

/// Of keys without a definition.
const OTHERS: [(&str, &str); 14] = [
    ("containerized.master.env.DB_PASS", "hush-87"),
    ("containerized.taskmanager.env.DB_PASS", "hush-87"),
    ("env.java.opts", "-Dapp.key=hush-87"),
    ("env.java.opts.all", "-Dapp.key='a hush-87' -Dmy.password=hush-87 -javaagent:/nosuch.jar=key=hush-87"),
    ("env.java.opts.jobmanager", "-Dapp.key=hush-87 -XX:OnError=\"curl -u a:hush-87 h\""),
    ("env.java.default-opts.taskmanager", "-Dapp.key=hush-87"),
    ("mesos.resourcemanager.task.bootstrap-cmd", "curl -u user:hush-87 https://h"),
    ("s3.secret-key", "hush-87"),
    ("FS.Azure.Account.Key.x", "hush-87"),
    ("metrics.reporter.x.credentials", "hush-87"),
    ("my.list", "[{name: a, Password: hush-87}]"),
    ("my.map", "user:a,api-key:hush-87"),
    ("my.jdbc", "jdbc:mysql://user:hush-87@h/d?passwd=hush-87"),
    ("my.signed", "https://h/x?X-Amz-Signature=hush-87"),
];

/// None where the type of the key leaves no room.
fn value(key: &Definition) -> Option<&'static str> {
    match key.secrecy {
        Secrecy::Nothing => None,
        Secrecy::Text => Some("https://user:hush-87@host/x?sig=hush-87"),
        Secrecy::Addresses => Some("zk://user:hush-87@127.0.0.1:1/x?sig=hush-87"),
        Secrecy::JavaOptions => Some("-Dapp.key=hush-87"),
        Secrecy::DockerParameters => Some("env=DB_PASS=hush-87,log-opt=splunk-token=hush-87"),
        Secrecy::Everything => Some("digest:user:hush-87"),
    }
}

fn places() -> Vec<(&'static str, &'static str)> {
    let defined = keys::all().filter_map(|key| Some((key.name, value(key)?)));
    defined.chain(OTHERS).collect()
}

fn hides(what: &str, outcome: &Outcome) {
    assert_hidden(&format!("{what} in stdout"), &outcome.stdout);
    assert_hidden(&format!("{what} in stderr"), &outcome.stderr);
}

#[test]
fn the_configuration_is_shown_without_any() {
    let mut text = SIZES.to_owned();
    for (key, value) in places() {
        writeln!(text, "{key}: '{}'", value.replace('\'', "''")).expect("a string takes everything");
    }
    for site in [
        Site::new(FLINK, "config.yaml", &text),
        Site::new(FLINK, "config.yaml", SIZES).variable("FLINK_PROPERTIES", &text.replace(": '", ": ")),
    ] {
        let shown = site.config(&[], &[]);
        assert_eq!(shown.code, 0, "{shown:?}");
        hides("config", &shown);
        for (key, _) in places() {
            let line = shown.stdout.lines().find(|line| line.starts_with(&format!("{key}: ")));
            let line = line.unwrap_or_else(|| panic!("{key} is missing: {shown:?}"));
            assert!(line.contains(MASK), "{line}");
        }
        let checked = site.config(&["--check"], &[]);
        assert_ne!(checked.code, 0, "{checked:?}");
        hides("config --check", &checked);
    }
}

#[test]
fn no_message_about_a_single_value_has_one() {
    let site = Site::with(FLINK, "");
    let masters =
        ["u:hush-87@m:x", "zk://u:hush-87@:x/", "zk://hush-87@h/m", "ftp://u:hush-87@m", "zk://u:hush-87@h"];
    let quorums = ["user:hush-87@z:2181", "zk://user:hush-87@z:2181/x"];
    let uris = ["https://h/x?sig=hush-87,,b", "[{uri: 'https://h/x?sig=hush-87', cache: true}]"];
    let parameters = ["env=A=hush-87,b", "[{env: [hush-87]}]", "hush-87"];
    let single = masters
        .map(|value| ("mesos.master", value))
        .into_iter()
        .chain(quorums.map(|value| ("high-availability.zookeeper.quorum", value)))
        .chain(uris.map(|value| ("mesos.resourcemanager.tasks.uris", value)))
        .chain(parameters.map(|value| ("mesos.resourcemanager.tasks.container.docker.parameters", value)))
        .chain(places());
    for (key, value) in single {
        assert!(value.contains(SECRET), "{key}: {value}");
        let high_availability =
            ["high-availability.type=zookeeper", "high-availability.storageDir=hdfs:///x"];
        let own = format!("{key}={value}");
        let mut properties = vec![&*own];
        if key == "high-availability.zookeeper.quorum" {
            properties.extend(high_availability);
        }
        hides(&own, &site.check(&properties));
        let quoted = format!("{key}=\"{value}\"");
        hides(&quoted, &site.config(&[], &[&quoted]));
    }
}

#[test]
fn a_command_line_that_is_printed_has_none() {
    let site = Site::with(FLINK, "");
    let options = OTHERS.iter().filter(|(key, _)| key.starts_with("env.java"));
    let properties: Vec<_> = options.map(|(key, value)| format!("{key}={value}")).collect();
    let properties: Vec<_> = properties.iter().map(String::as_str).collect();
    for process in ["jobmanager", "taskmanager"] {
        let printed = site.config(&["--command", process], &properties);
        assert_eq!(printed.code, 0, "{printed:?}");
        assert!(printed.stdout.contains(&format!("-Dapp.key={MASK}")), "{printed:?}");
        hides("config --command", &printed);
    }
}

/// What stands on a line that cannot be read.
#[test]
fn what_is_wrong_with_a_file_is_told_without_any() {
    for (name, text) in [
        ("config.yaml", "a.password: hush-87\n b: c\n"),
        ("config.yaml", "a.password: \"hush-87\n"),
        ("config.yaml", "a.password: [hush-87\n"),
        ("config.yaml", "a.password: @hush-87\n"),
        ("config.yaml", "a.password: *hush-87\n"),
        ("config.yaml", "a.password: !hush-87 x\n"),
        ("config.yaml", "a.password: !!int hush-87\n"),
        ("config.yaml", "a.password: %hush-87\n"),
        ("flink-conf.yaml", "a.password hush-87\n"),
        ("flink-conf.yaml", "a.password:hush-87\n"),
    ] {
        let site = Site::new(FLINK, name, text);
        hides(text, &site.check(&[]));
        let site = Site::with(FLINK, "").variable("FLINK_PROPERTIES", text);
        hides(text, &site.check(&[]));
    }
}
